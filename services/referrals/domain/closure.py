"""How a referral ends: with an outcome, or withdrawn. Either way the referrer is told. Sources: E11, G39."""

from dataclasses import replace
from datetime import datetime

from services.referrals.commands import CancelReferral, CloseReferral
from services.referrals.domain import deadlines
from services.referrals.domain.referral import Referral, Status, permit
from shared.contracts.referrals import CancelReason, ReferralCancelled, ReferralClosed
from shared.kernel.decision import Decision
from shared.kernel.errors import RuleBroken


class CareInProgress(RuleBroken):
    """A service has accepted the referral, so its referrer cannot cancel it."""

    code = "care-in-progress"
    advice = "Ask the service that accepted the referral to close it; only a death or a move cancels it."


class HasMergedReferrals(RuleBroken):
    """Another referrer's referral was merged into this one, so its referrer alone cannot cancel it."""

    code = "has-merged-referrals"
    advice = "Ask the Community Point of Access to decide on the merged referral."


#: What is true of the person, whoever referred them.
_OF_THE_PERSON = frozenset({CancelReason.DIED, CancelReason.MOVED_AWAY})


def close(referral: Referral, command: CloseReferral, now: datetime) -> Decision[Referral]:
    """It ends with a stated outcome."""
    permit(referral, CloseReferral)
    closed = replace(referral, status=Status.CLOSED, outcome=command.outcome)
    return deadlines.end(closed, [ReferralClosed(outcome=command.outcome, closed_at=now)], now)


def cancel(referral: Referral, command: CancelReferral, *, has_joined: bool, now: datetime) -> Decision[Referral]:
    """It is withdrawn, unless care has begun, or another referral joined it: that one's referrer still waits for help.

    Raises IllegalTransition, CareInProgress, HasMergedReferrals.
    """
    permit(referral, CancelReferral)
    if command.reason not in _OF_THE_PERSON:
        _require_unneeded(referral, has_joined=has_joined)
    cancelled = replace(referral, status=Status.CANCELLED, cancel_reason=command.reason)
    return deadlines.end(cancelled, [ReferralCancelled(reason=command.reason)], now)


def _require_unneeded(referral: Referral, *, has_joined: bool) -> None:
    if referral.status is Status.ACCEPTED:
        raise CareInProgress(f"The service {referral.service_code} has accepted the referral.")
    if has_joined:
        raise HasMergedReferrals("Another referrer's referral was merged into this one.")
