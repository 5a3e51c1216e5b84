"""Care plans on the real database: the person's answer, versions, and the triggers of reviews."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.care_plans import (
    CarePlanActionFulfilled,
    CarePlanAgreed,
    CarePlanDeclined,
    CarePlanEnacted,
    CarePlanOffered,
    CarePlanRecorded,
    CarePlanReviewDue,
    CarePlanRevised,
)
from shared.contracts.codes import ReviewTrigger, RiskLevel, TaskKind
from shared.contracts.mdt import CaseListed, RiskLevelCrossed
from shared.contracts.navigation import TaskFulfilled, TaskOutcome, TaskSource
from shared.contracts.rapid_care import ResponseAssigned, ResponseClosed, ResponseOutcome, Skill
from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext, repeated
from tests.builders.mdt import Patient, a_discussion, an_action, notifications, read, send_command

NURSE = "clch-community-nurse-1"
CLOSED = ResponseClosed(referral_id=new_id(), outcome=ResponseOutcome.ADMISSION_AVOIDED, is_admission_avoided=True, benefit_pounds=2004)


def crossed(from_level: int | None, to_level: int) -> RiskLevelCrossed:
    return RiskLevelCrossed(
        from_level=None if from_level is None else RiskLevel(from_level),
        to_level=RiskLevel(to_level),
        practice_code="W07",
        valid_from=date(2015, 3, 10),
        rule_version="1",
    )


async def test_offered_plan_is_agreed_later(context: RunningContext) -> None:
    patient = await Patient.discussed(context, is_agreed_by_person=None)
    offered = await patient.plan()
    assert (offered["status"], offered["in_force"]) == ("offered", None)
    assert await context.published(CarePlanAgreed) == []

    response = await send_command(context, f"/mdt/care-plans/{offered['id']}/agreement", offered["version"])

    assert response.status_code == 200, response.text
    assert [type(event) for event in await context.log() if type(event).__name__.startswith("CarePlan")] == [
        CarePlanOffered,
        CarePlanAgreed,
        CarePlanRecorded,
    ]
    assert [version["is_agreed_by_person"] for version in (await patient.plan())["versions"]] == [True]


async def test_declined_plan_keeps_lead_and_is_reviewed(context: RunningContext) -> None:
    patient = await Patient.discussed(context, is_agreed_by_person=False)

    assert (await patient.plan())["status"] == "declined"
    assert len(await context.published(CarePlanDeclined)) == 1
    assert [lead["status"] for lead in await patient.leads()] == ["active"]

    await context.let_pass(timedelta(weeks=26))

    assert [event.trigger for event in await context.published(CarePlanReviewDue)] == [ReviewTrigger.DUE_DATE]
    assert (await patient.case())["status"] == "listed"


async def test_every_version_stays_readable_with_its_answer(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    await request_review(patient)
    await patient.discuss(is_agreed_by_person=False, joint_plan={"what_matters": "Less treatment.", "preferred_place_of_care": "hospice"})

    plan = await patient.plan()

    assert [version["is_agreed_by_person"] for version in plan["versions"]] == [True, False]
    assert [version["joint_plan"]["preferred_place_of_care"] for version in plan["versions"]] == ["home", "hospice"]
    assert (plan["plan_version"], plan["in_force"]["number"], plan["status"]) == (2, 1, "agreed")
    assert await context.published(CarePlanRevised) == []


async def test_continued_action_keeps_id_and_unknown_is_refused(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    first = (await patient.plan())["in_force"]["actions"][0]
    await request_review(patient)
    await patient.meet()
    today = context.clock.at.date()

    unknown = await patient.try_command("discussion", _discussion([an_action(today, action_id=str(new_id()))]))
    await patient.command("discussion", _discussion([an_action(today, action_id=first["action_id"]), an_action(today, kind="signpost")]))

    assert (unknown.status_code, unknown.json()["code"]) == (409, "action-unknown")
    revised = (await context.published(CarePlanRevised))[0]
    assert [str(action.action_id) == first["action_id"] for action in revised.actions] == [True, False]


async def test_requested_review_is_listed_for_next_meeting(context: RunningContext) -> None:
    patient = await Patient.discussed(context)

    await request_review(patient)

    assert [event.trigger for event in await context.published(CarePlanReviewDue)] == [ReviewTrigger.PERSON_ASKED]
    case = await patient.case()
    assert (case["status"], case["meeting_starts_at"]) == ("listed", "2015-03-11T13:00:00Z")


async def test_closed_response_makes_one_review_due(context: RunningContext) -> None:
    patient, stranger = await Patient.discussed(context), new_id()

    record = await context.deliver(CLOSED, key=patient.person_id, subject=new_id())
    await context.processor.apply(repeated(record, 2))
    await context.deliver(CLOSED, key=patient.person_id, subject=new_id())
    await context.deliver(CLOSED, key=stranger, subject=new_id())

    assert [event.trigger for event in await context.published(CarePlanReviewDue)] == [ReviewTrigger.RAPID_CARE_CLOSED]
    assert len(await context.published(CaseListed)) == 2


async def test_crossed_risk_level_makes_review_due(context: RunningContext) -> None:
    patient = await Patient.discussed(context)

    await context.deliver(crossed(None, 3), key=patient.person_id, subject=new_id())
    assert await context.published(CarePlanReviewDue) == []
    await context.deliver(crossed(3, 2), key=patient.person_id, subject=new_id())

    assert [event.trigger for event in await context.published(CarePlanReviewDue)] == [ReviewTrigger.RISK_LEVEL_CROSSED]


@pytest.mark.parametrize(("level", "weeks"), [(3, 12), (2, 26)])
async def test_review_is_due_once_and_listed_in_its_week(context: RunningContext, level: int, weeks: int) -> None:
    patient = await Patient.listed(context)
    insert = "INSERT INTO risk_score (person_id, practice_code, ratio, level, valid_from, import_number) VALUES ($1, 'W07', 6, $2, $3, 1)"
    await context.database.pool.execute(insert, patient.person_id, level, context.clock.at.date())
    await patient.discuss(lead={"candidate": {"professional_id": "gp-W07", "role": "gp", "organisation": "W07"}})
    met = context.clock.at.date()

    await context.let_pass(timedelta(weeks=weeks))

    assert [event.trigger for event in await context.published(CarePlanReviewDue)] == [ReviewTrigger.DUE_DATE]
    case = await patient.case()
    assert (case["status"], datetime.fromisoformat(case["meeting_starts_at"]).date()) == ("listed", met + timedelta(weeks=weeks))


async def test_lead_and_meeting_are_notified_of_unanswered_plan(context: RunningContext) -> None:
    waiting = await Patient.discussed(context, is_agreed_by_person=None)
    plan = await waiting.plan()

    await context.let_pass(timedelta(days=13))
    assert await notified(context) == []
    await context.let_pass(timedelta(days=1))

    assert await notified(context) == [("plan-unanswered", plan["id"])]
    of_meeting = [(each["kind"], each["subject"], each["is_escalated"]) for each in await notifications(context, "mdt-chair")]
    assert of_meeting == [("plan-unanswered", plan["id"], False)]


async def test_persons_answer_not_discussion_answers_referral(context: RunningContext) -> None:
    waiting, refuses = (
        await Patient.discussed(context, is_agreed_by_person=None),
        await Patient.discussed(context, is_agreed_by_person=None),
    )
    first, second = await waiting.plan(), await refuses.plan()
    assert await context.published(CarePlanAgreed) == []

    await send_command(context, f"/mdt/care-plans/{first['id']}/agreement", first["version"])
    await send_command(context, f"/mdt/care-plans/{second['id']}/decline", second["version"])

    assert [event.referral_ids for event in await context.published(CarePlanAgreed)] == [(waiting.referral_id,)]
    assert [event.referral_ids for event in await context.published(CarePlanDeclined)] == [(refuses.referral_id,)]


async def test_fulfilled_task_leaves_next_steps(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    plan = await patient.plan()
    action_id = plan["in_force"]["actions"][0]["action_id"]
    done = TaskFulfilled(
        kind=TaskKind.SIGNPOST,
        source=TaskSource.CARE_PLAN,
        source_id=UUID(plan["id"]),
        outcome=TaskOutcome.ARRANGED,
        action_id=UUID(action_id),
    )

    for event in (done, done, done.model_copy(update={"action_id": new_id()})):
        await context.deliver(event, key=patient.person_id, subject=new_id())

    assert [str(event.action_id) for event in await context.published(CarePlanActionFulfilled)] == [action_id]
    assert await next_steps(context) == []
    assert [kind for kind, _ in await notified(context)] == ["task-fulfilled"] * 3


async def test_overdue_action_of_lead_is_notified_then_recorded(context: RunningContext) -> None:
    patient = await Patient.listed(context)
    await patient.meet()
    own = an_action(owner_role="social-worker", due_on=(context.clock.at.date() + timedelta(days=5)).isoformat())
    await patient.command("discussion", a_discussion(actions=[own, an_action()]))
    assert [(step["owner_role"], step["is_leads_own"]) for step in await next_steps(context)] == [
        ("social-worker", True),
        ("care-navigator", False),
    ]

    await context.let_pass(timedelta(weeks=1))
    plan = await patient.plan()
    path, body = f"/mdt/care-plans/{plan['id']}/action-fulfilment", {"action_id": (await next_steps(context))[0]["action_id"]}
    by_another = await send_command(context, path, plan["version"], body, actor="clch-community-nurse-2")
    recorded = await send_command(context, path, plan["version"], body, actor=NURSE)
    await context.let_pass(timedelta(weeks=3))

    navigators = (await next_steps(context))[0]["action_id"]
    assert await notified(context) == [("action-overdue", body["action_id"]), ("action-overdue", navigators)]
    assert (by_another.status_code, by_another.json()["code"]) == (404, "care-plan-not-found")
    assert recorded.json()["fulfilled"] == [body["action_id"]]
    assert [step["owner_role"] for step in await next_steps(context)] == ["care-navigator"]


async def next_steps(context: RunningContext) -> list[dict[str, Any]]:
    people = await read(context, f"/mdt/leads/people?professional_id={NURSE}", actor=NURSE)
    return list(people[0]["next_steps"])


async def notified(context: RunningContext) -> list[tuple[str, str]]:
    """The kind and subject of each notification of the nurse."""
    return [(notification["kind"], notification["subject"]) for notification in await notifications(context, NURSE)]


async def test_assigned_response_enacts_crisis_plan_once(context: RunningContext) -> None:
    patient, response_id = await Patient.discussed(context), new_id()
    plan = await patient.plan()
    assigned = ResponseAssigned(clinician_id="clch-enp-1", skill=Skill.COMMUNITY_NURSE, care_plan_id=UUID(plan["id"]), care_plan_version=1)

    await context.deliver(assigned, key=patient.person_id, subject=response_id)
    await context.deliver(assigned.model_copy(update={"clinician_id": "clch-enp-2"}), key=patient.person_id, subject=response_id)
    without = assigned.model_copy(update={"care_plan_id": None, "care_plan_version": None})
    await context.deliver(without, key=patient.person_id, subject=new_id())

    assert [(event.response_id, event.plan_version) for event in await context.published(CarePlanEnacted)] == [(response_id, 1)]


async def test_plan_text_is_in_no_public_event(context: RunningContext) -> None:
    await Patient.discussed(context)

    rows = await context.database.pool.fetch("SELECT type, convert_from(data, 'UTF8') AS data FROM event")
    assert not any("To stay at home" in row["data"] or "Treat at home" in row["data"] for row in rows)
    assert [event.what_matters for event in await context.published(CarePlanRecorded)] == ["To stay at home."]


@pytest.mark.parametrize("scope", ["mdt:read", "mdt:coordinate"])
async def test_answer_requires_scope_to_decide(context: RunningContext, scope: str) -> None:
    patient = await Patient.discussed(context, is_agreed_by_person=None)
    plan = await patient.plan()

    response = await context.http.post(
        f"/mdt/care-plans/{plan['id']}/agreement", headers=context.token(scope) | {"If-Match": f'W/"{plan["version"]}"'}
    )

    assert (response.status_code, response.json()["code"]) == (403, "scope-missing")
    assert (await patient.plan())["status"] == "offered"


async def request_review(patient: Patient) -> None:
    plan = await patient.plan()
    response = await send_command(patient.context, f"/mdt/care-plans/{plan['id']}/review", plan["version"])
    assert response.status_code == 200, response.text


def _discussion(actions: list[dict[str, object]]) -> dict[str, object]:
    return a_discussion(actions=actions, lead=None)
