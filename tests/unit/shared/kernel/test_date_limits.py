"""A day or an instant of a request lies between two limits, both permitted."""

from datetime import UTC, date, datetime

import pytest

from shared.kernel.date_limits import DateOutOfLimits, require_within

EARLIEST, LATEST = date(2015, 3, 2), date(2016, 3, 2)


@pytest.mark.parametrize("day", [EARLIEST, date(2015, 12, 31), LATEST])
def test_day_within_limits_is_permitted(day: date) -> None:
    require_within("due_on", day, EARLIEST, LATEST)


@pytest.mark.parametrize("day", [date.min, date(26, 11, 20), date(2015, 3, 1), date(2016, 3, 3), date(2226, 3, 2), date.max])
def test_day_outside_limits_is_refused_with_both(day: date) -> None:
    with pytest.raises(DateOutOfLimits) as refusal:
        require_within("actions.0.due_on", day, EARLIEST, LATEST)

    assert refusal.value.field == "actions.0.due_on"
    assert refusal.value.detail == "The value must be from 2015-03-02 to 2016-03-02."


def test_instant_outside_limits_is_refused() -> None:
    noon = datetime(2015, 3, 2, 12, tzinfo=UTC)

    with pytest.raises(DateOutOfLimits):
        require_within("until", noon.replace(year=2115), noon, noon.replace(year=2016))
