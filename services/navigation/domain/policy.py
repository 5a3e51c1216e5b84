"""The numbers of care navigation, each from domain.md §2.13; a deployment may set others."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.contracts.codes import Locality
from shared.contracts.event import Day
from shared.kernel.working_days import working_days_later


@dataclass(frozen=True, slots=True)
class Policy:
    """`working_day_ends` is ours: a task that is due on a day is due when the offices close."""

    timezone: str = "Europe/London"
    organisation: str = "CLCH"
    # Where somebody is looked after of whom nothing was told yet; the west is the only locality that the documents name (G26)
    locality_without_record: Locality = Locality.WEST
    caseload_cap: int = 50
    acknowledge_within_working_days: int = 1
    due_within_working_days: int = 5
    home_check_after_days: int = 91
    working_day_ends: time = time(17)
    # Streams of feeds: a silent one is kept open by its heartbeat; each ends after a while, so that its reader is authorised anew
    stream_heartbeat: timedelta = timedelta(seconds=15)
    stream_lasts: timedelta = timedelta(hours=1)

    def acknowledge_by(self, now: datetime) -> datetime:
        return working_days_later(now, self.acknowledge_within_working_days, ZoneInfo(self.timezone))

    def due_from(self, now: datetime) -> datetime:
        """When a task is due whose source names no day."""
        return working_days_later(now, self.due_within_working_days, ZoneInfo(self.timezone))

    def due_on(self, day: Day) -> datetime:
        return datetime.combine(day, self.working_day_ends, ZoneInfo(self.timezone)).astimezone(UTC)

    def day_of(self, instant: datetime) -> Day:
        return instant.astimezone(ZoneInfo(self.timezone)).date()

    def home_check_at(self, discharged_on: Day) -> datetime:
        """The beginning of the day on which somebody looks whether the person is still at home (T11)."""
        day = discharged_on + timedelta(days=self.home_check_after_days)
        return datetime.combine(day, time.min, ZoneInfo(self.timezone)).astimezone(UTC)
