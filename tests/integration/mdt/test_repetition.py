"""Commands repeat safely: a lost response is asked for again with the same request (D7)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.mdt import commands
from services.mdt.domain.permission import SCOPES
from tests.builders.context_app import RunningContext
from tests.builders.mdt import QUORUM, STAFF, Patient, a_discussion, a_finding, a_lead, an_action, meetings, read, send_command

NURSE = "clch-community-nurse-1"
_ONE_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class SentCommand:
    """A command on a version: of the meeting's staff, or of the professional `actor`."""

    path: str
    version: int
    body: Any = None
    actor: str | None = None


Prepare = Callable[[RunningContext], Awaitable[SentCommand]]


def of_case(verb: str, body: Any, before: Callable[[RunningContext], Awaitable[Patient]]) -> Prepare:
    async def prepare(context: RunningContext) -> SentCommand:
        case = await (await before(context)).case()
        return SentCommand(f"/mdt/cases/{case['id']}/{verb}", case["version"], body)

    return prepare


def of_plan(verb: str, **discussion: Any) -> Prepare:
    async def prepare(context: RunningContext) -> SentCommand:
        plan = await (await Patient.discussed(context, **discussion)).plan()
        return SentCommand(f"/mdt/care-plans/{plan['id']}/{verb}", plan["version"])

    return prepare


def of_lead(verb: str, body: Any = None, *, has_accepted: bool = False) -> Prepare:
    async def prepare(context: RunningContext) -> SentCommand:
        leads = await (await Patient.discussed(context, lead=a_lead(NURSE, has_accepted=has_accepted))).leads()
        [lead] = [each for each in leads if each["professional_id"] == NURSE]
        return SentCommand(f"/mdt/leads/{lead['id']}/{verb}", lead["version"], body, NURSE)

    return prepare


def of_meeting(verb: str, body: Any) -> Prepare:
    async def prepare(context: RunningContext) -> SentCommand:
        patient = await Patient.listed(context)
        starts_at = await context.database.pool.fetchval("SELECT min(starts_at) FROM meeting")
        await context.let_pass(starts_at - context.clock.at)
        meeting = await read(context, f"/mdt/meetings/{(await patient.case())['meeting_id']}")
        return SentCommand(f"/mdt/meetings/{meeting['id']}/{verb}", meeting["version"], body)

    return prepare


async def a_case_at_its_meeting(context: RunningContext) -> Patient:
    patient = await Patient.listed(context)
    await patient.meet()
    return patient


async def a_discussed_case(context: RunningContext) -> SentCommand:
    case = await (await a_case_at_its_meeting(context)).case()
    return SentCommand(f"/mdt/cases/{case['id']}/discussion", case["version"], a_discussion(context.clock.at.date()))


async def a_fulfilled_action(context: RunningContext) -> SentCommand:
    return await fulfil_action_of(await Patient.discussed(context, lead=a_lead(NURSE), actions=[an_action(owner_role="gp")]))


async def fulfil_action_of(patient: Patient) -> SentCommand:
    plan = await patient.plan()
    action_id = plan["in_force"]["actions"][0]["action_id"]
    return SentCommand(f"/mdt/care-plans/{plan['id']}/action-fulfilment", plan["version"], {"action_id": action_id}, NURSE)


async def a_screened_finding(context: RunningContext) -> SentCommand:
    person = await a_finding(context)
    finding = await read(context, f"/mdt/case-finding/{person}")
    return SentCommand(f"/mdt/case-finding/{person}/screening", finding["version"], {"destination": "mdt", "reason": "known-to-team"})


PREPARED: Mapping[type, Prepare] = {
    commands.HoldMeeting: of_meeting("attendance", {"attended": QUORUM}),
    commands.CancelMeeting: of_meeting("cancellation", {"reason": "severe-weather"}),
    commands.ScreenCase: of_case("screening", {"outcome": "eligible"}, Patient.referred),
    commands.DeferCase: of_case("deferral", {"reason": "professional-absent"}, Patient.listed),
    commands.DiscussCase: a_discussed_case,
    commands.StepDownCase: of_case("step-down", {"destination": "gp"}, Patient.discussed),
    commands.CloseCase: of_case("closure", {"reason": "needs-met"}, Patient.discussed),
    commands.AgreePlan: of_plan("agreement", is_agreed_by_person=None),
    commands.DeclinePlan: of_plan("decline", is_agreed_by_person=None),
    commands.RequestReview: of_plan("review"),
    commands.FulfilAction: a_fulfilled_action,
    commands.AcceptLead: of_lead("acceptance"),
    commands.DeclineLead: of_lead("decline", {"reason": "caseload"}),
    commands.HandOverLead: of_lead("handover", {}, has_accepted=True),
    commands.ScreenFinding: a_screened_finding,
}


def test_every_command_of_the_meeting_is_repeated_here() -> None:
    assert set(PREPARED) == set(SCOPES)


@pytest.mark.parametrize("command", PREPARED)
async def test_repeated_command_has_one_effect_and_the_same_response(context: RunningContext, command: type) -> None:
    sent = await PREPARED[command](context)

    first = await _send(context, sent)
    events = len(await context.log())
    again = await _send(context, sent)

    assert (first.status_code, again.status_code) == (200, 200), again.text
    assert again.json() == first.json()
    assert (again.headers["etag"], again.headers["idempotency-replayed"]) == (first.headers["etag"], "true")
    assert len(await context.log()) == events


async def test_repetition_after_the_relationship_shows_nothing(context: RunningContext) -> None:
    patient = await Patient.discussed(context, lead=a_lead(NURSE), actions=[an_action(owner_role="gp")])
    sent = await fulfil_action_of(patient)
    first = await _send(context, sent)
    await patient.command("closure", {"reason": "needs-met"})

    again = await _send(context, sent)

    assert (first.status_code, again.status_code, again.json()["code"]) == (200, 404, "care-plan-not-found")


async def test_repetition_is_audited_as_a_read(context: RunningContext) -> None:
    sent = await PREPARED[commands.FulfilAction](context)
    entries = "SELECT count(*) FROM audit WHERE subject = $1 AND actor_id = $2"
    counts = []
    for _ in range(3):
        await _send(context, sent)
        counts.append(await context.database.pool.fetchval(entries, UUID(sent.path.split("/")[3]), NURSE))

    assert counts[2] - counts[1] == counts[1] - counts[0] == 1


@pytest.mark.parametrize("change", [{"reason": "not-enough-time"}, {}], ids=["another body", "another caller"])
async def test_other_command_on_a_stale_version_is_refused(context: RunningContext, change: dict[str, str]) -> None:
    sent = await PREPARED[commands.DeferCase](context)
    assert (await _send(context, sent)).status_code == 200

    colleague = context.token(*STAFF, actor="clinician-1" if change else "clinician-2")
    headers = colleague | {"If-Match": f'W/"{sent.version}"'}
    other = await context.http.post(sent.path, json=sent.body | change, headers=headers)

    assert (other.status_code, other.json()["code"]) == (412, "version-conflict")


async def test_refused_command_is_carried_out_when_sent_in_time(context: RunningContext) -> None:
    """A refusal is not stored: the attendance is refused before the start and recorded afterwards."""
    starts_at = await context.database.pool.fetchval("SELECT min(starts_at) FROM meeting")
    await context.let_pass(starts_at - context.clock.at - _ONE_HOUR)
    [meeting, *_] = await meetings(context)
    sent = SentCommand(f"/mdt/meetings/{meeting['id']}/attendance", meeting["version"], {"attended": QUORUM})

    early = await _send(context, sent)
    await context.let_pass(_ONE_HOUR)
    in_time = await _send(context, sent)

    assert (early.status_code, early.json()["code"], in_time.status_code) == (409, "meeting-not-started", 200)


async def _send(context: RunningContext, sent: SentCommand) -> Any:
    return await send_command(context, sent.path, sent.version, sent.body, actor=sent.actor)
