"""The only conversion of instants into local days and hours; base of every context's Policy."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from shared.kernel.value_rules import require_permitted


class _Timezone:
    def allows(self, value: str) -> bool:
        return value in _known_timezones()

    def __str__(self) -> str:
        return "a name in the IANA time zone database, such as Europe/London"


@dataclass(frozen=True, slots=True)
class LocalTime:
    """Instants are stored in UTC; days and opening hours are local."""

    # Time zone of days, opening hours and times of day
    timezone: Annotated[str, _Timezone()] = "Europe/London"

    def __post_init__(self) -> None:
        """Raises ValueError for a field with a value that its annotation does not permit."""
        require_permitted(self)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def day_of(self, instant: datetime) -> date:
        """The local day of an instant."""
        return instant.astimezone(self.zone).date()

    def instant(self, day: date, at: time) -> datetime:
        """The instant in UTC at which local clocks show `at` on `day`; right on both clock-change Sundays."""
        return datetime.combine(day, at, self.zone).astimezone(UTC)


@lru_cache(maxsize=1)
def _known_timezones() -> set[str]:
    return available_timezones()
