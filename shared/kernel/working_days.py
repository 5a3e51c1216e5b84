"""Working days: Monday to Friday without the bank holidays of England.

Office deadlines are counted in working days; those of a crisis are not.
"""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays

_SATURDAY = 5


def is_working_day(day: date) -> bool:
    return day.weekday() < _SATURDAY and day not in _bank_holidays(day.year)


def working_days_later(instant: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The instant `days` working days after `instant` (before it, when negative), at the same time of day in `zone`; in UTC.

    From a Saturday, one working day later is Monday at the same time.
    """
    local = instant.astimezone(zone)
    day, step = local.date(), timedelta(days=1 if days > 0 else -1)
    for _ in range(abs(days)):
        day += step
        while not is_working_day(day):
            day += step
    return datetime.combine(day, local.time(), zone).astimezone(UTC)


@cache
def _bank_holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("GB", subdiv="ENG", years=year))
