"""A referral that was closed or cancelled by mistake is open again, under its reference. Sources: E11, AC4.

So is one that ended with a death or a move, once the person has returned. An outside service that had accepted the referral continues,
unless it ended with the person. Otherwise the Community Point of Access triages it again: a service of this product has ended its own
part, and gets the referral by another route.
"""

from dataclasses import replace
from datetime import datetime

from services.referrals.commands import ReopenReferral
from services.referrals.domain import closure, deadlines
from services.referrals.domain.directory import Service
from services.referrals.domain.life import LifeStatus
from services.referrals.domain.policy import Policy
from services.referrals.domain.referral import Referral, Status, permit
from shared.contracts.referral_codes import ReopenReason, Route
from shared.contracts.referrals import ReferralReopened
from shared.kernel.decision import Decision
from shared.kernel.errors import RuleBroken
from shared.kernel.totality import total

#: Whether a service outside this product has the referral, which it can continue.
_IS_OUTSIDE = total(Route, {Route.RAPID_CARE: False, Route.MDT: False, Route.NAVIGATION: False, Route.SERVICE: True})


class EndedWithPerson(RuleBroken):
    """The referral ended because the person died or moved away, and no return is recorded."""

    code = "ended-with-person"
    advice = "If the recorded death or move is a mistake, restore the person: that opens the referral again. Else record the return first."


class ReopeningTooLate(RuleBroken):
    """The referral ended too long ago to be opened again."""

    code = "reopening-too-late"
    advice = "Send a new referral for what the person needs now."


def reopen(
    referral: Referral, command: ReopenReferral, *, service: Service | None, contradicts: LifeStatus | None, now: datetime, policy: Policy
) -> Decision[Referral]:
    """Opens a referral that ended by mistake, with a deadline of its owner from now. Its urgency, its clock and its reference stay.

    `contradicts` is the recorded death or move of the person. Raises IllegalTransition, EndedWithPerson, ReopeningTooLate.
    """
    permit(referral, ReopenReferral)
    require_reopenable(referral, is_person_living=contradicts is None, is_in_time=is_in_time(referral, now, policy))
    opened = closure.opened(referral, _status(referral), contradicts=contradicts, now=now, policy=policy)
    opened = replace(opened, reopen_reason=command.reason, raised_at=None)
    if opened.status is not Status.ACCEPTED:
        opened = replace(opened, route=None, service_code=None, receiver_organisation=None, return_reason=None, suggestion=None)
    reason = ReopenReason.PERSON_RETURNED if closure.change_of(referral) else ReopenReason.ENDED_IN_ERROR
    event = ReferralReopened(reopened_at=now, reason=reason, onward_of=referral.onward_of)
    return deadlines.begin(opened, [event], closure.due_again(opened, service, now, policy))


def require_reopenable(referral: Referral, *, is_person_living: bool, is_in_time: bool) -> None:
    """Raises EndedWithPerson, ReopeningTooLate."""
    if closure.change_of(referral) and not is_person_living:
        raise EndedWithPerson("The person was recorded as deceased or moved.")
    if not is_in_time:
        raise ReopeningTooLate("The referral ended too long ago.")


def is_in_time(referral: Referral, now: datetime, policy: Policy) -> bool:
    return referral.ended_at is not None and now - referral.ended_at <= policy.reopening_within


def _status(referral: Referral) -> Status:
    is_continued = (
        referral.status is Status.CLOSED
        and referral.route is not None
        and _IS_OUTSIDE[referral.route]
        and referral.receiver_organisation is not None
        and closure.change_of(referral) is None
    )
    if is_continued:
        return Status.ACCEPTED
    if referral.triaged_at is not None:
        return Status.RETURNED
    return Status.IDENTIFIED if referral.is_identified else Status.UNVERIFIED
