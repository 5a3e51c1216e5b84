"""Deadlines of the owner of a referral. A deadline that passes leads to a reminder and a further deadline.

A passed deadline never ends a referral and never leaves it without another one. The clinical clock, which starts at the
receipt of the referral, is separate from these deadlines. Sources: G03, G42.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time
from typing import assert_never

from services.referrals.domain.directory import Service
from services.referrals.domain.policy import Policy
from services.referrals.domain.referral import POINT_OF_ACCESS, Referral, ReferralDeadline, Status, pending_deadlines, permit
from shared.contracts.codes import Urgency
from shared.contracts.event import Event
from shared.contracts.referrals import ReferralAcknowledgementOverdue, ReferralOutcomeOverdue
from shared.kernel.decision import JUST_AFTER, Deadline, Decision
from shared.kernel.opening_hours import next_opening
from shared.kernel.working_days import working_days_later


def triage_by(referral: Referral, now: datetime, policy: Policy) -> datetime:
    """The deadline for triage and a route: minutes from now or from the next opening, or working days."""
    match referral.urgency:
        case Urgency.URGENT:
            return opening_of(now, policy.opens, policy.closes, policy) + policy.triage_urgent
        case Urgency.ROUTINE | Urgency.ADVICE:
            return working_days_later(now, policy.triage_routine_working_days, policy.zone)
        case _:
            assert_never(referral.urgency)


def acknowledge_by(referral: Referral, service: Service, now: datetime, policy: Policy) -> datetime:
    """The deadline for the receiver's answer; for an urgent referral it counts from the service's next opening."""
    match referral.urgency:
        case Urgency.URGENT:
            return opening_of(now, service.opens, service.closes, policy) + policy.acknowledge_urgent
        case Urgency.ROUTINE | Urgency.ADVICE:
            return working_days_later(now, policy.acknowledge_routine_working_days, policy.zone)
        case _:
            assert_never(referral.urgency)


def answer_call_by(service: Service | None, now: datetime, policy: Policy) -> datetime:
    """The deadline for the receiver's answer to a second urgent call; it counts from the service's next opening."""
    opens, closes = (service.opens, service.closes) if service else (None, None)
    return opening_of(now, opens, closes, policy) + policy.acknowledge_urgent


def outcome_by(referral: Referral, now: datetime, policy: Policy) -> datetime:
    """The deadline for the outcome."""
    if referral.status is Status.SIGNPOSTED:
        return now + policy.outcome_signposted
    match referral.urgency:
        case Urgency.URGENT:
            return now + policy.outcome_urgent
        case Urgency.ROUTINE | Urgency.ADVICE:
            return now + policy.outcome_routine
        case _:
            assert_never(referral.urgency)


def begin(referral: Referral, events: Sequence[Event], due_at: datetime) -> Decision[Referral]:
    """Enters a state whose owner must act by `due_at`. The earlier deadline and an open question end.

    Discrepancies are due at `due_at`, as triage is, unless their own deadline is earlier.
    """
    resolved_by = resolve_by(referral, due_at) if referral.discrepancies else None
    entered = replace(referral, due_at=due_at, overdue_since=None, asked_in=None, discrepancies_due_at=resolved_by)
    return Decision(entered, events, _rows(entered), cancels=list(ReferralDeadline))


def resolve_by(referral: Referral, due_at: datetime) -> datetime:
    """The deadline of all discrepancies, of which a new one is due at `due_at`: the earlier one."""
    return min(referral.discrepancies_due_at or due_at, due_at)


def end(referral: Referral, events: Sequence[Event], now: datetime) -> Decision[Referral]:
    """Ends the referral: no owner and no deadline remain."""
    ended = without_call(replace(referral, due_at=None, overdue_since=None, asked_in=None, discrepancies_due_at=None, ended_at=now))
    return Decision(ended, events, cancels=list(ReferralDeadline))


def without_call(referral: Referral) -> Referral:
    """The referral with its repeated call answered, or with the Community Point of Access, whose triage covers the call."""
    return replace(referral, call_repeated_at=None, answer_by=None, call_overdue_since=None)


def mark_overdue(referral: Referral, kind: ReferralDeadline, now: datetime, policy: Policy) -> Decision[Referral]:
    """The deadline passed: publishes a reminder and sets the next deadline."""
    permit(referral, kind)
    due_at = pending_deadlines(referral).get(kind, now)
    reminded = _reminded(referral, kind, due_at, _chase(referral, kind, now, policy))
    return Decision(reminded, [_overdue(referral, kind, due_at)], rows_of(reminded, kind))


def opening_of(instant: datetime, opens: time | None, closes: time | None, policy: Policy) -> datetime:
    """`instant` itself in opening hours, else the next opening; a service without hours is always open."""
    if opens is None or closes is None:
        return instant
    return next_opening(instant, opens, closes, policy.zone)


def _reminded(referral: Referral, kind: ReferralDeadline, due_at: datetime, next_due: datetime) -> Referral:
    match kind:
        case ReferralDeadline.TRIAGE | ReferralDeadline.ACKNOWLEDGEMENT | ReferralDeadline.OUTCOME:
            return replace(referral, overdue_since=referral.overdue_since or due_at, due_at=next_due)
        case ReferralDeadline.CALL:
            return replace(referral, call_overdue_since=referral.call_overdue_since or due_at, answer_by=next_due)
        case ReferralDeadline.DISCREPANCY:
            return replace(referral, discrepancies_due_at=next_due)
        case _:
            assert_never(kind)


def _chase(referral: Referral, kind: ReferralDeadline, now: datetime, policy: Policy) -> datetime:
    match kind:
        case ReferralDeadline.OUTCOME:
            return now + policy.chase_outcome
        case ReferralDeadline.TRIAGE | ReferralDeadline.ACKNOWLEDGEMENT | ReferralDeadline.DISCREPANCY:
            return _chase_answer(referral.urgency, now, policy)
        case ReferralDeadline.CALL:
            return _chase_answer(Urgency.URGENT, now, policy)
        case _:
            assert_never(kind)


def _chase_answer(urgency: Urgency, now: datetime, policy: Policy) -> datetime:
    match urgency:
        case Urgency.URGENT:
            return opening_of(now + policy.chase_urgent, policy.opens, policy.closes, policy)
        case Urgency.ROUTINE | Urgency.ADVICE:
            return working_days_later(now, policy.chase_routine_working_days, policy.zone)
        case _:
            assert_never(urgency)


def _overdue(referral: Referral, kind: ReferralDeadline, due_at: datetime) -> Event:
    match kind:
        case ReferralDeadline.TRIAGE:
            return ReferralAcknowledgementOverdue(service_code=POINT_OF_ACCESS, acknowledge_by=due_at)
        case ReferralDeadline.DISCREPANCY:
            faults = referral.discrepancies
            return ReferralAcknowledgementOverdue(service_code=POINT_OF_ACCESS, acknowledge_by=due_at, discrepancies=faults)
        case ReferralDeadline.ACKNOWLEDGEMENT | ReferralDeadline.CALL:
            code, is_call = referral.service_code or POINT_OF_ACCESS, kind is ReferralDeadline.CALL
            return ReferralAcknowledgementOverdue(service_code=code, acknowledge_by=due_at, is_call=is_call)
        case ReferralDeadline.OUTCOME:
            return ReferralOutcomeOverdue(service_code=referral.service_code or POINT_OF_ACCESS, outcome_by=due_at)
        case _:
            assert_never(kind)


def rows_of(referral: Referral, *kinds: ReferralDeadline) -> list[Deadline]:
    """The pending deadlines of these kinds, as rows."""
    return [Deadline(kind, due_at + JUST_AFTER) for kind, due_at in pending_deadlines(referral).items() if kind in kinds]


def _rows(referral: Referral) -> list[Deadline]:
    return rows_of(referral, *ReferralDeadline)


def promised_by(referral: Referral) -> datetime | None:
    """When the earliest unanswered call was to be answered. A reminder moves the referral's deadline, never this promise."""
    return referral.call_overdue_since or referral.answer_by
