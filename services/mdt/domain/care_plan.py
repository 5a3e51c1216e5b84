"""The care plan: offered, agreed or declined by the person, reviewed and revised; all versions stay.

Invariant: every open action of the version in force has an owner and a live deadline.
Pure: values in, a Decision out. Sources: G16, G39, G51, AC10, AC12; 001:10101-10102, 001:6691-6697.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.mdt.commands import ActionAgreed, AgreePlan, DeclinePlan, FulfilAction, JointPlan, RequestReview
from services.mdt.domain import desks
from services.mdt.domain.person_change import EndOfCare
from services.mdt.domain.plan_schedule import (
    ReturnedAction,
    is_leads_own,
    noticed_at,
    reminded_after,
    returned_action,
    review_listed_at,
    still_returned,
)
from services.mdt.domain.policy import Policy
from shared.contracts.care_plans import (
    CarePlanActionFulfilled,
    CarePlanActionReturned,
    CarePlanAgreed,
    CarePlanClosed,
    CarePlanDeclined,
    CarePlanEnacted,
    CarePlanOffered,
    CarePlanRecorded,
    CarePlanReferralWithdrawn,
    CarePlanReopened,
    CarePlanReviewDue,
    CarePlanRevised,
    PlanAction,
)
from shared.contracts.codes import Locality, ReviewTrigger
from shared.contracts.event import Event
from shared.kernel.decision import Deadline, Decision
from shared.kernel.errors import NotFound, RuleBroken
from shared.kernel.ids import PersonId
from shared.kernel.ownership import Owners, owned
from shared.kernel.state_table import Transitions, Trigger, require_transition, state_table, transition
from shared.kernel.totality import total
from shared.kernel.working_days import working_days_later


class Status(StrEnum):
    OFFERED = "offered"
    DECLINED = "declined"
    AGREED = "agreed"
    REVIEW_DUE = "review-due"
    CLOSED = "closed"


class CarePlanDeadline(StrEnum):
    """Deadlines of a care plan: its review, a due review that no meeting discusses, the person's answer to an offer, and its actions."""

    REVIEW = "review"
    REVIEW_REMINDER = "review-reminder"
    ANSWER = "plan-answer"
    ACTION = "plan-action"


class Occurrence(StrEnum):
    """Changes of a plan that none of its commands makes."""

    DISCUSSED = "discussed"
    RAPID_CARE_CLOSED = "rapid-care-closed"
    RISK_LEVEL_CROSSED = "risk-level-crossed"
    ENACTED = "enacted"
    TASK_FULFILLED = "task-fulfilled"
    TASK_CANCELLED = "task-cancelled"
    REFERRAL_WITHDRAWN = "referral-withdrawn"
    CASE_CLOSED = "case-closed"
    CARE_RESTORED = "care-restored"


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """One version of the plan, as the meeting worded it."""

    number: int
    joint_plan: JointPlan
    actions: tuple[PlanAction, ...]
    review_on: date
    offered_at: datetime


@dataclass(frozen=True, slots=True)
class CarePlan:
    """A person's plan.

    `in_force` is the version agreed last, `offered` the version that the person has not answered. `referral_ids` wait for that answer too;
    `fulfilled` are the actions that are done, `returned` those of navigators that are the lead's again.
    A plan that `ended` with a death or a move keeps what it had, because that may be a mistake.
    """

    id: UUID
    person_id: PersonId
    correlation_id: UUID
    status: Status
    locality: Locality | None
    plan_version: int
    offered: PlanVersion | None = None
    in_force: PlanVersion | None = None
    enacted_for: UUID | None = None
    referral_ids: tuple[UUID, ...] = ()
    fulfilled: tuple[UUID, ...] = ()
    returned: tuple[ReturnedAction, ...] = ()
    review_on: date | None = None
    ended: EndOfCare | None = None
    version: int = 0


class CarePlanNotFound(NotFound):
    """No care plan has this id, or the person has no care plan."""

    code = "care-plan-not-found"


class ActionUnknown(RuleBroken):
    """A revision continues an action that the current plan does not contain."""

    code = "action-unknown"
    advice = "Send only action ids of the current plan; omit the id of a new action."


class ActionOwnedByNavigator(RuleBroken):
    """The action is a navigator's task, so its outcome is recorded in navigation."""

    code = "action-owned-by-navigator"
    advice = "Record the outcome on the navigator's task; the plan is updated by its event."


OPEN = (Status.OFFERED, Status.DECLINED, Status.AGREED, Status.REVIEW_DUE)
_NOT_YET_DUE = (Status.OFFERED, Status.DECLINED, Status.AGREED)
_REVIEW = transition(_NOT_YET_DUE, Status.REVIEW_DUE, CarePlanReviewDue)
_IN_FORCE = (Status.OFFERED, Status.AGREED, Status.REVIEW_DUE)
_FULFILLED = transition(_IN_FORCE, (), CarePlanActionFulfilled)

_REVIEWS = (CarePlanDeadline.REVIEW, CarePlanDeadline.REVIEW_REMINDER)

#: State table: guards the commands, answers `GET .../actions`, and is printed (and tested) as docs/states/mdt.md.
CARE_PLAN: Transitions = state_table(
    {
        AgreePlan: transition(Status.OFFERED, Status.AGREED, CarePlanAgreed, CarePlanRevised, CarePlanRecorded),
        DeclinePlan: transition(Status.OFFERED, (Status.DECLINED, Status.AGREED), CarePlanDeclined),
        RequestReview: _REVIEW,
        FulfilAction: _FULFILLED,
        CarePlanDeadline.REVIEW: _REVIEW,
        CarePlanDeadline.REVIEW_REMINDER: transition(Status.REVIEW_DUE, ()),
        CarePlanDeadline.ANSWER: transition(Status.OFFERED, ()),
        CarePlanDeadline.ACTION: transition(_IN_FORCE, ()),
        Occurrence.RAPID_CARE_CLOSED: _REVIEW,
        Occurrence.RISK_LEVEL_CROSSED: _REVIEW,
        Occurrence.DISCUSSED: transition(
            OPEN,
            (Status.OFFERED, Status.AGREED, Status.DECLINED),
            *(CarePlanOffered, CarePlanAgreed, CarePlanRevised, CarePlanDeclined, CarePlanRecorded),
        ),
        Occurrence.ENACTED: transition(_IN_FORCE, (), CarePlanEnacted),
        Occurrence.TASK_FULFILLED: _FULFILLED,
        Occurrence.TASK_CANCELLED: transition(_IN_FORCE, (), CarePlanActionReturned),
        Occurrence.REFERRAL_WITHDRAWN: transition((Status.OFFERED, Status.REVIEW_DUE), (), CarePlanReferralWithdrawn),
        Occurrence.CASE_CLOSED: transition(OPEN, Status.CLOSED, CarePlanClosed),
        Occurrence.CARE_RESTORED: transition(Status.CLOSED, OPEN, CarePlanReopened),
    },
    CarePlanDeadline,
    Occurrence,
)

#: The owner of each state.
CARE_PLAN_OWNERS: Owners = total(
    Status,
    {
        Status.OFFERED: owned(desks.MEETING, CarePlanDeadline.ANSWER),
        Status.DECLINED: owned(desks.MEETING, CarePlanDeadline.REVIEW),
        Status.AGREED: owned(desks.LEAD, CarePlanDeadline.REVIEW),
        Status.REVIEW_DUE: owned(desks.LEAD, CarePlanDeadline.REVIEW_REMINDER),
        Status.CLOSED: None,
    },
)

#: The published reason of a review by its trigger: one for each row of the state table that makes a review due.
TRIGGERS: Mapping[Trigger, ReviewTrigger] = total(
    [trigger for trigger, row in CARE_PLAN.items() if CarePlanReviewDue in row.emits],
    {
        RequestReview: ReviewTrigger.PERSON_ASKED,
        CarePlanDeadline.REVIEW: ReviewTrigger.DUE_DATE,
        Occurrence.RAPID_CARE_CLOSED: ReviewTrigger.RAPID_CARE_CLOSED,
        Occurrence.RISK_LEVEL_CROSSED: ReviewTrigger.RISK_LEVEL_CROSSED,
    },
)


def first_plan(*, plan_id: UUID, person_id: PersonId, correlation_id: UUID, locality: Locality | None) -> CarePlan:
    """A plan without a version."""
    return CarePlan(plan_id, person_id, correlation_id, Status.OFFERED, locality, plan_version=0)


def draft_version(plan: CarePlan, joint_plan: JointPlan, actions: Sequence[PlanAction], *, review_on: date, now: datetime) -> PlanVersion:
    """The plan's next version, as agreed by the meeting."""
    return PlanVersion(plan.plan_version + 1, joint_plan, tuple(actions), review_on, now)


def offer(
    plan: CarePlan, version: PlanVersion, *, referral_ids: Sequence[UUID] = (), is_agreed_by_person: bool | None, policy: Policy
) -> Decision[CarePlan]:
    """Offers a version to the person; `is_agreed_by_person` is None until they answer (AC10).

    The version in force stays so until the person agrees. The review day counts from now, for either answer. A revision
    that is answered at once publishes no separate offer.
    """
    require_transition(plan.status, Occurrence.DISCUSSED, CARE_PLAN)
    waiting = tuple(dict.fromkeys((*plan.referral_ids, *referral_ids)))
    offered = replace(
        plan, status=Status.OFFERED, offered=version, plan_version=version.number, referral_ids=waiting, review_on=version.review_on
    )
    review = Deadline(CarePlanDeadline.REVIEW, review_listed_at(version.review_on, policy))
    if is_agreed_by_person is None:
        deadlines = [review, answer_deadline(version.offered_at, policy)]
        return Decision(offered, [CarePlanOffered()], deadlines, cancels=[*_REVIEWS, CarePlanDeadline.ANSWER])
    answered = answer(offered, is_agreed_by_person=is_agreed_by_person, policy=policy)
    offer_events = [CarePlanOffered()] if plan.in_force is None else []
    return replace(
        answered,
        events=[*offer_events, *answered.events],
        deadlines=[review, *answered.deadlines],
        cancels=[*_REVIEWS, *answered.cancels],
    )


def answer(plan: CarePlan, *, is_agreed_by_person: bool, policy: Policy) -> Decision[CarePlan]:
    """The person's answer to the offered version. Raises IllegalTransition."""
    return agree(plan, policy) if is_agreed_by_person else decline(plan)


def agree(plan: CarePlan, policy: Policy) -> Decision[CarePlan]:
    """The person agrees: the version is in force, and its text is published for clinicians in a crisis."""
    require_transition(plan.status, AgreePlan, CARE_PLAN)
    version = _offered(plan)
    returned = still_returned(version.actions, plan.returned)
    agreed = replace(plan, status=Status.AGREED, offered=None, in_force=version, referral_ids=(), returned=returned)
    return Decision(
        agreed,
        [_in_force(plan, version), _recorded(plan.id, version)],
        _action_deadlines(noticed_at(action, returned, policy) for action in next_steps(agreed)),
        cancels=[CarePlanDeadline.ANSWER, CarePlanDeadline.ACTION],
    )


def decline(plan: CarePlan) -> Decision[CarePlan]:
    """The person declines; a version that they agreed to earlier stays in force."""
    require_transition(plan.status, DeclinePlan, CARE_PLAN)
    status = Status.DECLINED if plan.in_force is None else Status.AGREED
    declined = replace(plan, status=status, offered=None, referral_ids=())
    return Decision(declined, [CarePlanDeclined(referral_ids=plan.referral_ids)], cancels=[CarePlanDeadline.ANSWER])


def answer_deadline(now: datetime, policy: Policy) -> Deadline:
    """The time until which the person answers; then, and as often again, the lead is notified."""
    return Deadline(CarePlanDeadline.ANSWER, working_days_later(now, policy.answered_within_working_days, policy.zone))


def require_live(plan: CarePlan, deadline: CarePlanDeadline) -> None:
    """Raises IllegalTransition in a state without this deadline."""
    require_transition(plan.status, deadline, CARE_PLAN)


def fulfil(plan: CarePlan, action_id: UUID, trigger: Trigger) -> Decision[CarePlan] | None:
    """Records an action as done; None when it was recorded before. Raises IllegalTransition, ActionUnknown, ActionOwnedByNavigator."""
    require_transition(plan.status, trigger, CARE_PLAN)
    action = next((action for action in _actions(plan) if action.action_id == action_id), None)
    if action is None:
        raise ActionUnknown("The plan has no action with this id.")
    if trigger is FulfilAction and not is_leads_own(action, plan.returned):
        raise ActionOwnedByNavigator("This action is a navigator's task.")
    if action_id in plan.fulfilled:
        return None
    return Decision(replace(plan, fulfilled=(*plan.fulfilled, action_id)), [CarePlanActionFulfilled(action_id=action_id)])


def require_open_action(plan: CarePlan) -> None:
    """Requires an open action that the lead records as done. Raises ActionUnknown."""
    if not any(is_leads_own(action, plan.returned) for action in next_steps(plan)):
        raise ActionUnknown("The plan has no open action of the lead.")


def return_action(plan: CarePlan, action_id: UUID, now: datetime, policy: Policy) -> Decision[CarePlan] | None:
    """The task of a navigator's action was cancelled, or left a concern: the lead has the action.

    It is due by its due day, and within two working days at most.

    None for an action that is done, is the lead's already, or is not in the plan in force.
    """
    action = next((action for action in next_steps(plan) if action.action_id == action_id), None)
    if action is None or is_leads_own(action, plan.returned):
        return None
    require_transition(plan.status, Occurrence.TASK_CANCELLED, CARE_PLAN)
    again = returned_action(action, now, policy)
    returned = replace(plan, returned=(*plan.returned, again))
    events = [CarePlanActionReturned(action_id=action_id, due_on=again.due_on)]
    return Decision(returned, events, _action_deadlines([noticed_at(action, returned.returned, policy)]))


def next_steps(plan: CarePlan) -> list[PlanAction]:
    """The open actions of the plan in force, by due day."""
    return sorted((action for action in _actions(plan) if action.action_id not in plan.fulfilled), key=lambda action: action.due_on)


def overdue(plan: CarePlan, since: datetime, now: datetime, policy: Policy) -> list[PlanAction]:
    """The open actions of which the lead is notified by a deadline of `since`: those with a time of notice or reminder from then until now.

    Without one, because the policy has changed since the deadline was set: every action that is overdue. Raises IllegalTransition.
    """
    require_live(plan, CarePlanDeadline.ACTION)
    passed = [action for action in next_steps(plan) if noticed_at(action, plan.returned, policy) <= now]
    before = since - timedelta(microseconds=1)
    return [action for action in passed if reminded_after(action, plan.returned, before, policy) <= now] or passed


def reminders(plan: CarePlan, now: datetime, policy: Policy) -> list[Deadline]:
    """The next deadline of each open action, by the policy of today: they are repeated until the action is done."""
    return _action_deadlines(reminded_after(action, plan.returned, now, policy) for action in next_steps(plan))


def request_review(plan: CarePlan, trigger: Trigger, now: datetime, policy: Policy) -> Decision[CarePlan]:
    """Makes the review due; an unanswered offer lapses. Raises IllegalTransition."""
    require_transition(plan.status, trigger, CARE_PLAN)
    due = replace(plan, status=Status.REVIEW_DUE, offered=None)
    events = [CarePlanReviewDue(trigger=TRIGGERS[trigger])]
    return Decision(due, events, [review_reminder(now, policy)], cancels=[CarePlanDeadline.REVIEW, CarePlanDeadline.ANSWER])


def review_reminder(now: datetime, policy: Policy) -> Deadline:
    """The time after which a due review is listed again and the lead reminded."""
    return Deadline(CarePlanDeadline.REVIEW_REMINDER, now + timedelta(weeks=policy.review_reminded_after_weeks))


def enact(plan: CarePlan, *, plan_version: int, response_id: UUID) -> Decision[CarePlan] | None:
    """A rapid response used the crisis section. None when that response was recorded before (for another clinician)."""
    if plan.enacted_for == response_id:
        return None
    require_transition(plan.status, Occurrence.ENACTED, CARE_PLAN)
    enacted = CarePlanEnacted(plan_version=plan_version, response_id=response_id)
    return Decision(replace(plan, enacted_for=response_id), [enacted])


def require_known(plan: CarePlan | None, actions: Sequence[ActionAgreed]) -> None:
    """Requires that continued actions belong to the plan. Raises ActionUnknown."""
    versions = [version for version in (plan.in_force, plan.offered) if version] if plan else []
    known = {action.action_id for version in versions for action in version.actions}
    if any(action.action_id is not None and action.action_id not in known for action in actions):
        raise ActionUnknown("An action continues one that is not in the current plan.")


def _action_deadlines(instants: Iterable[datetime]) -> list[Deadline]:
    return [Deadline(CarePlanDeadline.ACTION, instant) for instant in sorted(set(instants))]


def _actions(plan: CarePlan) -> Sequence[PlanAction]:
    return plan.in_force.actions if plan.in_force else ()


def _offered(plan: CarePlan) -> PlanVersion:
    if plan.offered is None:
        raise CarePlanNotFound(f"No version of the plan {plan.id} awaits an answer.")
    return plan.offered


def _in_force(plan: CarePlan, version: PlanVersion) -> Event:
    kind = CarePlanAgreed if plan.in_force is None else CarePlanRevised
    return kind(
        plan_version=version.number,
        preferred_place_of_care=version.joint_plan.preferred_place_of_care,
        has_crisis_section=version.joint_plan.crisis is not None,
        review_on=version.review_on,
        locality=plan.locality,
        actions=version.actions,
        referral_ids=plan.referral_ids,
    )


def _recorded(plan_id: UUID, version: PlanVersion) -> CarePlanRecorded:
    return CarePlanRecorded(
        care_plan_id=plan_id,
        plan_version=version.number,
        preferred_place_of_care=version.joint_plan.preferred_place_of_care,
        what_matters=version.joint_plan.what_matters,
        crisis=version.joint_plan.crisis,
        preferred_place_of_death=version.joint_plan.preferred_place_of_death,
    )
