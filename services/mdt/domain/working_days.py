"""Working days and London time. Bank holidays are values that the caller brings (G45)."""

from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Holidays = AbstractSet[date]

_SATURDAY = 5
_ONE_DAY = timedelta(days=1)


def is_working(day: date, holidays: Holidays) -> bool:
    return day.weekday() < _SATURDAY and day not in holidays


def shift(day: date, working_days: int, holidays: Holidays) -> date:
    """So many working days after `day`, or before it when negative."""
    step = _ONE_DAY if working_days > 0 else -_ONE_DAY
    for _ in range(abs(working_days)):
        day += step
        while not is_working(day, holidays):
            day += step
    return day


def instant(day: date, at: time, timezone: str) -> datetime:
    """The instant in UTC at which London's clocks show `at` on `day`; right on both clock-change Sundays."""
    return datetime.combine(day, at, ZoneInfo(timezone)).astimezone(UTC)


def local_day(now: datetime, timezone: str) -> date:
    return now.astimezone(ZoneInfo(timezone)).date()
