"""The clock of a context reads the database, with or without a shift."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.clock import LONDON, DatabaseClock, FrozenClock, wall_clock

NOW = datetime(2015, 3, 29, 0, 59, 59, tzinfo=UTC)


class FixedDatabase:
    """A database with one fixed result."""

    def __init__(self, result: datetime) -> None:
        self.result, self.queries = result, list[str]()

    async def fetchval(self, query: str) -> Any:
        self.queries.append(query)
        return self.result


@pytest.mark.parametrize("allowed", [False, True])
async def test_time_is_that_of_the_database(*, allowed: bool) -> None:
    assert await DatabaseClock(allow_time_travel=allowed).now(FixedDatabase(NOW)) == NOW


@pytest.mark.parametrize("allowed", [False, True])
async def test_shift_is_read_only_with_permission(*, allowed: bool) -> None:
    database = FixedDatabase(NOW)
    await DatabaseClock(allow_time_travel=allowed).now(database)

    assert ["clock_offset" in query for query in database.queries] == [allowed]


async def test_frozen_clock_changes_only_when_set() -> None:
    frozen = FrozenClock(NOW)
    frozen.advance(timedelta(seconds=1))

    assert await frozen.now(FixedDatabase(wall_clock())) == NOW + timedelta(seconds=1)


def test_london_time_skips_an_hour_in_spring() -> None:
    assert [(NOW + timedelta(seconds=more)).astimezone(LONDON).hour for more in (0, 1)] == [0, 2]
