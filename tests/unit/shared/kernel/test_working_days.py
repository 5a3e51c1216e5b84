"""Working days of England."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from shared.kernel.working_days import is_working_day, working_days_later

LONDON = ZoneInfo("Europe/London")


@pytest.mark.parametrize(
    ("day", "is_working"),
    [
        (date(2015, 3, 11), True),
        (date(2015, 3, 14), False),
        (date(2015, 3, 15), False),
        (date(2015, 4, 3), False),
        (date(2015, 4, 6), False),
        (date(2015, 12, 28), False),
    ],
)
def test_weekends_and_bank_holidays_are_skipped(day: date, is_working: bool) -> None:  # noqa: FBT001  a parametrised truth
    assert is_working_day(day) is is_working


@pytest.mark.parametrize(
    ("start", "days", "expected"),
    [
        ("2015-03-11T10:00", 1, "2015-03-12T10:00"),
        ("2015-03-13T15:00", 1, "2015-03-16T15:00"),
        ("2015-03-14T15:00", 1, "2015-03-16T15:00"),
        ("2015-04-02T15:00", 1, "2015-04-07T15:00"),
        ("2015-03-11T13:00", -2, "2015-03-09T13:00"),
        ("2015-03-11T13:00", 0, "2015-03-11T13:00"),
    ],
)
def test_time_of_day_is_kept_across_skipped_days(start: str, days: int, expected: str) -> None:
    later = working_days_later(datetime.fromisoformat(start).replace(tzinfo=LONDON), days, LONDON)

    assert later == datetime.fromisoformat(expected).replace(tzinfo=LONDON)


def test_london_time_is_kept_when_clocks_change() -> None:
    friday = datetime(2015, 3, 27, 9, 0, tzinfo=UTC)

    assert working_days_later(friday, 1, LONDON) == datetime(2015, 3, 30, 8, 0, tzinfo=UTC)
