"""The end of a care plan with its case, and the return of a plan that a mistaken death or move ended (G39)."""

from dataclasses import replace
from datetime import datetime
from typing import assert_never
from uuid import UUID

from services.mdt.domain import person_change
from services.mdt.domain.care_plan import (
    CARE_PLAN,
    CarePlan,
    CarePlanDeadline,
    Occurrence,
    Status,
    answer_deadline,
    reminders,
    review_reminder,
)
from services.mdt.domain.plan_schedule import review_listed_at
from services.mdt.domain.policy import Policy
from shared.contracts.care_plans import CarePlanClosed, CarePlanReferralWithdrawn, CarePlanReopened
from shared.contracts.mdt import CaseCloseReason
from shared.kernel.decision import Deadline, Decision
from shared.kernel.state_table import require_transition


def close(plan: CarePlan, reason: CaseCloseReason, now: datetime) -> Decision[CarePlan]:
    """Closes the plan with its case; its versions stay readable."""
    require_transition(plan.status, Occurrence.CASE_CLOSED, CARE_PLAN)
    ended = person_change.ended(plan.status, reason, now)
    closed = replace(plan, status=Status.CLOSED, ended=ended)
    if ended is None:
        closed = replace(closed, offered=None, referral_ids=())
    return Decision(closed, [CarePlanClosed(reason=reason, referral_ids=plan.referral_ids)], cancels=list(CarePlanDeadline))


def withdraw(plan: CarePlan, referral_id: UUID) -> Decision[CarePlan]:
    """The referral waits no longer for the person's answer. Raises IllegalTransition."""
    require_transition(plan.status, Occurrence.REFERRAL_WITHDRAWN, CARE_PLAN)
    others = tuple(waiting for waiting in plan.referral_ids if waiting != referral_id)
    return Decision(replace(plan, referral_ids=others), [CarePlanReferralWithdrawn(referral_id=referral_id)])


def restore(plan: CarePlan, now: datetime, policy: Policy) -> Decision[CarePlan]:
    """The death or move was a mistake: the plan is as before, with its deadlines from now. Raises IllegalTransition."""
    require_transition(plan.status, Occurrence.CARE_RESTORED, CARE_PLAN)
    status = Status.CLOSED if plan.ended is None else Status(plan.ended.status)
    restored = replace(plan, status=status, ended=None)
    deadlines = [*_deadlines_of(restored, now, policy), *reminders(restored, now, policy)]
    return Decision(restored, [CarePlanReopened()], deadlines)


def _deadlines_of(plan: CarePlan, now: datetime, policy: Policy) -> list[Deadline]:
    """The deadlines of a restored plan by its status, apart from its actions."""
    review = Deadline(CarePlanDeadline.REVIEW, max(now, review_listed_at(plan.review_on or policy.day_of(now), policy)))
    match plan.status:
        case Status.OFFERED:
            return [review, answer_deadline(now, policy)]
        case Status.AGREED | Status.DECLINED:
            return [review]
        case Status.REVIEW_DUE:
            return [review_reminder(now, policy)]
        case Status.CLOSED:
            return []
        case _:
            assert_never(plan.status)
