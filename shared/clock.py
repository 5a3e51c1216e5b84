"""Time is an input. Every process asks a Clock, and every rule is handed the instant.

The shiftable clock obeys a row in PostgreSQL, so that a demonstration or a simulation moves all processes together.
It is refused unless CARE_ALLOW_TIME_TRAVEL is true.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")


class Row(Protocol):
    async def fetchval(self, query: str) -> Any: ...


class Clock(Protocol):
    async def now(self, connection: Row) -> datetime:
        """The current instant in UTC; `connection` is the open database connection of the caller."""
        ...


class SystemClock:
    async def now(self, connection: Row) -> datetime:  # noqa: ARG002  the machine knows without asking the database
        return datetime.now(UTC)


class FrozenClock:
    """Stands still until a test moves it."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    async def now(self, connection: Row) -> datetime:  # noqa: ARG002  it stands still
        return self.at

    def advance(self, by: timedelta) -> None:
        self.at += by


class ShiftableClock:
    """The database's clock plus the offset of the schema's `clock_shift` row."""

    async def now(self, connection: Row) -> datetime:
        shifted: datetime = await connection.fetchval("SELECT clock_timestamp() + shift FROM clock_shift")
        return shifted


def clock(*, allow_time_travel: bool) -> Clock:
    return ShiftableClock() if allow_time_travel else SystemClock()


def wall_clock() -> datetime:
    """The machine's own time, for what is not care: tokens, back-off, start-up messages."""
    return datetime.now(UTC)
