"""Escalations on the real database: each has an owner and a deadline, and is repeated until it is answered or settled."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.care_plans import CarePlanActionReturned, CarePlanReviewDue
from shared.contracts.codes import TaskKind
from shared.contracts.mdt import RiskReopened
from shared.contracts.navigation import CancelReason, EscalationReason, TaskCancelled, TaskEscalated, TaskFulfilled, TaskOutcome, TaskSource
from shared.contracts.rapid_care import ResponseClosed, ResponseOutcome
from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext
from tests.builders.mdt import (
    Patient,
    a_discussion,
    a_finding,
    a_person_record,
    acknowledge,
    an_action,
    notifications,
    read,
    send_command,
)

NURSE, CHAIR = "clch-community-nurse-1", "mdt-chair"


async def kinds(context: RunningContext, professional_id: str) -> list[tuple[str, bool]]:
    """The kind of each notification, and whether it is escalated."""
    return [(found["kind"], found["is_escalated"]) for found in await notifications(context, professional_id)]


def cancelled(plan: dict[str, Any], reason: str) -> TaskCancelled:
    """A navigator's task of the plan's first action was cancelled."""
    return TaskCancelled(
        kind=TaskKind.ARRANGE_SOCIAL_CARE_ASSESSMENT,
        source=TaskSource.CARE_PLAN,
        source_id=UUID(plan["id"]),
        reason=reason,
        action_id=UUID(plan["in_force"]["actions"][0]["action_id"]),
    )


async def next_steps(context: RunningContext) -> list[dict[str, Any]]:
    people = await read(context, f"/mdt/leads/people?professional_id={NURSE}", actor=NURSE)
    return list(people[0]["next_steps"])


async def test_action_of_cancelled_task_is_the_leads_until_done(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    plan = await patient.plan()
    for _ in range(2):
        await context.deliver(cancelled(plan, "created-in-error"), key=patient.person_id, subject=new_id())

    assert [(str(event.action_id), event.due_on) for event in await context.published(CarePlanActionReturned)] == [
        (plan["in_force"]["actions"][0]["action_id"], date(2015, 3, 6))
    ]
    assert [step["is_leads_own"] for step in await next_steps(context)] == [True]
    await context.let_pass(timedelta(days=3))
    assert [kind for kind, _ in await kinds(context, NURSE)] == ["action-returned", "action-overdue"]

    current = await patient.plan()
    body = {"action_id": plan["in_force"]["actions"][0]["action_id"]}
    path = f"/mdt/care-plans/{plan['id']}/action-fulfilment"
    done = await send_command(context, path, current["version"], body, actor=NURSE)

    assert done.status_code == 200, done.text
    assert await next_steps(context) == []
    before = await kinds(context, NURSE), await kinds(context, CHAIR)
    await context.let_pass(timedelta(weeks=3))
    assert (await kinds(context, NURSE), await kinds(context, CHAIR)) == before


@pytest.mark.parametrize("reason", [CancelReason.CARE_PLAN_REVISED, CancelReason.REFERRAL_CLOSED, CancelReason.PERSON_DIED])
async def test_task_that_followed_its_source_returns_no_action(context: RunningContext, reason: CancelReason) -> None:
    patient = await Patient.discussed(context)

    await context.deliver(cancelled(await patient.plan(), reason.value), key=patient.person_id, subject=new_id())
    await context.deliver(cancelled(await patient.plan(), "created-in-error"), key=new_id(), subject=new_id())

    assert await context.published(CarePlanActionReturned) == []
    assert await kinds(context, NURSE) == []


@pytest.mark.parametrize("outcome", [TaskOutcome.CHECKED_CONCERN, TaskOutcome.UNABLE_TO_CONTACT])
async def test_action_whose_task_left_a_concern_is_the_leads(context: RunningContext, outcome: TaskOutcome) -> None:
    """It counted as done."""
    patient = await Patient.discussed(context)
    plan = await patient.plan()
    of_action = {"source_id": UUID(plan["id"]), "action_id": UUID(plan["in_force"]["actions"][0]["action_id"])}
    ended = TaskFulfilled(kind=TaskKind.FOLLOW_UP_CHECK, source=TaskSource.CARE_PLAN, outcome=outcome, is_concern=True, **of_action)

    for _ in range(2):
        await context.deliver(ended, key=patient.person_id, subject=new_id())

    assert [event.due_on for event in await context.published(CarePlanActionReturned)] == [date(2015, 3, 6)]
    assert [step["is_leads_own"] for step in await next_steps(context)] == [True]
    assert {"action-returned", "concern"} == {kind for kind, _ in await kinds(context, NURSE)}


async def test_revision_gives_returned_action_a_new_task(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    plan = await patient.plan()
    await context.deliver(cancelled(plan, "created-in-error"), key=patient.person_id, subject=new_id())
    first = plan["in_force"]["actions"][0]["action_id"]
    current = await patient.plan()
    await send_command(context, f"/mdt/care-plans/{plan['id']}/review", current["version"])

    await patient.meet()
    await patient.command("discussion", a_discussion(actions=[an_action(context.clock.at.date(), action_id=first)], lead=None))

    (continued,) = (await patient.plan())["in_force"]["actions"]
    assert continued["action_id"] != first
    assert [step["is_leads_own"] for step in await next_steps(context)] == [False]


async def test_due_day_of_earlier_version_is_noticed_again(context: RunningContext) -> None:
    """The deadline of that day has fired for the first version; the person agrees to the second one after the day."""
    patient = await Patient.listed(context)
    await patient.meet()
    due_on = (context.clock.at.date() + timedelta(days=8)).isoformat()
    own = an_action(owner_role="social-worker", due_on=due_on)
    await patient.command("discussion", a_discussion(actions=[own]))
    plan = await patient.plan()
    await send_command(context, f"/mdt/care-plans/{plan['id']}/review", plan["version"])
    await patient.meet()
    await patient.command("discussion", a_discussion(actions=[own], lead=None, is_agreed_by_person=None))
    await context.let_pass(timedelta(days=3))
    assert [found["subject"] for found in await notifications(context, NURSE) if found["kind"] == "action-overdue"] == [
        plan["in_force"]["actions"][0]["action_id"]
    ]

    offered = await patient.plan()
    agreed = await send_command(context, f"/mdt/care-plans/{plan['id']}/agreement", offered["version"])
    await context.let_pass(timedelta(minutes=1))

    assert agreed.status_code == 200, agreed.text
    second = (await patient.plan())["in_force"]["actions"][0]["action_id"]
    assert [found["subject"] for found in await notifications(context, NURSE) if found["kind"] == "action-overdue"][1:] == [second]


@pytest.mark.parametrize("working_days", [4, 7])
async def test_changed_policy_ends_no_overdue_action_in_silence(context: RunningContext, working_days: int) -> None:
    """The deadline of the reminder was set by the policy before, by which the action is overdue at another time."""
    patient = await Patient.listed(context)
    await patient.meet()
    due_on = (context.clock.at.date() + timedelta(days=1)).isoformat()
    await patient.command("discussion", a_discussion(actions=[an_action(owner_role="social-worker", due_on=due_on)]))
    await context.let_pass(timedelta(days=3))
    context.use_policy(replace(context.database.policy, action_reminded_after_working_days=working_days))

    await context.let_pass(timedelta(weeks=4))

    overdue = [found for found in await notifications(context, NURSE) if found["kind"] == "action-overdue"]
    assert len(overdue) >= 3
    pending = "SELECT count(*) FROM deadline WHERE state = 'pending' AND kind = 'plan-action'"
    assert await context.database.pool.fetchval(pending) == 1


async def test_concern_reaches_lead_and_then_chair(context: RunningContext) -> None:
    patient, task = await Patient.discussed(context), new_id()
    concern = TaskFulfilled(
        kind=TaskKind.FOLLOW_UP_CHECK,
        source=TaskSource.RAPID_CARE,
        source_id=new_id(),
        outcome=TaskOutcome.CHECKED_CONCERN,
        is_concern=True,
    )
    await context.deliver(concern, key=patient.person_id, subject=task)
    assert await kinds(context, NURSE) == [("concern", False)]

    await context.let_pass(timedelta(days=10))

    assert await kinds(context, CHAIR) == [("concern", True)] * 3  # after each two working days
    assert await kinds(context, NURSE) == [("concern", False)]
    assert {found["subject"] for found in await notifications(context, CHAIR)} == {str(task)}


def a_concern(source: TaskSource) -> TaskFulfilled:
    return TaskFulfilled(
        kind=TaskKind.FOLLOW_UP_CHECK, source=source, source_id=new_id(), outcome=TaskOutcome.CHECKED_CONCERN, is_concern=True
    )


@pytest.mark.parametrize("source", [TaskSource.RAPID_CARE, TaskSource.HOSPITAL_DISCHARGE, TaskSource.RISK])
async def test_concern_without_lead_reaches_gp_and_chair(context: RunningContext, source: TaskSource) -> None:
    person, task = new_id(), new_id()
    await context.deliver(a_person_record(), key=person, subject=person)

    await context.deliver(a_concern(source), key=person, subject=task)

    assert (await kinds(context, "gp-W07"), await kinds(context, CHAIR)) == ([("concern", False)], [("concern", False)])
    await context.let_pass(timedelta(days=3))
    assert await kinds(context, CHAIR) == [("concern", False), ("concern", True)]
    await acknowledge(context, (await notifications(context, CHAIR))[0])
    await context.let_pass(timedelta(weeks=4))
    assert len(await kinds(context, CHAIR)) == 2


async def test_concern_about_an_unknown_person_reaches_chair_once(context: RunningContext) -> None:
    await context.deliver(a_concern(TaskSource.RAPID_CARE), key=new_id(), subject=new_id())

    assert await kinds(context, CHAIR) == [("concern", False)]


def given_up(source: TaskSource, source_id: UUID | None = None, reason: str = "no-longer-needed") -> TaskCancelled:
    """A coordinator of navigation cancelled a task of this origin."""
    return TaskCancelled(kind=TaskKind.FOLLOW_UP_CHECK, source=source, source_id=source_id or new_id(), reason=reason)


@pytest.mark.parametrize(
    "source", [TaskSource.RAPID_CARE, TaskSource.MDT, TaskSource.LEAD, TaskSource.HOSPITAL_DISCHARGE, TaskSource.PERSON]
)
async def test_cancelled_task_returns_the_work_to_lead_or_chair(context: RunningContext, source: TaskSource) -> None:
    patient, stranger = await Patient.discussed(context), new_id()

    for person in (patient.person_id, stranger):
        await context.deliver(given_up(source), key=person, subject=new_id())

    assert (await kinds(context, NURSE), await kinds(context, CHAIR)) == ([("task-cancelled", False)], [("task-cancelled", False)])
    await context.let_pass(timedelta(days=3))
    assert (await kinds(context, CHAIR))[1:] == [("task-cancelled", True)] * 2
    for notification in await notifications(context, CHAIR):
        await acknowledge(context, notification)
    await context.let_pass(timedelta(weeks=4))
    assert [kind for kind, _ in await kinds(context, CHAIR)].count("task-cancelled") == 3


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (TaskSource.RAPID_CARE, "person-died"),
        (TaskSource.REFERRAL, "no-longer-needed"),
        (TaskSource.CARE_PLAN, "no-longer-needed"),
        (TaskSource.RISK, "no-longer-needed"),
    ],
)
async def test_cancelled_task_with_another_owner_notifies_no_lead(context: RunningContext, source: TaskSource, reason: str) -> None:
    await context.deliver(given_up(source, reason=reason), key=new_id(), subject=new_id())

    assert await kinds(context, CHAIR) == []


async def test_cancelled_task_of_case_finding_opens_the_review_again(context: RunningContext) -> None:
    person = await a_finding(context)
    found = await read(context, f"/mdt/case-finding/{person}")
    body = {"destination": "integrated-locality-team", "reason": "known-to-team"}
    await send_command(context, f"/mdt/case-finding/{person}/screening", found["version"], body)
    finding_id = await context.database.pool.fetchval("SELECT id FROM risk WHERE person_id = $1", person)

    for _ in range(2):
        await context.deliver(given_up(TaskSource.RISK, finding_id), key=person, subject=new_id())
    again = await read(context, f"/mdt/case-finding/{person}")

    assert (again["status"], again["destination"]) == ("found", None)
    assert len(await context.published(RiskReopened)) == 1
    pending = "SELECT count(*) FROM deadline WHERE state = 'pending' AND kind = 'finding-screening' AND subject = $1"
    assert await context.database.pool.fetchval(pending, finding_id) == 1


@pytest.mark.parametrize("by_chair", [True, False])
async def test_acknowledgement_of_lead_or_chair_ends_repetition(context: RunningContext, *, by_chair: bool) -> None:
    patient = await Patient.discussed(context)
    escalated = TaskEscalated(kind=TaskKind.SIGNPOST, reason=EscalationReason.SAFETY_CONCERN.value)
    await context.deliver(escalated, key=patient.person_id, subject=new_id())
    await context.let_pass(timedelta(days=2))
    (own,), (copy,) = await notifications(context, NURSE), await notifications(context, CHAIR)
    assert (own["needs_answer"], copy["needs_answer"], copy["is_escalated"]) == (True, True, True)

    if by_chair:
        await acknowledge(context, copy)
    else:
        await acknowledge(context, own, actor=NURSE)
    await context.let_pass(timedelta(weeks=2))

    assert len(await notifications(context, CHAIR)) == 1
    pending = "SELECT count(*) FROM deadline WHERE state = 'pending' AND kind = 'notification-acknowledgement'"
    assert await context.database.pool.fetchval(pending) == 0


async def test_repeated_escalation_of_one_task_shares_a_deadline(context: RunningContext) -> None:
    patient, task = await Patient.discussed(context), new_id()
    escalated = TaskEscalated(kind=TaskKind.SIGNPOST, reason=EscalationReason.LONG_OVERDUE.value)

    for _ in range(3):
        await context.deliver(escalated, key=patient.person_id, subject=task)
    await context.let_pass(timedelta(days=2))

    assert await kinds(context, NURSE) == [("task-escalated", False)] * 3
    assert await kinds(context, CHAIR) == [("task-escalated", True)]


async def test_notification_without_answer_has_no_deadline(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    done = TaskFulfilled(kind=TaskKind.SIGNPOST, source=TaskSource.LEAD, source_id=new_id(), outcome=TaskOutcome.ARRANGED)
    await context.deliver(done, key=patient.person_id, subject=new_id())

    await context.let_pass(timedelta(weeks=1))

    assert await kinds(context, CHAIR) == []


async def test_unscreened_case_is_repeated_until_screened(context: RunningContext) -> None:
    patient = await Patient.referred(context)

    await context.let_pass(timedelta(weeks=2))
    overdue = len(await notifications(context, CHAIR))
    await patient.command("screening", {"outcome": "eligible"})
    await context.let_pass(timedelta(weeks=2))

    assert overdue >= 5
    assert len(await notifications(context, CHAIR)) == overdue


async def test_unscreened_finding_is_repeated_until_screened(context: RunningContext) -> None:
    person = await a_finding(context)

    await context.let_pass(timedelta(weeks=9))
    overdue = await kinds(context, CHAIR)
    found = await read(context, f"/mdt/case-finding/{person}")
    body = {"destination": "watching-brief", "reason": "stable"}
    await send_command(context, f"/mdt/case-finding/{person}/screening", found["version"], body)
    await context.let_pass(timedelta(weeks=9))

    assert overdue == [("finding-overdue", False)] * 2
    assert await kinds(context, CHAIR) == overdue


async def test_unanswered_offer_is_repeated_until_answered(context: RunningContext) -> None:
    patient = await Patient.discussed(context, is_agreed_by_person=None)

    await context.let_pass(timedelta(weeks=5))
    reminded = [kind for kind, _ in await kinds(context, NURSE)]
    plan = await patient.plan()
    await send_command(context, f"/mdt/care-plans/{plan['id']}/decline", plan["version"])
    after = await kinds(context, CHAIR)
    await context.let_pass(timedelta(weeks=5))

    assert reminded == ["plan-unanswered"] * 2
    assert [kind for kind, _ in await kinds(context, NURSE)] == reminded
    assert await kinds(context, CHAIR) == after


async def test_due_review_that_no_meeting_discusses_is_repeated(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    plan = await patient.plan()
    await send_command(context, f"/mdt/care-plans/{plan['id']}/review", plan["version"])

    await context.let_pass(timedelta(weeks=9))
    reminded = [kind for kind, _ in await kinds(context, NURSE) if kind == "review-due"]

    assert reminded == ["review-due"] * 3
    assert len(await context.published(CarePlanReviewDue)) == 1
    assert (await patient.case())["status"] == "listed"


@pytest.mark.parametrize(
    ("outcome", "is_crisis"),
    [
        (ResponseOutcome.ADMISSION_AVOIDED, True),
        (ResponseOutcome.ADMITTED, True),
        (ResponseOutcome.NOT_ACUTE, True),
        (ResponseOutcome.INAPPROPRIATE, False),
        (ResponseOutcome.OTHER_SERVICE_INVOLVED, False),
        (ResponseOutcome.DECLINED_BY_PERSON, False),
        (ResponseOutcome.NO_ACCESS, False),
        (ResponseOutcome.DIED_ELSEWHERE, False),
    ],
)
async def test_only_a_crisis_counts_and_makes_review_due(context: RunningContext, outcome: ResponseOutcome, *, is_crisis: bool) -> None:
    patient = await Patient.discussed(context)
    closed = ResponseClosed(referral_id=new_id(), outcome=outcome, is_admission_avoided=False, benefit_pounds=0)

    await context.deliver(closed, key=patient.person_id, subject=new_id())

    assert len(await context.published(CarePlanReviewDue)) == is_crisis
    assert await context.database.pool.fetchval("SELECT count(*) FROM crisis") == is_crisis
    assert (await patient.case())["status"] == ("listed" if is_crisis else "active-management")
