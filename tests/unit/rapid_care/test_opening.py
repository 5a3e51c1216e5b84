"""Rapid Care is open from 07:00 to 22:00 London time every day, also when the clocks change."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.rapid_care.domain.opening import closing, guidance, month_bounds, month_of, next_opening
from services.rapid_care.domain.policy import Policy
from shared.clock import LONDON
from tests.builders.rapid_care import at

POLICY = Policy()
SPRING, AUTUMN, CHRISTMAS, SUNDAY = date(2015, 3, 29), date(2015, 10, 25), date(2015, 12, 25), date(2015, 3, 15)

instants = st.datetimes(min_value=datetime(2013, 1, 1), max_value=datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  the zone is given


@pytest.mark.parametrize("day", [SUNDAY, SPRING, AUTUMN, CHRISTMAS])
@pytest.mark.parametrize(("hour", "is_open"), [("06:59:59", False), ("07:00:00", True), ("21:59:59", True), ("22:00:00", False)])
def test_service_opens_from_seven_to_ten_daily(day: date, hour: str, is_open: bool) -> None:  # noqa: FBT001  a case
    assert (next_opening(at(hour, day), POLICY) == at(hour, day)) is is_open


@pytest.mark.acceptance("rapid_care-3")
@pytest.mark.parametrize(
    ("instant", "opens_at"),
    [
        ("2015-03-28T22:00:00+00:00", "2015-03-29T06:00:00+00:00"),
        ("2015-03-29T00:30:00+00:00", "2015-03-29T06:00:00+00:00"),
        ("2015-10-24T21:00:00+00:00", "2015-10-25T07:00:00+00:00"),
        ("2015-10-25T00:30:00+00:00", "2015-10-25T07:00:00+00:00"),
        ("2015-10-25T01:30:00+00:00", "2015-10-25T07:00:00+00:00"),
    ],
)
def test_opening_follows_clock_change(instant: str, opens_at: str) -> None:
    assert next_opening(datetime.fromisoformat(instant), POLICY) == datetime.fromisoformat(opens_at)


@given(instants)
@example(datetime(2015, 3, 29, 1, tzinfo=UTC))
@example(datetime(2015, 10, 25, 1, tzinfo=UTC))
def test_next_opening_is_in_open_hours_ahead(instant: datetime) -> None:
    opens_at = next_opening(instant.astimezone(LONDON), POLICY)

    assert instant <= opens_at < instant + timedelta(hours=10, seconds=1)
    assert POLICY.opens <= opens_at.astimezone(LONDON).time() < POLICY.closes
    assert next_opening(opens_at, POLICY) == opens_at
    assert opens_at.utcoffset() == timedelta()


@given(instants)
def test_open_instant_precedes_closing_of_day(instant: datetime) -> None:
    is_open = next_opening(instant, POLICY) == instant

    assert not is_open or instant < closing(instant, POLICY) <= instant + timedelta(hours=15)


@given(instants)
def test_instant_belongs_to_exactly_one_month(instant: datetime) -> None:
    begins, ends = month_bounds(month_of(instant, POLICY), POLICY)

    assert begins <= instant < ends
    assert month_of(ends, POLICY) != month_of(instant, POLICY)


def test_month_begins_at_midnight_in_london() -> None:
    assert month_bounds(date(2015, 4, 1), POLICY) == (
        datetime.fromisoformat("2015-03-31T23:00:00+00:00"),
        datetime.fromisoformat("2015-04-30T23:00:00+00:00"),
    )


def test_guidance_names_opening_time_and_alternatives() -> None:
    found = guidance(at("07:00", date(2015, 3, 16)), POLICY)

    assert "07:00 on Monday" in found.text
    assert found.service_codes == ("out-of-hours-gp", "ambulance")
