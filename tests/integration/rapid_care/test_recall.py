"""The Community Point of Access recalls a referral: until the person was seen the response ends, afterwards Rapid Care keeps it (A18)."""

from datetime import timedelta

import pytest

from services.rapid_care.domain.response import Status
from shared.contracts.persons import PersonDeceased
from shared.contracts.rapid_care import ResponseAccepted, ResponseCancelled, ResponseContacted, ResponseRequested
from shared.contracts.referral_codes import Route
from shared.contracts.referrals import ReferralRecalled
from shared.kernel.ids import new_id
from tests.builders.rapid_care import NURSE, SUNDAY, RapidCareClient, a_routed_referral, at


def _recalled(routing: int = 1) -> ReferralRecalled:
    return ReferralRecalled(service_code="rapid-care", routing=routing)


@pytest.mark.parametrize("status", [Status.REQUESTED, Status.ACCEPTED, Status.ASSIGNED, Status.EN_ROUTE])
async def test_recall_before_contact_cancels_response(team: RapidCareClient, status: Status) -> None:
    referral_id = new_id()
    response_id = await team.receive_referral(referral_id=referral_id)
    if status is not Status.REQUESTED:
        await team.advance(response_id, status)

    await team.context.deliver(_recalled(), key=new_id(), subject=referral_id, sequence=2)

    recalled = await team.read(response_id)
    assert (recalled["status"], recalled["cancel_reason"], recalled["clock"]) == ("cancelled", "recalled", "released")
    assert [(event.referral_id, event.reason) for event in await team.context.published(ResponseCancelled)] == [(referral_id, "recalled")]
    if status in {Status.ASSIGNED, Status.EN_ROUTE}:
        closed = await team.get("responses", clinician_id=NURSE, status="closed")
        assert [item["cancel_reason"] for item in closed["items"]] == ["recalled"]


async def test_recall_after_closed_door_cancels_response(team: RapidCareClient) -> None:
    """Finding: a closed door counted as a contact, after which the referral could not be recalled."""
    referral_id = new_id()
    response_id = await team.receive_referral(referral_id=referral_id)
    await team.advance(response_id, Status.CONTACTED, mode="no-access")

    await team.context.deliver(_recalled(), key=new_id(), subject=referral_id, sequence=2)

    recalled = await team.read(response_id)
    assert (recalled["status"], recalled["cancel_reason"], recalled["clock"]) == ("cancelled", "recalled", "met")
    assert [event.reason for event in await team.context.published(ResponseCancelled)] == ["recalled"]


async def test_response_declined_after_closed_door_is_attempted_again(team: RapidCareClient) -> None:
    """The second response shares the clock, which the first visit has stopped, and has the deadline of the next attempt."""
    referral_id, person_id = new_id(), new_id()
    first = await team.receive_referral(referral_id=referral_id, person_id=person_id)
    await team.advance(first, Status.CONTACTED, mode="no-access")
    await team.command(first, "decline", reason="capacity")
    await team.context.deliver(a_routed_referral(at("14:00"), routing=2), key=person_id, subject=referral_id, sequence=2)
    [again] = (await team.get("responses", referral_id=str(referral_id)))["items"]

    await team.context.let_pass(timedelta(minutes=61))

    listed = (await team.get("responses", attention="overdue"))["items"]
    assert [(item["id"], item["overdue_step"], item["clock"]) for item in listed] == [(again["id"], "next-attempt", "met")]
    assert (again["first_contact_mode"], again["contact_mode"]) == ("no-access", None)


async def test_recalled_referral_may_be_routed_here_again(team: RapidCareClient) -> None:
    referral_id, person_id = new_id(), new_id()
    await team.receive_referral(referral_id=referral_id, person_id=person_id)
    await team.context.deliver(_recalled(), key=person_id, subject=referral_id, sequence=2)

    await team.context.deliver(a_routed_referral(at("14:00"), routing=2), key=person_id, subject=referral_id, sequence=3)

    assert len(await team.context.published(ResponseRequested)) == 2


@pytest.mark.parametrize("status", [Status.CONTACTED, Status.ASSESSED, Status.STEPPED_DOWN])
async def test_recall_after_contact_leaves_referral_with_rapid_care(team: RapidCareClient, status: Status) -> None:
    referral_id = new_id()
    response_id = await team.receive_referral(referral_id=referral_id)
    await team.advance(response_id, status)

    await team.context.deliver(_recalled(routing=2), key=new_id(), subject=referral_id, sequence=2)

    assert (await team.read(response_id))["status"] == status
    assert [event.routing for event in await team.context.published(ResponseAccepted)] == [1, 2]


async def test_recall_that_crosses_changes_nothing(team: RapidCareClient) -> None:
    declined_referral, rerouted_referral, elsewhere = new_id(), new_id(), new_id()
    declined = await team.receive_referral(referral_id=declined_referral)
    await team.command(declined, "decline", reason="capacity")
    before = await team.read(declined)
    rerouted = await team.receive_referral(referral_id=rerouted_referral, routing=2)
    await team.context.deliver(a_routed_referral(at("14:00"), route=Route.SERVICE), key=new_id(), subject=elsewhere)

    for referral_id in (declined_referral, rerouted_referral, elsewhere):
        await team.context.deliver(_recalled(routing=1), key=new_id(), subject=referral_id, sequence=2)

    assert await team.read(declined) == before
    assert (await team.read(rerouted))["status"] == "requested"
    assert await team.context.database.pool.fetchval("SELECT count(*) FROM inbox WHERE refused_code IS NOT NULL") == 0


@pytest.mark.parametrize("verb", ["recall", "decline"])
async def test_contact_that_crosses_recall_is_recorded(team: RapidCareClient, verb: str) -> None:
    """Finding: the clinician who saw the person was refused, the actions were empty, and a second team was sent."""
    referral_id, person_id = new_id(), new_id()
    response_id = await team.receive_referral(referral_id=referral_id, person_id=person_id)
    await team.advance(response_id, Status.EN_ROUTE)
    if verb == "recall":
        await team.context.deliver(_recalled(), key=person_id, subject=referral_id, sequence=2)
    else:
        await team.command(response_id, "decline", reason="capacity")
    contacted_at = team.context.clock.at.isoformat()

    assert [action["name"] for action in await team.get(f"responses/{response_id}/actions")] == ["RecordFirstContact"]
    unseen = await team.refusal(response_id, "first-contact", contacted_at=contacted_at, mode="no-access")
    seen = await team.command(response_id, "first-contact", contacted_at=contacted_at)

    assert unseen == (409, "response-taken-back")
    assert (seen["status"], seen["clock"], seen["owner"], seen["cancel_reason"]) == ("contacted", "met", "clinician", None)
    [contact] = await team.context.published(ResponseContacted)
    assert (contact.referral_id, contact.clinician_id) == (referral_id, NURSE)
    assert (await team.advance(response_id, Status.CLOSED))["outcome"] == "admission-avoided"


async def test_contact_crossing_recall_leaves_response_unassigned_off_duty(team: RapidCareClient) -> None:
    """Finding: the response came back to a clinician who had gone off duty, and no one else was asked."""
    referral_id, person_id = new_id(), new_id()
    response_id = await team.receive_referral(referral_id=referral_id, person_id=person_id)
    await team.advance(response_id, Status.EN_ROUTE)
    await team.context.deliver(_recalled(), key=person_id, subject=referral_id, sequence=2)
    contacted_at = team.context.clock.at.isoformat()
    await team.go_off_duty()

    seen = await team.command(response_id, "first-contact", contacted_at=contacted_at)

    assert (seen["status"], seen["clock"], seen["owner"]) == ("contacted", "met", "coordinator")
    [contact] = await team.context.published(ResponseContacted)
    assert contact.clinician_id == NURSE


async def test_contact_crossing_second_routing_is_on_later_response(team: RapidCareClient) -> None:
    referral_id, person_id = new_id(), new_id()
    first = await team.receive_referral(referral_id=referral_id, person_id=person_id)
    await team.advance(first, Status.EN_ROUTE)
    await team.context.deliver(_recalled(), key=person_id, subject=referral_id, sequence=2)
    await team.context.deliver(a_routed_referral(at("14:00"), routing=2), key=person_id, subject=referral_id, sequence=3)
    contacted_at = team.context.clock.at.isoformat()

    assert await team.refusal(first, "first-contact", contacted_at=contacted_at) == (409, "response-taken-back")
    assert await team.get(f"responses/{first}/actions") == []


async def test_contact_crossing_recall_and_death_is_recorded(team: RapidCareClient) -> None:
    referral_id, person_id = new_id(), new_id()
    response_id = await team.receive_referral(referral_id=referral_id, person_id=person_id)
    await team.advance(response_id, Status.EN_ROUTE)
    await team.context.deliver(_recalled(), key=person_id, subject=referral_id, sequence=2)
    died = PersonDeceased(reported_by="referrals", died_on=SUNDAY, recorded_at=team.context.clock.at)
    await team.context.deliver(died, key=person_id, subject=person_id)

    seen = await team.command(response_id, "first-contact", contacted_at=team.context.clock.at.isoformat())

    assert (seen["status"], seen["cancel_reason"], seen["clock"]) == ("cancelled", "died", "met")
