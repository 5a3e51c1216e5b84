"""By when the owner of a referral must act, and what happens when that passes: a reminder, and the next deadline.

A deadline that passes never ends a referral and never leaves it without another one. These are the owner's deadlines;
the clinical clock, which starts when a referral is received, is never touched here. Sources: G03, G42.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta

from services.referrals.domain.directory import Service
from services.referrals.domain.policy import Policy
from services.referrals.domain.referral import POINT_OF_ACCESS, Referral, ReferralDeadline, Status, current_deadline, permit
from shared.contracts.codes import Urgency
from shared.contracts.event import Event
from shared.contracts.referrals import ReferralAcknowledgementOverdue, ReferralOutcomeOverdue
from shared.kernel.decision import Deadline, Decision
from shared.kernel.opening_hours import next_opening
from shared.kernel.working_days import working_days_later

#: What is done at the deadline itself is in time (as T2 has it); the instant after is late.
_JUST_AFTER = timedelta(microseconds=1)


def triage_by(referral: Referral, now: datetime, policy: Policy) -> datetime:
    """When the Community Point of Access must have moved it on: minutes from now or from the next opening, or working days."""
    if referral.urgency is Urgency.URGENT:
        return opening_of(now, policy.opens, policy.closes, policy) + policy.triage_urgent
    return working_days_later(now, policy.triage_routine_working_days, policy.zone)


def acknowledge_by(referral: Referral, service: Service, now: datetime, policy: Policy) -> datetime:
    """When the receiver must have answered; an urgent one counts from its next opening."""
    if referral.urgency is Urgency.URGENT:
        return opening_of(now, service.opens, service.closes, policy) + policy.acknowledge_urgent
    return working_days_later(now, policy.acknowledge_routine_working_days, policy.zone)


def outcome_by(referral: Referral, now: datetime, policy: Policy) -> datetime:
    """When somebody must have said how it ended."""
    if referral.status is Status.SIGNPOSTED:
        return now + policy.outcome_signposted
    return now + (policy.outcome_urgent if referral.urgency is Urgency.URGENT else policy.outcome_routine)


def begin(referral: Referral, events: Sequence[Event], due_at: datetime) -> Decision[Referral]:
    """Enters a state whose owner must act by `due_at`; the deadline of the state before is over, and so is an open question."""
    entered = replace(referral, due_at=due_at, overdue_since=None, asked_in=None)
    return Decision(entered, events, _rows(entered), cancels=list(ReferralDeadline))


def end(referral: Referral, events: Sequence[Event], now: datetime) -> Decision[Referral]:
    """Nobody need act any more."""
    return Decision(replace(referral, due_at=None, overdue_since=None, asked_in=None, ended_at=now), events, cancels=list(ReferralDeadline))


def mark_overdue(referral: Referral, kind: ReferralDeadline, now: datetime, policy: Policy) -> Decision[Referral]:
    """The deadline passed. Somebody is told, and from now the next one runs, so that it cannot be forgotten."""
    permit(referral, kind)
    due_at = referral.due_at or now
    reminded = replace(referral, overdue_since=referral.overdue_since or due_at, due_at=_chase(referral, kind, now, policy))
    return Decision(reminded, [_overdue(referral, kind, due_at)], _rows(reminded))


def opening_of(instant: datetime, opens: time | None, closes: time | None, policy: Policy) -> datetime:
    """When somebody is there from `instant` on; a service without hours always is."""
    if opens is None or closes is None:
        return instant
    return next_opening(instant, opens, closes, policy.zone)


def _chase(referral: Referral, kind: ReferralDeadline, now: datetime, policy: Policy) -> datetime:
    if kind is ReferralDeadline.OUTCOME:
        return now + policy.chase_outcome
    if referral.urgency is Urgency.URGENT:
        return opening_of(now + policy.chase_urgent, policy.opens, policy.closes, policy)
    return working_days_later(now, policy.chase_routine_working_days, policy.zone)


def _overdue(referral: Referral, kind: ReferralDeadline, due_at: datetime) -> Event:
    service_code = referral.service_code if kind is not ReferralDeadline.TRIAGE else None
    if kind is ReferralDeadline.OUTCOME:
        return ReferralOutcomeOverdue(service_code=service_code or POINT_OF_ACCESS, outcome_by=due_at)
    return ReferralAcknowledgementOverdue(service_code=service_code or POINT_OF_ACCESS, acknowledge_by=due_at)


def _rows(referral: Referral) -> list[Deadline]:
    kind = current_deadline(referral)
    return [Deadline(kind, referral.due_at + _JUST_AFTER)] if kind and referral.due_at else []
