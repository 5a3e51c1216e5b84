"""A response without a clinician goes back to the coordinator, and shows in the work list until it has another one (A8, A18)."""

from datetime import timedelta
from uuid import UUID

import pytest

from services.rapid_care.domain.response import Status
from shared.contracts.rapid_care import (
    OverdueStep,
    ResponseContacted,
    ResponseDeclined,
    ResponseOverdue,
    ResponseUnassigned,
    UnassignReason,
)
from tests.builders.rapid_care import NURSE, RapidCareClient, at


async def _listed(team: RapidCareClient, attention: str) -> list[UUID]:
    return [UUID(item["id"]) for item in (await team.get("responses", attention=attention))["items"]]


@pytest.mark.parametrize(
    ("brought_to", "left"), [(Status.ASSIGNED, "accepted"), (Status.EN_ROUTE, "accepted"), (Status.ASSESSED, "assessed")]
)
async def test_response_handed_back_is_assigned_to_another(team: RapidCareClient, brought_to: Status, left: str) -> None:
    response_id = await team.receive_referral()
    await team.advance(response_id, brought_to)

    handed_back = await team.command(response_id, "hand-back")

    assert (handed_back["status"], handed_back["clinician_id"], handed_back["owner"]) == (left, None, "coordinator")
    assert await _listed(team, "unassigned") == [response_id]
    assert await team.refusal(response_id, "hand-back") == (409, "illegal-transition")
    await team.roster("nurse-2", "community-nurse")
    again = await team.command(response_id, "assignment", clinician_id="nurse-2")
    assert (again["clinician_id"], again["owner"], again["due_at"]) == ("nurse-2", "clinician", handed_back["due_at"])
    assert again["status"] == ("assigned" if left == "accepted" else left)
    assert await _listed(team, "unassigned") == []


async def test_clinician_hands_back_without_scope_of_coordinator(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()
    assigned = await team.advance(response_id, Status.ASSIGNED)
    headers = team.context.token("rapid-care:respond") | {"If-Match": f'W/"{assigned["version"]}"'}

    handed_back = await team.context.http.post(f"/rapid-care/responses/{response_id}/hand-back", headers=headers)

    assert handed_back.status_code == 200


async def test_clinician_off_duty_leaves_no_response_unowned(team: RapidCareClient) -> None:
    waiting, in_care, ended, of_other = [await team.receive_referral() for _ in range(4)]
    await team.advance(waiting, Status.EN_ROUTE)
    await team.advance(in_care, Status.PACKAGE_AGREED)
    await team.advance(ended, Status.CLOSED)
    await team.roster("nurse-2", "emergency-nurse-practitioner")
    await team.command(of_other, "acceptance")
    await team.command(of_other, "assignment", clinician_id="nurse-2")

    clinician = await team.go_off_duty()

    assert clinician["open_responses"] == 0
    views = {response_id: await team.read(response_id) for response_id in (waiting, in_care, ended, of_other)}
    assert [(view["status"], view["clinician_id"]) for view in views.values()] == [
        ("accepted", None),
        ("package-agreed", None),
        ("closed", NURSE),
        ("assigned", "nurse-2"),
    ]
    assert sorted(await _listed(team, "unassigned")) == sorted([waiting, in_care])
    unassigned = await team.context.published(ResponseUnassigned)
    assert [(event.clinician_id, event.reason) for event in unassigned] == [(NURSE, UnassignReason.OFF_DUTY)] * 2


async def test_colleague_off_duty_cannot_set_out(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()
    assigned = await team.advance(response_id, Status.ASSIGNED)

    refused = await team.as_clinician("nurse-2").refusal(response_id, "departure")

    assert refused == (409, "clinician-off-duty")
    assert await team.read(response_id) == assigned
    await team.roster("nurse-2", "community-nurse")
    assert (await team.as_clinician("nurse-2").command(response_id, "departure"))["clinician_id"] == "nurse-2"


async def test_visit_of_colleague_off_duty_leaves_response_to_coordinator(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()
    await team.advance(response_id, Status.EN_ROUTE)

    visited = await team.as_clinician("nurse-2").command(response_id, "first-contact", contacted_at=team.context.clock.at.isoformat())

    assert [visited[name] for name in ("status", "clock", "clinician_id", "owner")] == ["contacted", "met", None, "coordinator"]
    assert [contact.clinician_id for contact in await team.context.published(ResponseContacted)] == ["nurse-2"]
    assert await _listed(team, "unassigned") == [response_id]


async def test_unassigned_response_is_overdue_until_assignment(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()
    await team.advance(response_id, Status.ASSIGNED)
    await team.go_off_duty()

    await team.context.let_pass(timedelta(minutes=31))

    overdue = await team.read(response_id)
    assert (overdue["overdue_step"], overdue["overdue_since"]) == ("assignment", "2015-03-15T14:15:00Z")
    assert await _listed(team, "overdue") == [response_id]
    steps = [(event.step, event.due_at) for event in await team.context.published(ResponseOverdue)]
    assert steps == [(OverdueStep.ASSIGNMENT, at("14:15")), (OverdueStep.ASSIGNMENT, at("14:30"))]
    await team.roster("nurse-2", "emergency-nurse-practitioner")
    assigned = await team.command(response_id, "assignment")
    await team.context.let_pass(timedelta(minutes=20))
    assert (assigned["overdue_step"], assigned["overdue_since"]) == (None, None)
    assert len(await team.context.published(ResponseOverdue)) == 2


@pytest.mark.parametrize("status", [Status.REQUESTED, Status.ACCEPTED, Status.ASSIGNED, Status.EN_ROUTE])
async def test_response_is_declined_in_every_state_before_contact(team: RapidCareClient, status: Status) -> None:
    response_id = await team.receive_referral()
    if status is not Status.REQUESTED:
        await team.advance(response_id, status)

    declined = await team.command(response_id, "decline", reason="capacity")

    assert declined["status"] == "declined"
    assert len(await team.context.published(ResponseDeclined)) == 1
    assert await team.context.database.pool.fetchval("SELECT count(*) FROM deadline WHERE state = 'pending'") == 0
