"""Care plans between meetings: the person's answer, reviews and their triggers, fulfilled actions, use in a crisis.

Locks are taken in one order: the diary, the case, the plan.
"""

from uuid import UUID

from services.mdt.commands import FulfilAction, RequestReview
from services.mdt.domain import care_plan as domain
from services.mdt.domain.care_plan import CARE_PLAN, CarePlan, CarePlanDeadline, CarePlanNotFound, Occurrence
from services.mdt.domain.lead import require_lead
from services.mdt.domain.notification import Kind
from services.mdt.handlers.agenda import list_for_review
from services.mdt.handlers.notification import notify_lead, notify_lead_and_chair
from services.mdt.handlers.settlement import save_plan
from services.mdt.store.care_plan import care_plans, open_plan, open_plan_id, save_answer
from services.mdt.store.case import OPEN_CASES
from services.mdt.store.crisis import project_crisis
from services.mdt.store.lead import active_professional
from services.mdt.store.meeting import lock_diary
from services.mdt.store.tables import MERGED, Tx
from shared.contracts.envelope import Envelope
from shared.contracts.mdt import RiskLevelCrossed
from shared.contracts.navigation import COORDINATOR_REASONS, CancelReason, TaskCancelled, TaskFulfilled
from shared.contracts.rapid_care import ResponseAssigned, ResponseClosed, ResponseEscalated, ResponseOutcome
from shared.kernel.ids import PersonId
from shared.kernel.state_table import Trigger
from shared.kernel.target import Target
from shared.kernel.totality import total
from shared.persistence.deadlines import DueDeadline
from shared.persistence.transaction import EventSubject

#: Whether the outcome of a response proves a crisis, which raises the case's rank and makes a review due (G16).
_IS_CRISIS = total(
    ResponseOutcome,
    {
        ResponseOutcome.ADMISSION_AVOIDED: True,
        ResponseOutcome.ADMITTED: True,
        ResponseOutcome.NOT_ACUTE: True,
        ResponseOutcome.INAPPROPRIATE: False,
        ResponseOutcome.OTHER_SERVICE_INVOLVED: False,
        ResponseOutcome.DIED_IN_PREFERRED_PLACE: False,
        ResponseOutcome.DIED_ELSEWHERE: False,
        ResponseOutcome.DECLINED_BY_PERSON: False,
        ResponseOutcome.NO_ACCESS: False,
    },
)
#: Reasons of a cancelled task that follow the plan, a referral or the person; any other returns the action.
_FOLLOWS_SOURCE = frozenset(CancelReason) - COORDINATOR_REASONS


async def agree_plan(target: Target, *, tx: Tx) -> CarePlan:
    return await _record_consent(target, is_agreed_by_person=True, tx=tx)


async def decline_plan(target: Target, *, tx: Tx) -> CarePlan:
    return await _record_consent(target, is_agreed_by_person=False, tx=tx)


async def request_review(target: Target, *, tx: Tx) -> CarePlan:
    person_id = await _person_of(tx, target.id)
    await lock_diary(tx)
    case = await OPEN_CASES.find(tx, person_id)
    plan = await care_plans.load(tx, target.id, if_version=target.version)
    due = await _make_due(tx, plan, RequestReview)
    await list_for_review(tx, case)
    return due


async def fulfil_action(target: Target, command: FulfilAction, *, tx: Tx) -> CarePlan:
    """The lead records an action as done; idempotent. Raises NotYourLead and the errors of `domain.fulfil`."""
    plan = await care_plans.load(tx, target.id, if_version=target.version)
    require_lead(await active_professional(tx, plan.person_id), tx.actor)
    decision = domain.fulfil(plan, command.action_id, FulfilAction)
    return await save_plan(tx, plan, decision) if decision else plan


async def on_task_fulfilled(event: TaskFulfilled, envelope: Envelope, *, tx: Tx) -> None:
    """Records the action of a navigator's task as done (AC12), unless it ended with a concern: the lead has the action then.

    Ignores an action that the plan in force no longer has.
    """
    if event.is_concern:
        await _return_action(event.action_id, envelope, tx)
        return
    plan = await open_plan(tx, PersonId(UUID(envelope.key))) if event.action_id else None
    if plan is None or event.action_id not in {action.action_id for action in domain.next_steps(plan)}:
        return
    decision = domain.fulfil(plan, event.action_id, Occurrence.TASK_FULFILLED)
    if decision:
        await save_plan(tx, plan, decision)


async def on_task_cancelled(event: TaskCancelled, envelope: Envelope, *, tx: Tx) -> None:
    """Returns the action of a cancelled task to the lead (AC12)."""
    if event.reason not in _FOLLOWS_SOURCE:
        await _return_action(event.action_id, envelope, tx)


async def on_answer_due(deadline: DueDeadline, *, tx: Tx) -> None:
    """Notifies the lead and the meeting that the person has not answered the offer (AC10), and repeats this until the answer."""
    plan = await care_plans.load(tx, deadline.subject)
    domain.require_live(plan, CarePlanDeadline.ANSWER)
    await notify_lead_and_chair(tx, plan.person_id, Kind.PLAN_UNANSWERED, plan.id, deadline.due_at)
    tx.set_deadline(_about(plan), domain.answer_deadline(tx.now, tx.policy))


async def on_action_due(deadline: DueDeadline, *, tx: Tx) -> None:
    """Notifies the lead of overdue actions at the end of their due day, and repeats this until they are done (AC12).

    The deadlines of all open actions are set again, so that none ends with a deadline that an earlier policy set.
    """
    plan = await care_plans.load(tx, deadline.subject)
    for action in domain.overdue(plan, deadline.due_at, tx.now, tx.policy):
        await notify_lead(tx, plan.person_id, Kind.ACTION_OVERDUE, action.action_id, deadline.due_at)
    tx.cancel_deadlines(plan.id, CarePlanDeadline.ACTION)
    for again in domain.reminders(plan, tx.now, tx.policy):
        tx.set_deadline(_about(plan), again)


async def on_review_due(deadline: DueDeadline, *, tx: Tx) -> None:
    await _review(tx, await _person_of(tx, deadline.subject), CarePlanDeadline.REVIEW)


async def on_review_undiscussed(deadline: DueDeadline, *, tx: Tx) -> None:
    """Lists the case of a due review again, if it is not listed, and reminds the lead; repeated until a meeting discusses it."""
    person_id = await _person_of(tx, deadline.subject)
    await lock_diary(tx)
    case = await OPEN_CASES.find(tx, person_id)
    plan = await care_plans.load(tx, deadline.subject)
    domain.require_live(plan, CarePlanDeadline.REVIEW_REMINDER)
    await list_for_review(tx, case)
    await notify_lead(tx, person_id, Kind.REVIEW_DUE, plan.id, deadline.due_at)
    tx.set_deadline(_about(plan), domain.review_reminder(tx.now, tx.policy))


async def on_response_closed(event: ResponseClosed, envelope: Envelope, *, tx: Tx) -> None:
    """Requests a review after a crisis and raises the case's rank (G16)."""
    if _IS_CRISIS[event.outcome]:
        person_id = PersonId(UUID(envelope.key))
        await project_crisis(tx, person_id, envelope.time)
        await _review_all(tx, person_id, Occurrence.RAPID_CARE_CLOSED)


async def on_response_escalated(_: ResponseEscalated, envelope: Envelope, *, tx: Tx) -> None:
    await project_crisis(tx, PersonId(UUID(envelope.key)), envelope.time)


async def on_risk_level_crossed(event: RiskLevelCrossed, envelope: Envelope, *, tx: Tx) -> None:
    """Requests a review when the level changes; a first score is no change."""
    if event.from_level is not None:
        await _review_all(tx, PersonId(UUID(envelope.key)), Occurrence.RISK_LEVEL_CROSSED)


async def on_response_assigned(event: ResponseAssigned, envelope: Envelope, *, tx: Tx) -> None:
    """Records that a rapid response used the crisis section of this plan."""
    if event.care_plan_id is None or event.care_plan_version is None:
        return
    plan = await care_plans.load(tx, event.care_plan_id)
    decision = domain.enact(plan, plan_version=event.care_plan_version, response_id=UUID(envelope.subject))
    if decision:
        await care_plans.save(tx, decision)


async def _return_action(action_id: UUID | None, envelope: Envelope, tx: Tx) -> None:
    """Returns the action of a task to the lead. Ignores an action that the plan in force no longer has."""
    if action_id is None:
        return
    plan = await open_plan(tx, PersonId(UUID(envelope.key)))
    decision = domain.return_action(plan, action_id, tx.now, tx.policy) if plan else None
    if decision:
        await care_plans.save(tx, decision)
        await notify_lead(tx, decision.state.person_id, Kind.ACTION_RETURNED, action_id, envelope.time)


async def _record_consent(target: Target, *, is_agreed_by_person: bool, tx: Tx) -> CarePlan:
    plan = await care_plans.load(tx, target.id, if_version=target.version)
    answered = await save_plan(tx, plan, domain.answer(plan, is_agreed_by_person=is_agreed_by_person, policy=tx.policy))
    await save_answer(tx, plan.id, plan.plan_version, is_agreed_by_person=is_agreed_by_person)
    return answered


async def _review_all(tx: Tx, person_id: PersonId, trigger: Trigger) -> None:
    """Makes the review of each plan of the person due, under any of their ids."""
    for member in await MERGED.groups.get(tx, person_id):
        await _review(tx, PersonId(member), trigger)


async def _review(tx: Tx, person_id: PersonId, trigger: Trigger) -> None:
    """Makes the review due and lists the case. Does nothing without a plan, or when the review is due already."""
    if await open_plan_id(tx, person_id) is None:
        return
    await lock_diary(tx)
    case = await OPEN_CASES.find(tx, person_id)
    plan = await open_plan(tx, person_id)
    if plan and plan.status in CARE_PLAN[trigger].sources:
        await _make_due(tx, plan, trigger)
        await list_for_review(tx, case)


async def _make_due(tx: Tx, plan: CarePlan, trigger: Trigger) -> CarePlan:
    due = await save_plan(tx, plan, domain.request_review(plan, trigger, tx.now, tx.policy))
    await notify_lead(tx, plan.person_id, Kind.REVIEW_DUE, plan.id, tx.now)
    return due


def _about(plan: CarePlan) -> EventSubject:
    return EventSubject(plan.id, plan.person_id, plan.correlation_id)


async def _person_of(tx: Tx, plan_id: UUID) -> PersonId:
    plan = await care_plans.find(tx, plan_id)
    if plan is None:
        raise CarePlanNotFound(f"No care plan has the id {plan_id}.")
    return plan.person_id
