"""The months of the event log that may be pruned."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from infra.operations.event_log import Month, expired

FIRST_DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1)).map(lambda day: day.replace(day=1))


@given(FIRST_DAYS, st.dates(date(2000, 1, 1), date(2110, 1, 1)), st.integers(0, 4000))
def test_month_is_prunable_after_retention_of_last_day(first: date, today: date, days: int) -> None:
    last = first
    while (last + timedelta(days=1)).month == first.month:
        last += timedelta(days=1)

    pruned = expired([Month("event", first)], today, timedelta(days=days))

    assert bool(pruned) == (today - last > timedelta(days=days))
