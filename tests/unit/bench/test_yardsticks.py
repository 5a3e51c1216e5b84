"""Yardsticks are measured before and after a run; overload and comparisons count correctly."""

from array import array
from collections.abc import Iterator
from math import inf
from uuid import UUID

import pytest

from tests.bench.compare import COMPARED, ratio
from tests.bench.figures import Run
from tests.bench.load import LoadResult
from tests.bench.scenario import Scenario
from tests.bench.scenarios import ALL
from tests.bench.scenarios.overload import outcome
from tests.bench.yardsticks import commit_to_record, in_turn


async def test_yardstick_is_the_mean_of_before_and_after() -> None:
    measured: Iterator[Run] = ({"bare p50": value} for value in (4.0, 6.0))

    async def measure() -> Run:
        return next(measured)

    async with in_turn(measure, "bare") as found:
        assert found == {}
    assert found == {"bare p50": 5.0, "bare drift": 1.5}


def test_record_not_received_has_an_infinite_delay() -> None:
    first, second = UUID(int=1), UUID(int=2)
    found = commit_to_record({first: 1.0, second: 1.0}, {first: 1.25})
    assert found == {"p50": 250.0, "p99": inf, "worst": inf, "events": 2, "records not received": 1}


def test_overload_separates_accepted_refused_and_other_responses() -> None:
    status = array("H", [201, 503, 503, 0, 201])
    result = LoadResult(
        latency=array("d", [0.1, 0.0, 0.0, 60.0, 0.2]), status=status, has_retry_after=array("b", [0, 1, 0, 0, 0]), wall_seconds=2.0
    )
    found = outcome(result, rows=1)
    counted = ("accepted", "refused with 503", "503 without Retry-After", "other responses", "acknowledged and not stored")
    assert [found[name] for name in counted] == [2, 2, 1, 1, 1]
    assert found["accepted per second"] == 1.0
    assert found["accepted p99"] == 200.0


def test_comparison_ratio_is_that_of_the_means() -> None:
    assert ratio([400.0, 600.0], [900.0, 1_100.0]) == pytest.approx(2.0)


def test_comparison_names_known_scenarios_only() -> None:
    assert {compared.name for compared in COMPARED} <= {scenario.name for scenario in ALL}
    assert [compared.names[0] for compared in COMPARED] == [(compared.name, {}) for compared in COMPARED]


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_ratio_target_has_a_yardstick(scenario: Scenario) -> None:
    assert scenario.figures
    assert all(figure.yardstick for figure in scenario.figures if figure.ratio is not None)
