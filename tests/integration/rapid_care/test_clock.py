"""The two-hour clock on the real database: it starts, warns, breaches and is met, each thing once and at its time."""

from datetime import date, datetime, timedelta

import pytest

from infra.dev_stack.dev_secrets import Keys
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
from tests.builders.rapid_care import a_routed_referral, at, rapid_care


@pytest.mark.acceptance("rapid_care-1")
async def test_warnings_and_breach_come_once_each_at_their_times_also_after_a_replay(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        record = await care.context.deliver(a_routed_referral(at("14:00")), key=new_id(), subject=new_id())
        await care.context.let_pass(timedelta(hours=2, seconds=1))
        await care.context.intake.apply([record])
        await care.context.timekeeper.process_due()

        assert [event.minutes_elapsed for event in await care.context.published(ResponseAtRisk)] == [60, 90, 110]
        assert len(await care.context.published(ResponseRequested)) == 1
        assert [event.due_at for event in await care.context.published(ResponseBreached)] == [at("16:00")]


@pytest.mark.acceptance("rapid_care-1")
@pytest.mark.parametrize(
    ("contacted_at", "clock", "breaches"), [("15:59:59", "met", 0), ("16:00:00", "met", 0), ("16:00:01", "breached", 1)]
)
async def test_a_contact_exactly_at_the_deadline_is_met(owner_url: str, keys: Keys, contacted_at: str, clock: str, breaches: int) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        response_id = await care.routed()
        await care.bring(response_id, Status.EN_ROUTE)
        await care.context.let_pass(at(contacted_at) - at("14:00"))

        contacted = await care.bring(response_id, Status.CONTACTED)
        await care.context.let_pass(timedelta(hours=1))

        assert (contacted["clock"], contacted["seconds_left"]) == (clock, None)
        assert len(await care.context.published(ResponseBreached)) == breaches
        assert [event.is_met for event in await care.context.published(ResponseContacted)] == [clock == "met"]


async def test_no_warning_comes_after_contact(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("19:30")) as care:
        response_id = await care.routed()
        await care.bring(response_id, Status.EN_ROUTE)
        await care.context.let_pass(timedelta(minutes=102))
        await care.bring(response_id, Status.CONTACTED)

        await care.context.let_pass(timedelta(hours=2))

        assert [event.minutes_elapsed for event in await care.context.published(ResponseAtRisk)] == [60, 90]
        assert await care.context.published(ResponseBreached) == []


async def test_a_contact_written_up_late_but_made_in_time_clears_the_breach(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        response_id = await care.routed()
        await care.bring(response_id, Status.EN_ROUTE)
        await care.context.let_pass(timedelta(hours=3))
        assert (await care.read(response_id))["clock"] == "overdue"

        contacted = await care.bring(response_id, Status.CONTACTED, contacted_at=at("15:50").isoformat())

        assert (contacted["clock"], contacted["breached_at"]) == ("met", None)
        assert [event.contacted_at for event in await care.context.published(ResponseBreachCleared)] == [at("15:50")]


@pytest.mark.acceptance("rapid_care-2")
async def test_a_referral_late_in_the_evening_may_be_due_after_closing(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("21:30")) as care:
        response = await care.read(await care.routed())

        assert (response["status"], response["crosses_close"], response["guidance"]) == ("requested", True, None)
        assert datetime.fromisoformat(response["due_at"]) == at("23:30")


@pytest.mark.acceptance("rapid_care-2")
@pytest.mark.parametrize(
    ("received_at", "due_at"),
    [(at("22:00"), at("09:00", date(2015, 3, 16))), (at("06:59"), at("09:00"))],
)
async def test_in_closed_hours_it_is_held_until_opening_and_the_caller_is_told(
    owner_url: str, keys: Keys, received_at: datetime, due_at: datetime
) -> None:
    async with rapid_care(owner_url, keys, received_at) as care:
        response_id = await care.routed()

        held = await care.read(response_id)
        await care.context.let_pass(due_at - timedelta(hours=2) - received_at)

        assert (held["status"], held["clock"], datetime.fromisoformat(held["due_at"])) == ("held-until-opening", "held", due_at)
        assert held["guidance"]["service_codes"] == ["out-of-hours-gp", "ambulance"]
        assert "999" in held["guidance"]["text"]
        assert [event.opens_at for event in await care.context.published(ResponseHeldUntilOpening)] == [due_at - timedelta(hours=2)]
        opened = await care.read(response_id)
        assert (opened["status"], opened["clock"], opened["guidance"]) == ("requested", "running", None)


@pytest.mark.acceptance("rapid_care-2")
async def test_at_seven_it_is_open(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("07:00")) as care:
        response = await care.read(await care.routed())

        assert (response["status"], datetime.fromisoformat(response["due_at"])) == ("requested", at("09:00"))


async def test_what_was_held_is_warned_about_and_breached_on_the_clock_that_began_at_opening(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("23:00")) as care:
        await care.routed()

        await care.context.let_pass(timedelta(hours=11))

        assert [event.minutes_elapsed for event in await care.context.published(ResponseAtRisk)] == [60, 90, 110]
        assert [event.due_at for event in await care.context.published(ResponseBreached)] == [at("09:00", date(2015, 3, 16))]


async def test_a_referral_that_arrives_after_opening_is_requested_at_once(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("07:20")) as care:
        response = await care.read(await care.routed(received_at=at("06:50")))

        assert (response["status"], datetime.fromisoformat(response["due_at"])) == ("requested", at("09:00"))


@pytest.mark.acceptance("rapid_care-3")
@pytest.mark.parametrize(
    ("received_at", "due_at"),
    [
        ("2015-03-28T21:30:00+00:00", "2015-03-28T23:30:00+00:00"),
        ("2015-03-28T22:00:00+00:00", "2015-03-29T08:00:00+00:00"),
        ("2015-03-29T05:59:59+00:00", "2015-03-29T08:00:00+00:00"),
        ("2015-03-29T06:00:00+00:00", "2015-03-29T08:00:00+00:00"),
        ("2015-10-24T21:00:00+00:00", "2015-10-25T09:00:00+00:00"),
        ("2015-10-25T06:59:59+00:00", "2015-10-25T09:00:00+00:00"),
        ("2015-10-25T07:00:00+00:00", "2015-10-25T09:00:00+00:00"),
    ],
)
async def test_two_hours_are_two_hours_when_the_clocks_change(owner_url: str, keys: Keys, received_at: str, due_at: str) -> None:
    async with rapid_care(owner_url, keys, datetime.fromisoformat(received_at)) as care:
        response = await care.read(await care.routed())

        assert datetime.fromisoformat(response["due_at"]) == datetime.fromisoformat(due_at)
