"""The coordinator sees at a response which service a step-down asked, and its answer."""

from uuid import UUID

import pytest

from services.rapid_care.domain.response import Status
from shared.contracts.event import Event
from shared.contracts.referral_codes import AskingService, OnwardRequest, Outcome, ReturnReason, Route
from shared.contracts.referrals import OnwardOf, ReferralAccepted, ReferralCancelled, ReferralClosed, ReferralReturned
from shared.kernel.ids import new_id
from tests.builders.rapid_care import RapidCareClient, a_routed_referral, at


async def test_response_shows_the_answer_to_its_step_down(team: RapidCareClient) -> None:
    response_id, asked = await _stepped_down(team)
    onward_id = new_id()

    await _deliver(team, onward_id, _routed(asked))
    assert await _answers(team, response_id) == [("asked", "district-nursing", None)]
    await _deliver(team, onward_id, ReferralReturned(service_code="district-nursing", reason=ReturnReason.CAPACITY, onward_of=asked), 2)
    assert await _answers(team, response_id) == [("returned", "district-nursing", "capacity")]
    await _deliver(team, onward_id, ReferralAccepted(service_code="enablement", accepted_at=at("15:00"), onward_of=asked), 3)
    assert await _answers(team, response_id) == [("accepted", "enablement", None)]
    await _deliver(team, onward_id, ReferralClosed(outcome=Outcome.NEED_MET, closed_at=at("16:00"), onward_of=asked), 4)
    assert await _answers(team, response_id) == [("closed", "enablement", "need-met")]


async def test_earlier_answer_that_arrives_again_changes_nothing(team: RapidCareClient) -> None:
    response_id, asked = await _stepped_down(team)
    onward_id = new_id()
    await _deliver(team, onward_id, ReferralCancelled(reason="withdrawn", onward_of=asked), 3)

    await _deliver(team, onward_id, _routed(asked))

    assert await _answers(team, response_id) == [("cancelled", None, "withdrawn")]


@pytest.mark.parametrize("service", [AskingService.MDT, None])
async def test_other_referral_shows_nothing_at_the_response(team: RapidCareClient, service: AskingService | None) -> None:
    response_id, asked = await _stepped_down(team)
    other = asked.model_copy(update={"service": service}) if service else None

    await _deliver(team, new_id(), ReferralAccepted(service_code="enablement", accepted_at=at("15:00"), onward_of=other))

    assert await _answers(team, response_id) == []


async def _stepped_down(team: RapidCareClient) -> tuple[str, OnwardOf]:
    response_id = await team.receive_referral()
    await team.advance(response_id, Status.STEPPED_DOWN)
    asked = OnwardOf(service=AskingService.RAPID_CARE, subject_id=UUID(str(response_id)), request=OnwardRequest.STEP_DOWN)
    return str(response_id), asked


def _routed(asked: OnwardOf) -> Event:
    return a_routed_referral(at("14:00"), route=Route.SERVICE, service_code="district-nursing", onward_of=asked)


async def _deliver(team: RapidCareClient, onward_id: UUID, event: Event, sequence: int = 1) -> None:
    await team.context.deliver(event, key=new_id(), subject=onward_id, sequence=sequence)


async def _answers(team: RapidCareClient, response_id: str) -> list[tuple[str, str | None, str | None]]:
    """As the list and the page of the response show them alike."""
    one = await team.get(f"responses/{response_id}")
    listed = await team.get("responses", status="open")
    assert [each["onward"] for each in listed["items"] if each["id"] == response_id] == [one["onward"]]
    return [(each["state"], each["service_code"], each["reason"]) for each in one["onward"]]
