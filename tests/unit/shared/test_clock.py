"""Time is an input."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.clock import LONDON, FrozenClock, ShiftableClock, SystemClock, clock, wall_clock

NOW = datetime(2015, 3, 29, 0, 59, 59, tzinfo=UTC)


class Answering:
    """A database that gives one answer."""

    def __init__(self, answer: datetime) -> None:
        self.answer, self.asked = answer, list[str]()

    async def fetchval(self, query: str) -> Any:
        self.asked.append(query)
        return self.answer


async def test_the_systems_clock_asks_no_database() -> None:
    database = Answering(NOW)

    assert abs(await SystemClock().now(database) - wall_clock()) < timedelta(seconds=5)
    assert database.asked == []


async def test_the_shiftable_clock_is_the_databases_own() -> None:
    assert await ShiftableClock().now(Answering(NOW)) == NOW


async def test_a_frozen_clock_stands_until_it_is_moved() -> None:
    frozen = FrozenClock(NOW)
    frozen.advance(timedelta(seconds=1))

    assert await frozen.now(Answering(wall_clock())) == NOW + timedelta(seconds=1)


@pytest.mark.parametrize(("allowed", "kind"), [(True, ShiftableClock), (False, SystemClock)])
def test_time_travel_needs_permission(*, allowed: bool, kind: type) -> None:
    assert type(clock(allow_time_travel=allowed)) is kind


def test_london_springs_forward_between_two_seconds() -> None:
    assert [(NOW + timedelta(seconds=more)).astimezone(LONDON).hour for more in (0, 1)] == [0, 2]
