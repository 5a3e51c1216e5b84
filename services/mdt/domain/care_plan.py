"""The care plan: offered, agreed or declined by the person, reviewed, revised; every version is kept.

Pure: values in, a Decision out. Sources: domain.md §5.5, G16, G51, AC10, AC12; 001:10101-10102, 001:6691-6697.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.mdt.commands import ActionAgreed, AgreePlan, DeclinePlan, JointPlan, RequestReview
from services.mdt.domain import working_days
from services.mdt.domain.policy import Policy
from shared.contracts.codes import Locality, RiskLevel
from shared.contracts.event import Event
from shared.contracts.mdt import (
    CarePlanAgreed,
    CarePlanClosed,
    CarePlanDeclined,
    CarePlanEnacted,
    CarePlanOffered,
    CarePlanRecorded,
    CarePlanReviewDue,
    CarePlanRevised,
    PlanAction,
    ReviewTrigger,
)
from shared.kernel.decision import Deadline, Decision
from shared.kernel.errors import NotFound, RuleBroken
from shared.kernel.ids import PersonId
from shared.kernel.transitions import Transitions, Trigger, require, transition


class Status(StrEnum):
    OFFERED = "offered"
    DECLINED = "declined"
    AGREED = "agreed"
    REVIEW_DUE = "review-due"
    CLOSED = "closed"


class Due(StrEnum):
    """The deadline of a care plan."""

    REVIEW = "review"


class Occurrence(StrEnum):
    """What happens to a plan without a command of its own."""

    DISCUSSED = "discussed"
    RAPID_CARE_CLOSED = "rapid-care-closed"
    RISK_LEVEL_CROSSED = "risk-level-crossed"
    ENACTED = "enacted"
    CASE_CLOSED = "case-closed"


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
    """A person's plan. `in_force` is what the person agreed to last, `offered` what still waits for an answer."""

    id: UUID
    person_id: PersonId
    correlation_id: UUID
    status: Status
    locality: Locality
    plan_version: int
    offered: PlanVersion | None = None
    in_force: PlanVersion | None = None
    enacted_for: UUID | None = None
    version: int = 0


class CarePlanNotFound(NotFound):
    code = "care-plan-not-found"


class ActionUnknown(RuleBroken):
    code = "action-unknown"
    advice = "Continue only actions of the current plan; leave the id out for a new one."


_OPEN = (Status.OFFERED, Status.DECLINED, Status.AGREED, Status.REVIEW_DUE)
_NOT_YET_DUE = (Status.OFFERED, Status.DECLINED, Status.AGREED)
_REVIEW = transition(_NOT_YET_DUE, Status.REVIEW_DUE, CarePlanReviewDue)

#: Who may follow what. Guards the commands, answers `GET .../actions`, and is printed (and tested) as docs/states/mdt.md.
CARE_PLAN: Transitions = {
    AgreePlan: transition(Status.OFFERED, Status.AGREED, CarePlanAgreed, CarePlanRevised, CarePlanRecorded),
    DeclinePlan: transition(Status.OFFERED, (Status.DECLINED, Status.AGREED), CarePlanDeclined),
    RequestReview: _REVIEW,
    Due.REVIEW: _REVIEW,
    Occurrence.RAPID_CARE_CLOSED: _REVIEW,
    Occurrence.RISK_LEVEL_CROSSED: _REVIEW,
    Occurrence.DISCUSSED: transition(
        _OPEN,
        (Status.OFFERED, Status.AGREED, Status.DECLINED),
        *(CarePlanOffered, CarePlanAgreed, CarePlanRevised, CarePlanDeclined, CarePlanRecorded),
    ),
    Occurrence.ENACTED: transition((Status.OFFERED, Status.AGREED, Status.REVIEW_DUE), (), CarePlanEnacted),
    Occurrence.CASE_CLOSED: transition(_OPEN, Status.CLOSED, CarePlanClosed),
}

#: Why a review is due, by what made it so.
TRIGGERS: dict[Trigger, ReviewTrigger] = {
    RequestReview: ReviewTrigger.PERSON_ASKED,
    Due.REVIEW: ReviewTrigger.DUE_DATE,
    Occurrence.RAPID_CARE_CLOSED: ReviewTrigger.RAPID_CARE_CLOSED,
    Occurrence.RISK_LEVEL_CROSSED: ReviewTrigger.RISK_LEVEL_CROSSED,
}


def first_plan(*, plan_id: UUID, person_id: PersonId, correlation_id: UUID, locality: Locality) -> CarePlan:
    """A plan that nothing was written into yet."""
    return CarePlan(plan_id, person_id, correlation_id, Status.OFFERED, locality, plan_version=0)


def word(plan: CarePlan, joint_plan: JointPlan, actions: Sequence[PlanAction], *, review_on: date, now: datetime) -> PlanVersion:
    """What the meeting agreed, as the plan's next version."""
    return PlanVersion(plan.plan_version + 1, joint_plan, tuple(actions), review_on, now)


def offer(plan: CarePlan, version: PlanVersion, *, is_agreed_by_person: bool | None, policy: Policy) -> Decision[CarePlan]:
    """The meeting offers a version to the person, whose answer is given, or None while they have not answered (AC10).

    What the person agreed to before stays in force until they agree to this. The review date counts from now, whatever
    the answer: who declines is asked again then. A revision that is answered at once is not told as an offer besides.
    """
    require(plan.status, Occurrence.DISCUSSED, CARE_PLAN)
    offered = replace(plan, status=Status.OFFERED, offered=version, plan_version=version.number)
    review = Deadline(Due.REVIEW, working_days.instant(version.review_on, policy.review_at, policy.timezone))
    if is_agreed_by_person is None:
        return Decision(offered, [CarePlanOffered()], [review], cancels=[Due.REVIEW])
    answered = answer(offered, is_agreed_by_person=is_agreed_by_person)
    told = [CarePlanOffered()] if plan.in_force is None else []
    return Decision(answered.state, [*told, *answered.events], [review], cancels=[Due.REVIEW])


def answer(plan: CarePlan, *, is_agreed_by_person: bool) -> Decision[CarePlan]:
    """The person's answer to what was offered. Raises IllegalTransition."""
    return agree(plan) if is_agreed_by_person else decline(plan)


def agree(plan: CarePlan) -> Decision[CarePlan]:
    """The person says yes: the version is in force, and its words travel to whoever may stand at the door in a crisis."""
    require(plan.status, AgreePlan, CARE_PLAN)
    version = _offered(plan)
    agreed = replace(plan, status=Status.AGREED, offered=None, in_force=version)
    return Decision(agreed, [_in_force(plan, version), _recorded(plan.id, version)])


def decline(plan: CarePlan) -> Decision[CarePlan]:
    """The person says no; an earlier version that they agreed to stays in force."""
    require(plan.status, DeclinePlan, CARE_PLAN)
    status = Status.DECLINED if plan.in_force is None else Status.AGREED
    return Decision(replace(plan, status=status, offered=None), [CarePlanDeclined()])


def request_review(plan: CarePlan, trigger: Trigger) -> Decision[CarePlan]:
    """The plan must be looked at again; an offer that nobody answered lapses. Raises IllegalTransition."""
    require(plan.status, trigger, CARE_PLAN)
    due = replace(plan, status=Status.REVIEW_DUE, offered=None)
    return Decision(due, [CarePlanReviewDue(trigger=TRIGGERS[trigger])], cancels=[Due.REVIEW])


def enact(plan: CarePlan, *, plan_version: int, response_id: UUID) -> Decision[CarePlan] | None:
    """A rapid response used the crisis section. None when that response was noted before (another clinician was assigned)."""
    if plan.enacted_for == response_id:
        return None
    require(plan.status, Occurrence.ENACTED, CARE_PLAN)
    enacted = CarePlanEnacted(plan_version=plan_version, response_id=response_id)
    return Decision(replace(plan, enacted_for=response_id), [enacted])


def close(plan: CarePlan, reason: str) -> Decision[CarePlan]:
    """The plan ended with its case; its versions stay readable."""
    require(plan.status, Occurrence.CASE_CLOSED, CARE_PLAN)
    return Decision(replace(plan, status=Status.CLOSED, offered=None), [CarePlanClosed(reason=reason)], cancels=[Due.REVIEW])


def review_day(today: date, level: RiskLevel | None, *, is_care_home_resident: bool, policy: Policy) -> date:
    """Twelve weeks at very high risk, else twenty-six, and never later than a care home's own cadence (G16)."""
    weeks = policy.review_weeks_very_high_risk if level is RiskLevel.VERY_HIGH else policy.review_weeks
    if is_care_home_resident:
        weeks = min(weeks, policy.review_weeks_care_home)
    return today + timedelta(weeks=weeks)


def require_known(plan: CarePlan | None, actions: Sequence[ActionAgreed]) -> None:
    """An action that continues is one of the plan's. Raises ActionUnknown."""
    versions = [version for version in (plan.in_force, plan.offered) if version] if plan else []
    known = {action.action_id for version in versions for action in version.actions}
    if any(action.action_id is not None and action.action_id not in known for action in actions):
        raise ActionUnknown("An action refers to one that is not in the plan.")


def _offered(plan: CarePlan) -> PlanVersion:
    if plan.offered is None:
        raise CarePlanNotFound(f"Nothing of the plan {plan.id} waits for an answer.")
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
    )


def _recorded(plan_id: UUID, version: PlanVersion) -> CarePlanRecorded:
    return CarePlanRecorded(
        care_plan_id=plan_id,
        plan_version=version.number,
        preferred_place_of_care=version.joint_plan.preferred_place_of_care,
        what_matters=version.joint_plan.what_matters,
        crisis=version.joint_plan.crisis,
    )
