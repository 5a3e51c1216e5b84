"""The two-hour clock on the real database: it starts, warns, breaches and is met, each once and on time."""

from datetime import date, datetime, timedelta

import pytest

from services.rapid_care.domain.response import Status
from shared.contracts.rapid_care import (
    ResponseAtRisk,
    ResponseBreachCleared,
    ResponseBreached,
    ResponseContacted,
    ResponseHeldUntilOpening,
    ResponseRequested,
)
from shared.kernel.ids import new_id
from tests.builders.rapid_care import RapidCareClient, a_routed_referral, at


def _starting(hour: str) -> pytest.MarkDecorator:
    """The test begins at this hour of the Sunday."""
    return pytest.mark.parametrize("now", [at(hour)], ids=[hour])


@pytest.mark.acceptance("rapid_care-1")
async def test_warnings_and_breach_fire_once_despite_replay(team: RapidCareClient) -> None:
    record = await team.context.deliver(a_routed_referral(at("14:00")), key=new_id(), subject=new_id())
    await team.context.let_pass(timedelta(hours=2, seconds=1))
    await team.context.processor.apply([record])
    await team.context.scheduler.process_due()

    assert [event.minutes_elapsed for event in await team.context.published(ResponseAtRisk)] == [60, 90, 110]
    assert len(await team.context.published(ResponseRequested)) == 1
    assert [event.due_at for event in await team.context.published(ResponseBreached)] == [at("16:00")]


@pytest.mark.acceptance("rapid_care-1")
@pytest.mark.parametrize(
    ("contacted_at", "clock", "breaches"), [("15:59:59", "met", 0), ("16:00:00", "met", 0), ("16:00:01", "breached", 1)]
)
async def test_contact_exactly_at_deadline_meets_clock(team: RapidCareClient, contacted_at: str, clock: str, breaches: int) -> None:
    response_id = await team.receive_referral()
    await team.advance(response_id, Status.EN_ROUTE)
    await team.context.let_pass(at(contacted_at) - at("14:00"))

    contacted = await team.advance(response_id, Status.CONTACTED)
    await team.context.let_pass(timedelta(hours=1))

    assert (contacted["clock"], contacted["seconds_left"]) == (clock, None)
    assert len(await team.context.published(ResponseBreached)) == breaches
    assert [event.is_met for event in await team.context.published(ResponseContacted)] == [clock == "met"]


@_starting("19:30")
async def test_contact_stops_warnings(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()
    await team.advance(response_id, Status.EN_ROUTE)
    await team.context.let_pass(timedelta(minutes=102))
    await team.advance(response_id, Status.CONTACTED)

    await team.context.let_pass(timedelta(hours=2))

    assert [event.minutes_elapsed for event in await team.context.published(ResponseAtRisk)] == [60, 90]
    assert await team.context.published(ResponseBreached) == []


async def test_timely_contact_recorded_late_clears_breach(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()
    await team.advance(response_id, Status.EN_ROUTE)
    await team.context.let_pass(timedelta(hours=3))
    assert (await team.read(response_id))["clock"] == "overdue"

    contacted = await team.advance(response_id, Status.CONTACTED, contacted_at=at("15:50").isoformat())

    assert (contacted["clock"], contacted["breached_at"]) == ("met", None)
    assert [event.contacted_at for event in await team.context.published(ResponseBreachCleared)] == [at("15:50")]


@_starting("21:30")
@pytest.mark.acceptance("rapid_care-2")
async def test_evening_referral_may_be_due_after_closing(team: RapidCareClient) -> None:
    response = await team.read(await team.receive_referral())

    assert (response["status"], response["crosses_close"], response["guidance"]) == ("requested", True, None)
    assert datetime.fromisoformat(response["due_at"]) == at("23:30")


@pytest.mark.acceptance("rapid_care-2")
@pytest.mark.parametrize(
    ("now", "due_at"),
    [(at("22:00"), at("09:00", date(2015, 3, 16))), (at("06:59"), at("09:00"))],
)
async def test_referral_in_closed_hours_waits_with_guidance(team: RapidCareClient, now: datetime, due_at: datetime) -> None:
    response_id = await team.receive_referral()

    held = await team.read(response_id)
    await team.context.let_pass(due_at - timedelta(hours=2) - now)

    assert (held["status"], held["clock"], datetime.fromisoformat(held["due_at"])) == ("held-until-opening", "held", due_at)
    assert held["guidance"]["service_codes"] == ["out-of-hours-gp", "ambulance"]
    assert "999" in held["guidance"]["text"]
    assert [event.opens_at for event in await team.context.published(ResponseHeldUntilOpening)] == [due_at - timedelta(hours=2)]
    opened = await team.read(response_id)
    assert (opened["status"], opened["clock"], opened["guidance"]) == ("requested", "running", None)


@_starting("07:00")
@pytest.mark.acceptance("rapid_care-2")
async def test_referral_at_seven_is_requested(team: RapidCareClient) -> None:
    response = await team.read(await team.receive_referral())

    assert (response["status"], datetime.fromisoformat(response["due_at"])) == ("requested", at("09:00"))


@_starting("23:00")
async def test_held_referral_is_timed_from_opening(team: RapidCareClient) -> None:
    await team.receive_referral()

    await team.context.let_pass(timedelta(hours=11))

    assert [event.minutes_elapsed for event in await team.context.published(ResponseAtRisk)] == [60, 90, 110]
    assert [event.due_at for event in await team.context.published(ResponseBreached)] == [at("09:00", date(2015, 3, 16))]


@_starting("07:20")
async def test_night_referral_arriving_after_opening_is_requested(team: RapidCareClient) -> None:
    response = await team.read(await team.receive_referral(received_at=at("06:50")))

    assert (response["status"], datetime.fromisoformat(response["due_at"])) == ("requested", at("09:00"))


@pytest.mark.acceptance("rapid_care-3")
@pytest.mark.parametrize(
    ("now", "due_at"),
    [
        (datetime.fromisoformat("2015-03-28T21:30:00+00:00"), datetime.fromisoformat("2015-03-28T23:30:00+00:00")),
        (datetime.fromisoformat("2015-03-28T22:00:00+00:00"), datetime.fromisoformat("2015-03-29T08:00:00+00:00")),
        (datetime.fromisoformat("2015-03-29T05:59:59+00:00"), datetime.fromisoformat("2015-03-29T08:00:00+00:00")),
        (datetime.fromisoformat("2015-03-29T06:00:00+00:00"), datetime.fromisoformat("2015-03-29T08:00:00+00:00")),
        (datetime.fromisoformat("2015-10-24T21:00:00+00:00"), datetime.fromisoformat("2015-10-25T09:00:00+00:00")),
        (datetime.fromisoformat("2015-10-25T06:59:59+00:00"), datetime.fromisoformat("2015-10-25T09:00:00+00:00")),
        (datetime.fromisoformat("2015-10-25T07:00:00+00:00"), datetime.fromisoformat("2015-10-25T09:00:00+00:00")),
    ],
    ids=str,
)
async def test_deadline_is_two_hours_across_clock_change(team: RapidCareClient, due_at: datetime) -> None:
    response = await team.read(await team.receive_referral())

    assert datetime.fromisoformat(response["due_at"]) == due_at
