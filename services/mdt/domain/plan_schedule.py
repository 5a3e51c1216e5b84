"""The times of a care plan: the owner and the deadlines of each action, the day of the review and its listing (G16, AC12)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import assert_never
from uuid import UUID

from services.mdt.domain import meeting
from services.mdt.domain.policy import Policy
from shared.contracts.care_plans import PlanAction
from shared.contracts.codes import NAVIGATOR_ROLES, RiskLevel, Role
from shared.kernel.working_days import working_days_later


@dataclass(frozen=True, slots=True)
class ReturnedAction:
    """An action whose task was cancelled: the lead sees to it until `due_on`."""

    action_id: UUID
    due_on: date


def returned_action(action: PlanAction, now: datetime, policy: Policy) -> ReturnedAction:
    """Due on its day, and within two working days at most."""
    soon = policy.day_of(working_days_later(now, policy.returned_action_within_working_days, policy.zone))
    return ReturnedAction(action.action_id, action.due_on if policy.day_of(now) <= action.due_on < soon else soon)


def is_leads_own(action: PlanAction, returned: Sequence[ReturnedAction]) -> bool:
    """Whether the lead sees to the action: it is no navigator's task, or its task was cancelled."""
    return action.owner_role not in NAVIGATOR_ROLES or _returned(action, returned) is not None


def still_returned(actions: Sequence[PlanAction], returned: Sequence[ReturnedAction]) -> tuple[ReturnedAction, ...]:
    """The returned actions that a new version continues as a navigator's under the same id: no task follows for them."""
    continued = {action.action_id for action in actions if action.owner_role in NAVIGATOR_ROLES}
    return tuple(again for again in returned if again.action_id in continued)


def continued_id(action_id: UUID | None, role: Role, returned: Sequence[ReturnedAction]) -> UUID | None:
    """The id under which a revision continues an action; None for a new one, and for a returned action that a navigator gets again."""
    is_given_again = role in NAVIGATOR_ROLES and action_id in {again.action_id for again in returned}
    return None if is_given_again else action_id


def overdue_at(due_on: date, policy: Policy) -> datetime:
    """The end of the due day."""
    return policy.instant(due_on + timedelta(days=1), time())


def noticed_at(action: PlanAction, returned: Sequence[ReturnedAction], policy: Policy) -> datetime:
    """The end of the due day; later for a navigator's task, whose delay navigation reports first."""
    again = _returned(action, returned)
    ends_at = overdue_at(again.due_on if again else action.due_on, policy)
    return ends_at if is_leads_own(action, returned) else _reminder(ends_at, policy)


def reminded_after(action: PlanAction, returned: Sequence[ReturnedAction], instant: datetime, policy: Policy) -> datetime:
    """The first time after `instant` at which the lead is notified of the action, if it is open then."""
    at = noticed_at(action, returned, policy)
    while at <= instant:
        at = _reminder(at, policy)
    return at


def review_listed_at(review_on: date, policy: Policy) -> datetime:
    """The instant of listing: before the cut-off of the meeting in the week of the review (G16)."""
    closes = meeting.cut_off_at(meeting.starts_at(meeting.week_of(review_on), policy), policy)
    before = working_days_later(closes, -policy.review_working_days_before_cut_off, policy.zone)
    return policy.instant(policy.day_of(before), policy.review_at)


def review_day(today: date, level: RiskLevel, *, is_care_home_resident: bool, policy: Policy) -> date:
    """Twelve weeks at very high risk, else twenty-six, and never later than a care home's own cadence (G16)."""
    match level:
        case RiskLevel.VERY_HIGH:
            weeks = policy.review_weeks_very_high_risk
        case RiskLevel.HIGH | RiskLevel.MEDIUM | RiskLevel.LOW:
            weeks = policy.review_weeks
        case _:
            assert_never(level)
    if is_care_home_resident:
        weeks = min(weeks, policy.review_weeks_care_home)
    return today + timedelta(weeks=weeks)


def _returned(action: PlanAction, returned: Sequence[ReturnedAction]) -> ReturnedAction | None:
    return next((again for again in returned if again.action_id == action.action_id), None)


def _reminder(instant: datetime, policy: Policy) -> datetime:
    return working_days_later(instant, policy.action_reminded_after_working_days, policy.zone)
