"""The days of the story, on a real calendar: day 1 is a Monday, day 14 a Sunday."""

from datetime import date, datetime, time, timedelta

from shared.clock import LONDON

_DAY_ONE = date(2026, 9, 7)


def day(number: int, clock: str) -> datetime:
    """Day `number` of the story at London time `clock`. The day before day 1 is day 0."""
    return datetime.combine(_DAY_ONE + timedelta(days=number - 1), time.fromisoformat(clock), LONDON)
