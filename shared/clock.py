"""Time is an input: every process reads a Clock, and every rule receives the instant.

The database is the only source of time; the hosts' clocks are not used. Where CARE_ALLOW_TIME_TRAVEL is true, a row in it moves all
processes together, for a demonstration or a simulation; elsewhere no process reads that row.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")


class Row(Protocol):
    async def fetchval(self, query: str) -> Any: ...


class Clock(Protocol):
    @property
    def sql(self) -> str:
        """The current instant as an SQL expression, for a statement that needs it among other things."""
        ...

    async def now(self, connection: Row) -> datetime:
        """The current instant in UTC; `connection` is the open database connection of the caller."""
        ...


class FrozenClock:
    """Stands still until a test moves it."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    @property
    def sql(self) -> str:
        return f"timestamptz '{self.at.isoformat()}'"

    async def now(self, connection: Row) -> datetime:  # noqa: ARG002  it stands still
        return self.at

    def advance(self, by: timedelta) -> None:
        self.at += by


class DatabaseClock:
    """The database's own time; with permission to travel, plus the offset of the schema's `clock_offset` row."""

    def __init__(self, *, allow_time_travel: bool = False) -> None:
        self.sql = "(SELECT clock_timestamp() + delta FROM clock_offset)" if allow_time_travel else "clock_timestamp()"

    async def now(self, connection: Row) -> datetime:
        instant: datetime = await connection.fetchval(f"SELECT {self.sql}")
        return instant


def wall_clock() -> datetime:
    """The host's time, for technical purposes: tokens, back-off, start-up messages."""
    return datetime.now(UTC)
