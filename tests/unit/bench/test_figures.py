"""Percentiles, limits and ratios of figures, and the people of the bench."""

from itertools import islice
from math import isnan

import pytest

from shared.kernel.nhs_number import are_plainly_valid
from tests.bench.figures import Figure, delays, percentile
from tests.bench.people import nhs_numbers


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1, 100), (0, 1)])
def test_percentile_uses_the_nearest_rank(share: float, value: int) -> None:
    assert percentile(reversed(range(1, 101)), share) == value


def test_p99_of_few_values_includes_the_worst() -> None:
    assert delays([0.001] * 9 + [1.0]) == {"p50": 1.0, "p99": 1000.0, "worst": 1000.0}
    assert isnan(percentile([], 0.5))


def test_limit_is_a_minimum_or_a_maximum() -> None:
    assert [Figure("rate", "1/s", is_floor=True).is_within(10, value) for value in (9.9, 10)] == [False, True]
    assert [Figure("p99", "ms").is_within(10, value) for value in (10, 10.1, float("nan"))] == [True, False, False]


def test_ratio_divides_the_figure_by_its_yardstick() -> None:
    figure = Figure("p99", "ms", yardstick="plain p99")
    assert figure.ratio_of({"p99": 3.0, "plain p99": 6.0}) == 0.5
    assert figure.ratio_of({"p99": 3.0}) is None
    assert Figure("p99", "ms").ratio_of({"p99": 3.0}) is None


def test_people_have_distinct_valid_numbers() -> None:
    numbers = list(islice(nhs_numbers(), 50_000))
    assert are_plainly_valid(numbers)
    assert len(set(numbers)) == len(numbers)
