"""The only conversion of instants into local days and hours; base of every context's Policy."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones


@dataclass(frozen=True, slots=True)
class LocalTime:
    """Instants are stored in UTC; days and opening hours are local."""

    # Time zone of days and opening hours, by its name in the IANA database
    timezone: str = "Europe/London"

    def __post_init__(self) -> None:
        """Raises ValueError for an unknown time zone."""
        if self.timezone not in _known_timezones():
            raise ValueError("timezone is not one of the IANA database")

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
