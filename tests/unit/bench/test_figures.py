"""Percentiles are of every value, and people are distinct and valid."""

from itertools import islice
from math import isnan

import pytest

from shared.kernel.nhs_number import are_plainly_valid
from tests.bench.figures import Figure, delays, percentile
from tests.bench.people import nhs_numbers


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1, 100), (0, 1)])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(share: float, value: int) -> None:
    assert percentile(reversed(range(1, 101)), share) == value


def test_the_worst_of_few_is_not_lost_in_their_99th() -> None:
    assert delays([0.001] * 9 + [1.0]) == {"p50": 1.0, "p99": 1000.0, "worst": 1000.0}
    assert isnan(percentile([], 0.5))


def test_a_target_is_a_floor_or_a_ceiling() -> None:
    assert [Figure("rate", "1/s", 10, is_floor=True).is_reached(value) for value in (9.9, 10)] == [False, True]
    assert [Figure("p99", "ms", 10).is_reached(value) for value in (10, 10.1, float("nan"))] == [True, False, False]


def test_everybody_has_a_valid_number_of_their_own() -> None:
    numbers = list(islice(nhs_numbers(), 50_000))
    assert are_plainly_valid(numbers)
    assert len(set(numbers)) == len(numbers)
