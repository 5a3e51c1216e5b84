"""Accountable leads on the real database: exactly one at any time, answers, hand-overs, and notifications."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.mdt.domain import lead as domain
from services.mdt.domain.lead import LeadAlreadyActive
from services.mdt.domain.notification import Kind
from services.mdt.domain.policy import Policy
from services.mdt.store.lead import save_leads
from services.mdt.store.notification import notify
from shared.contracts.codes import TaskKind
from shared.contracts.mdt import LeadAccepted, LeadActivated, LeadDeclined, LeadEnded, LeadHandedOver, LeadProposed
from shared.contracts.navigation import BlockReason, TaskBlocked, TaskEscalated, TaskFulfilled, TaskOutcome, TaskOverdue, TaskSource
from shared.contracts.practices import UNKNOWN_PRACTICE
from shared.contracts.rapid_care import ContactMode, ResponseBreached, ResponseClosed, ResponseContacted, ResponseOutcome
from shared.kernel.actor import Professional
from shared.kernel.ids import PersonId, new_id
from shared.web.pagination import encode_sequence
from tests.builders.context_app import RunningContext
from tests.builders.mdt import MONDAY, Patient, a_discussion, a_lead, a_person_record, notifications, read, send_command
from tests.builders.mdt_states import a_lead_of

NURSE, OTHER = "clch-community-nurse-1", "clch-community-nurse-2"
NURSES = [{"professional_id": name, "role": "community-nurse", "organisation": "CLCH"} for name in (NURSE, OTHER)]


async def active(patient: Patient) -> dict[str, Any]:
    leads = [lead for lead in await patient.leads() if lead["status"] == "active"]
    assert len(leads) == 1
    return leads[0]


async def proposed(patient: Patient) -> list[dict[str, Any]]:
    return [lead for lead in await patient.leads() if lead["status"] == "proposed"]


async def hand_over(context: RunningContext, lead: dict[str, Any], to: dict[str, Any] | None) -> dict[str, Any]:
    response = await send_command(context, f"/mdt/leads/{lead['id']}/handover", lead["version"], {"to": to}, actor=lead["professional_id"])
    assert response.status_code == 200, response.text
    return dict(response.json())


async def test_gp_leads_until_proposed_lead_accepts(context: RunningContext) -> None:
    patient = await Patient.discussed(context, lead=a_lead(has_accepted=False))
    fallback = await active(patient)
    candidate = (await proposed(patient))[0]
    assert (fallback["professional_id"], fallback["organisation"], fallback["is_fallback"]) == ("gp-W07", "W07", True)

    response = await send_command(context, f"/mdt/leads/{candidate['id']}/acceptance", candidate["version"], actor=NURSE)

    assert response.status_code == 200, response.text
    assert (await active(patient))["professional_id"] == NURSE
    assert [(event.is_fallback, event.is_from_meeting) for event in await context.published(LeadActivated)] == [
        (True, True),
        (False, False),
    ]
    assert [str(event.to_lead_id) for event in await context.published(LeadHandedOver)] == [candidate["id"]]


@pytest.mark.acceptance("mdt-6")
async def test_next_candidate_is_asked_after_decline(context: RunningContext) -> None:
    patient = await Patient.discussed(context, lead=a_lead(has_accepted=False, alternatives=NURSES[1:]))
    candidate = (await proposed(patient))[0]

    response = await send_command(
        context, f"/mdt/leads/{candidate['id']}/decline", candidate["version"], {"reason": "caseload"}, actor=NURSE
    )

    assert (response.status_code, response.json()["status"]) == (200, "declined")
    assert [lead["professional_id"] for lead in await proposed(patient)] == [OTHER]
    assert (await active(patient))["professional_id"] == "gp-W07"


@pytest.mark.acceptance("mdt-6")
async def test_unanswered_proposal_lapses_after_two_working_days(context: RunningContext) -> None:
    patient = await Patient.discussed(context, lead=a_lead(has_accepted=False))
    candidate = (await proposed(patient))[0]
    assert candidate["answer_by"] == "2015-03-06T13:00:00Z"

    await context.let_pass(timedelta(days=2))

    assert [event.reason for event in await context.published(LeadDeclined)] == ["no-answer"]
    assert (await active(patient))["professional_id"] == "gp-W07"
    found = await notifications(context, "mdt-chair")
    assert [(notification["kind"], notification["subject"]) for notification in found] == [("no-lead-found", candidate["id"])]
    late = await send_command(context, f"/mdt/leads/{candidate['id']}/acceptance", candidate["version"] + 1, actor=NURSE)
    assert (late.status_code, late.json()["code"]) == (409, "illegal-transition")


async def test_lead_hands_over_without_gap(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    lead = await active(patient)

    context.clock.advance(timedelta(minutes=5))
    candidate = await hand_over(context, lead, a_lead(OTHER, has_accepted=False))
    assert (candidate["status"], (await active(patient))["id"]) == ("proposed", lead["id"])
    context.clock.advance(timedelta(minutes=5))
    await send_command(context, f"/mdt/leads/{candidate['id']}/acceptance", candidate["version"], actor=OTHER)
    assert (await active(patient))["professional_id"] == OTHER
    context.clock.advance(timedelta(minutes=5))
    gp = await hand_over(context, await active(patient), None)

    assert (gp["professional_id"], gp["status"], (await active(patient))["id"]) == ("gp-W07", "active", gp["id"])
    rows = await context.database.pool.fetch("SELECT occurred_at, type FROM event WHERE topic = 'mdt.lead' ORDER BY seq")
    ends = [row["occurred_at"] for row in rows if row["type"] == LeadHandedOver.TYPE]
    begins = [row["occurred_at"] for row in rows if row["type"] == LeadActivated.TYPE]
    assert ends == begins[1:]
    assert len(set(begins)) == 3


@pytest.mark.acceptance("mdt-4")
async def test_handover_to_role_outside_table_16_is_refused(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    await _score(context, patient, level=2)
    lead = await active(patient)
    gp = {"professional_id": "gp-W07", "role": "gp", "organisation": "W07"}

    for to in (a_lead(OTHER), {"candidate": gp, "alternatives": NURSES[1:]}):
        refused = await send_command(context, f"/mdt/leads/{lead['id']}/handover", lead["version"], {"to": to}, actor=NURSE)
        assert (refused.status_code, refused.json()["code"]) == (409, "lead-not-allowed")
    assert (await active(patient))["id"] == lead["id"]


async def test_coordinator_replaces_absent_lead_with_reason(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    lead = await active(patient)
    path, body = f"/mdt/leads/{lead['id']}/handover", {"to": a_lead(OTHER, has_accepted=False)}

    without = await send_command(context, path, lead["version"], body)
    replaced = await send_command(context, path, lead["version"], body | {"reason": "long-term-sick"})

    assert (without.status_code, without.json()["code"]) == (422, "replacement-reason-required")
    assert replaced.status_code == 200, replaced.text
    assert (await active(patient))["professional_id"] == "gp-W07"
    assert [candidate["professional_id"] for candidate in await proposed(patient)] == [OTHER]
    handed_over = (await context.published(LeadHandedOver))[0]
    assert (str(handed_over.to_lead_id), handed_over.reason) == ((await active(patient))["id"], "long-term-sick")


@pytest.mark.parametrize("reason", ["9990548609", "colin-dale-dementia", "no-answer"])
async def test_reason_of_lead_is_a_published_one(context: RunningContext, reason: str) -> None:
    """The reasons are in public events: a free code could carry a name or a number."""
    patient = await Patient.discussed(context, lead=a_lead(has_accepted=False))
    candidate, gp = (await proposed(patient))[0], await active(patient)

    answers = [
        await send_command(context, f"/mdt/leads/{candidate['id']}/decline", candidate["version"], {"reason": reason}, actor=NURSE),
        await send_command(context, f"/mdt/leads/{gp['id']}/handover", gp["version"], {"to": a_lead(OTHER), "reason": reason}),
    ]

    assert [(answer.status_code, answer.json().get("code")) for answer in answers] == [(422, "validation-failed")] * 2
    assert await context.published(LeadDeclined) == []


_UNKNOWN_GP = {"professional_id": "gp-unknown", "role": "gp", "organisation": "unknown"}
_TO_UNKNOWN = (None, {"candidate": _UNKNOWN_GP}, {"candidate": NURSES[1], "alternatives": [_UNKNOWN_GP]})


@pytest.mark.parametrize("to", _TO_UNKNOWN, ids=["without a name", "candidate", "alternative"])
@pytest.mark.parametrize(("actor", "reason"), [(NURSE, {}), (None, {"reason": "long-term-sick"})], ids=["lead", "coordinator"])
async def test_unknown_practice_takes_over_from_no_lead(
    context: RunningContext, to: dict[str, Any] | None, actor: str | None, reason: dict[str, str]
) -> None:
    patient = await Patient.listed(context, practice_code=UNKNOWN_PRACTICE)
    await patient.discuss()
    lead = await active(patient)

    refused = await send_command(context, f"/mdt/leads/{lead['id']}/handover", lead["version"], {"to": to} | reason, actor=actor)

    assert (refused.status_code, refused.json().get("code")) == (409, "lead-practice-unknown")
    assert "Name a successor" in refused.json()["advice"]
    assert (await active(patient))["id"] == lead["id"]


async def test_meeting_appoints_no_unknown_practice(context: RunningContext) -> None:
    patient = await Patient.listed(context)
    await patient.meet()

    refused = await patient.try_command(
        "discussion", a_discussion(context.clock.at.date(), lead={"candidate": _UNKNOWN_GP, "has_accepted": True})
    )

    assert (refused.status_code, refused.json().get("code")) == (409, "lead-practice-unknown")


async def test_gp_is_notified_when_person_has_no_lead(context: RunningContext) -> None:
    person_id, task = new_id(), new_id()
    await context.deliver(a_person_record(practice_code="B03"), key=person_id, subject=person_id)

    await context.deliver(TaskBlocked(kind=TaskKind.SIGNPOST, reason=BlockReason.WAITING_LIST), key=person_id, subject=task)

    found = await notifications(context, "gp-B03")
    assert [(notification["kind"], notification["subject"]) for notification in found] == [("task-blocked", str(task))]


@pytest.mark.parametrize(("verb", "body"), [("acceptance", None), ("decline", {"reason": "caseload"}), ("handover", {})])
async def test_professional_cannot_answer_for_another(context: RunningContext, verb: str, body: Any) -> None:
    patient = await Patient.discussed(context, lead=a_lead(has_accepted=verb == "handover"))
    lead = next(lead for lead in await patient.leads() if lead["professional_id"] == NURSE)
    before = await context.log()

    response = await send_command(context, f"/mdt/leads/{lead['id']}/{verb}", lead["version"], body, actor=OTHER)

    assert (response.status_code, response.json()["code"]) == (404, "lead-not-found")
    assert await context.log() == before


async def _two_proposed(context: RunningContext) -> tuple[Patient, dict[str, Any], dict[str, Any]]:
    """A person and two proposed leads: the meeting proposed one nurse, and the GP, who leads until an answer, the other."""
    patient = await Patient.discussed(context, lead=a_lead(NURSE, has_accepted=False))
    first = (await proposed(patient))[0]
    second = await hand_over(context, await active(patient), a_lead(OTHER, has_accepted=False))
    return patient, first, second


@pytest.mark.acceptance("mdt-5")
async def test_concurrent_acceptances_let_one_win(context: RunningContext) -> None:
    for _ in range(3):
        patient, first, second = await _two_proposed(context)

        responses = await asyncio.gather(
            send_command(context, f"/mdt/leads/{first['id']}/acceptance", first["version"], actor=NURSE),
            send_command(context, f"/mdt/leads/{second['id']}/acceptance", second["version"], actor=OTHER),
        )

        assert sorted(response.status_code for response in responses) == [200, 409]
        refused = next(response for response in responses if response.status_code == 409)
        assert refused.json()["code"] == "lead-already-active"
        winner = next(response.json() for response in responses if response.status_code == 200)
        assert (await active(patient))["id"] == winner["id"]
        assert await proposed(patient) == []


@pytest.mark.acceptance("mdt-5")
async def test_database_refuses_second_active_lead(context: RunningContext) -> None:
    person_id = PersonId(new_id())

    async def activate(professional_id: str) -> None:
        lead = a_lead_of(domain.Status.PROPOSED, professional_id, person_id=person_id, version=0)
        async with context.database.transaction() as tx:
            await save_leads(tx, [domain.propose_accepted(lead, tx.now)])

    results = await asyncio.gather(*(activate(f"nurse-{number}") for number in range(6)), return_exceptions=True)

    assert [type(result) for result in results if result is not None] == [LeadAlreadyActive] * 5
    assert len(await context.published(LeadActivated)) == 1


@pytest.mark.acceptance("mdt-5")
async def test_concurrent_lead_changes_leave_one_lead(context: RunningContext) -> None:
    patient, first, second = await _two_proposed(context)
    gp = await active(patient)

    await asyncio.gather(
        send_command(context, f"/mdt/leads/{first['id']}/acceptance", first["version"], actor=NURSE),
        send_command(context, f"/mdt/leads/{second['id']}/decline", second["version"], {"reason": "caseload"}, actor=OTHER),
        send_command(context, f"/mdt/leads/{gp['id']}/handover", gp["version"], {"to": a_lead("nurse-3")}, actor="gp-W07"),
        send_command(context, f"/mdt/leads/{gp['id']}/handover", gp["version"], {"to": a_lead("nurse-4")}, actor="gp-W07"),
        context.let_pass(timedelta(days=3)),
    )

    await active(patient)
    log = await context.log()
    activated = sum(isinstance(event, LeadActivated) for event in log)
    handed_over = sum(isinstance(event, LeadHandedOver) for event in log)
    assert activated == handed_over + 1


@pytest.mark.acceptance("mdt-4")
async def test_mdt_cannot_appoint_lead_outside_table_16(context: RunningContext) -> None:
    patient = await Patient.listed(context)
    await _score(context, patient, level=2)

    with pytest.raises(AssertionError, match="lead-not-allowed"):
        await patient.discuss()
    gp = {"professional_id": "gp-W07", "role": "gp", "organisation": "W07"}
    await patient.discuss(lead={"candidate": gp})

    assert (await patient.case())["allocation"]["lead"] == "gp"
    assert ((await active(patient))["professional_id"], (await active(patient))["is_fallback"]) == ("gp-W07", False)
    assert [type(event) for event in await context.log() if type(event).__name__.startswith("Lead")] == [
        LeadProposed,
        LeadAccepted,
        LeadActivated,
    ]


async def _score(context: RunningContext, patient: Patient, level: int) -> None:
    insert = "INSERT INTO risk_score (person_id, practice_code, ratio, level, valid_from, import_number) VALUES ($1, 'W07', 6, $2, $3, 1)"
    await context.database.pool.execute(insert, patient.person_id, level, MONDAY.date())


@pytest.mark.parametrize("policy", [Policy(lead_answers_within_working_days=20)], ids=["long answer time"])
async def test_new_proposal_supersedes_unanswered_one(context: RunningContext) -> None:
    patient = await Patient.discussed(context, lead=a_lead(has_accepted=False))
    await Patient.referred(context, patient.person_id)

    await patient.discuss(lead=a_lead(OTHER))

    assert (await active(patient))["professional_id"] == OTHER
    assert await proposed(patient) == []
    assert [event.reason for event in await context.published(LeadEnded)] == ["superseded"]


async def test_lead_is_notified_of_own_people_only(context: RunningContext) -> None:
    patient, now = await Patient.discussed(context), context.clock.at
    other = await Patient.discussed(context, lead=a_lead(OTHER))
    events = {
        "task-fulfilled": TaskFulfilled(
            kind=TaskKind.SIGNPOST, source=TaskSource.CARE_PLAN, source_id=new_id(), outcome=TaskOutcome.SIGNPOSTED
        ),
        "task-blocked": TaskBlocked(kind=TaskKind.SIGNPOST, reason=BlockReason.WAITING_LIST),
        "task-escalated": TaskEscalated(kind=TaskKind.SIGNPOST, reason="blocked"),
        "task-overdue": TaskOverdue(kind=TaskKind.SIGNPOST, due_at=now),
        "response-contacted": ResponseContacted(
            referral_id=new_id(), contacted_at=now, due_at=now, is_met=True, mode=ContactMode.FACE_TO_FACE
        ),
        "response-breached": ResponseBreached(referral_id=new_id(), due_at=now),
    }
    for event in events.values():
        await context.deliver(event, key=patient.person_id, subject=new_id())
    unknown, task = new_id(), new_id()
    await context.deliver(events["task-blocked"], key=unknown, subject=task)

    page = await read(context, f"/mdt/leads/notifications?professional_id={NURSE}&limit=4", actor=NURSE)
    rest = await read(context, f"/mdt/leads/notifications?professional_id={NURSE}&cursor={page['next']}", actor=NURSE)

    assert [notification["kind"] for notification in page["items"] + rest["items"]] == list(events)
    chair = await notifications(context, "mdt-chair")
    assert [(notification["kind"], notification["person_id"], notification["subject"]) for notification in chair] == [
        ("task-blocked", str(unknown), str(task))
    ]
    assert await notifications(context, OTHER) == []
    people = await read(context, f"/mdt/leads/people?professional_id={OTHER}", actor=OTHER)
    assert [person["lead"]["person_id"] for person in people] == [str(other.person_id)]


async def test_lead_learns_that_person_was_not_seen(context: RunningContext) -> None:
    """Finding: a closed door was a contact, and its end a closure like any other."""
    patient, now = await Patient.discussed(context), context.clock.at
    visit = ResponseContacted(referral_id=new_id(), contacted_at=now, due_at=now, is_met=True, mode=ContactMode.NO_ACCESS)
    end = ResponseClosed(referral_id=new_id(), outcome=ResponseOutcome.NO_ACCESS, is_admission_avoided=False, benefit_pounds=0)

    for event in (visit, end):
        await context.deliver(event, key=patient.person_id, subject=new_id())

    assert [notification["kind"] for notification in await notifications(context, NURSE)] == ["response-no-access"] * 2


async def test_notification_cursor_misses_none_written_concurrently(context: RunningContext) -> None:
    person_id, seen, cursor = PersonId(new_id()), list[int](), encode_sequence(0)

    async def write() -> None:
        async with context.database.transaction() as tx:
            await notify(tx, Professional(NURSE, "CLCH"), person_id, Kind.TASK_BLOCKED, new_id(), tx.now)
            await asyncio.sleep(0.01)

    writing = asyncio.gather(*(write() for _ in range(20)))
    while not writing.done() or len(seen) < 20:
        page = await read(context, f"/mdt/leads/notifications?professional_id={NURSE}&cursor={cursor}", actor=NURSE)
        seen += [notification["id"] for notification in page["items"]]
        cursor = page["next"]
    await writing

    written = await context.database.pool.fetch("SELECT id FROM notification ORDER BY id")
    assert seen == [row["id"] for row in written]


async def test_lead_acknowledges_own_notification_once(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    await context.deliver(ResponseBreached(referral_id=new_id(), due_at=context.clock.at), key=patient.person_id, subject=new_id())
    notification = (await notifications(context, NURSE))[0]
    path, own_token = f"/mdt/leads/notifications/{notification['id']}/acknowledgement", context.token("mdt:lead", actor=NURSE)

    foreign = await context.http.post(path, headers=context.token("mdt:lead", actor=OTHER))
    first = await context.http.post(path, headers=own_token)
    context.clock.advance(timedelta(minutes=5))
    again = await context.http.post(path, headers=own_token)
    unknown = await context.http.post("/mdt/leads/notifications/999999/acknowledgement", headers=own_token)

    assert (foreign.status_code, foreign.json()["code"]) == (403, "feed-access-denied")
    assert first.json()["acknowledged_at"] == again.json()["acknowledged_at"] != None  # noqa: E711  the JSON value
    assert (unknown.status_code, unknown.json()["code"]) == (404, "notification-not-found")


async def test_lead_sees_own_people_with_next_steps(context: RunningContext) -> None:
    patient = await Patient.discussed(context)

    person = (await read(context, f"/mdt/leads/people?professional_id={NURSE}", actor=NURSE))[0]
    foreign = await context.http.get(f"/mdt/leads/people?professional_id={NURSE}", headers=context.token("mdt:lead", actor=OTHER))

    assert person["lead"]["person_id"] == str(patient.person_id)
    assert [step["owner_role"] for step in person["next_steps"]] == ["care-navigator"]
    assert person["review_on"] == "2015-05-27"
    assert (foreign.status_code, foreign.json()["code"]) == (403, "feed-access-denied")


async def test_lead_actions_follow_from_state(context: RunningContext) -> None:
    patient = await Patient.discussed(context, lead=a_lead(has_accepted=False))
    candidate = (await proposed(patient))[0]

    actions = await read(context, f"/mdt/leads/{candidate['id']}/actions", actor=NURSE)

    assert [action["name"] for action in actions] == ["AcceptLead", "DeclineLead"]
    assert actions[0]["href"] == f"/mdt/leads/{candidate['id']}/acceptance"
    assert {action["method"] for action in actions} == {"POST"}


async def test_same_staff_code_of_another_organisation_is_another_professional(context: RunningContext) -> None:
    """Finding C9: the same subject at another organisation read the lead's people, answered for them and handed them over."""
    patient = await Patient.discussed(context)
    await context.deliver(ResponseBreached(referral_id=new_id(), due_at=context.clock.at), key=patient.person_id, subject=new_id())
    [lead], [notification] = await patient.leads(), await notifications(context, NURSE)
    other = context.token("mdt:lead", actor=NURSE, organisation="RFL")
    to = {"candidate": {"professional_id": NURSE, "role": "community-nurse", "organisation": "RFL"}, "has_accepted": True}

    people = await context.http.get(f"/mdt/leads/people?professional_id={NURSE}", headers=other)
    feed = await context.http.get(f"/mdt/leads/notifications?professional_id={NURSE}", headers=other)
    acknowledged = await context.http.post(f"/mdt/leads/notifications/{notification['id']}/acknowledgement", headers=other)
    handed_over = await context.http.post(
        f"/mdt/leads/{lead['id']}/handover", headers=other | {"If-Match": f'W/"{lead["version"]}"'}, json={"to": to, "reason": "absent"}
    )

    assert (people.json(), feed.json()["items"]) == ([], [])
    assert [(each.status_code, each.json()["code"]) for each in (acknowledged, handed_over)] == [
        (403, "feed-access-denied"),
        (404, "lead-not-found"),
    ]


async def test_handover_names_the_professional_with_the_organisation(context: RunningContext) -> None:
    """Finding: a corrected hand-over made the professional lead who has the same staff code at another organisation."""
    patient = await Patient.discussed(context)
    mistaken, meant = (
        {"candidate": {"professional_id": OTHER, "role": "community-nurse", "organisation": each}} for each in ("RFL", "CLCH")
    )
    await hand_over(context, await active(patient), mistaken)

    successor = await hand_over(context, await active(patient), meant | {"has_accepted": True})

    assert (successor["professional_id"], successor["organisation"], successor["status"]) == (OTHER, "CLCH", "active")
    assert await patient.leads() == [successor]


async def test_lead_hands_over_to_the_same_code_elsewhere(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    elsewhere = {"candidate": {"professional_id": NURSE, "role": "community-nurse", "organisation": "RFL"}, "has_accepted": True}

    successor = await hand_over(context, await active(patient), elsewhere)

    assert (successor["organisation"], (await active(patient))["id"]) == ("RFL", successor["id"])


@pytest.mark.parametrize("policy", [Policy(lead_answers_within_working_days=20)], ids=["long answer time"])
async def test_meeting_appoints_the_same_code_elsewhere(context: RunningContext) -> None:
    patient = await Patient.discussed(context, lead=a_lead(has_accepted=False))
    await Patient.referred(context, patient.person_id)
    candidate = {"professional_id": NURSE, "role": "community-nurse", "organisation": "RFL"}

    await patient.discuss(lead={"candidate": candidate, "has_accepted": True})

    assert ((await active(patient))["organisation"], await proposed(patient)) == ("RFL", [])
    assert [event.reason for event in await context.published(LeadEnded)] == ["superseded"]
