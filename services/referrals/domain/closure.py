"""Closure of a referral with an outcome, and cancellation. The referrer sees both. Sources: E11, G39."""

from dataclasses import replace
from datetime import datetime

from services.referrals.commands import CancelReferral, CloseReferral
from services.referrals.domain import deadlines
from services.referrals.domain.referral import Referral, Status, permit
from shared.contracts.referrals import CancelReason, ReferralCancelled, ReferralClosed
from shared.kernel.decision import Decision
from shared.kernel.errors import RuleBroken
from shared.kernel.totality import total


class CareInProgress(RuleBroken):
    """A service has accepted the referral, so its referrer cannot cancel it."""

    code = "care-in-progress"
    advice = "Ask the service that accepted the referral to close it; only a death or a move cancels it."


class HasMergedReferrals(RuleBroken):
    """Another referrer's referral was merged into this one, so its referrer alone cannot cancel it."""

    code = "has-merged-referrals"
    advice = "Ask the Community Point of Access to decide on the merged referral."


#: Reasons that hold for every referral of the person, whichever organisation sent it.
_PERSON_IS_GONE = total(
    CancelReason,
    {
        CancelReason.WITHDRAWN: False,
        CancelReason.SENT_IN_ERROR: False,
        CancelReason.DECLINED_BY_PERSON: False,
        CancelReason.MOVED_AWAY: True,
        CancelReason.DIED: True,
    },
)


def close(referral: Referral, command: CloseReferral, now: datetime) -> Decision[Referral]:
    """Ends the referral with a stated outcome."""
    permit(referral, CloseReferral)
    closed = replace(referral, status=Status.CLOSED, outcome=command.outcome)
    return deadlines.end(closed, [ReferralClosed(outcome=command.outcome, closed_at=now)], now)


def cancel(referral: Referral, command: CancelReferral, *, has_merged: bool, now: datetime) -> Decision[Referral]:
    """Withdraws the referral, unless care has begun, or another referral was merged into it, whose referrer still needs the care.

    Raises IllegalTransition, CareInProgress, HasMergedReferrals.
    """
    permit(referral, CancelReferral)
    if not _PERSON_IS_GONE[command.reason]:
        _require_unneeded(referral, has_merged=has_merged)
    cancelled = replace(referral, status=Status.CANCELLED, cancel_reason=command.reason)
    return deadlines.end(cancelled, [ReferralCancelled(reason=command.reason)], now)


def _require_unneeded(referral: Referral, *, has_merged: bool) -> None:
    if referral.status is Status.ACCEPTED:
        raise CareInProgress(f"The service {referral.service_code} has accepted the referral.")
    if has_merged:
        raise HasMergedReferrals("Another referrer's referral was merged into this one.")
