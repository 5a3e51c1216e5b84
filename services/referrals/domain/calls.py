"""A second urgent call about a person whose referral a receiver already has: the receiver answers it, beside its other deadlines.

The call ends when the receiver answers it, or when the Community Point of Access has the referral again, whose triage covers it.
Sources: E11, G42.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.referrals.commands import AnswerCall
from services.referrals.domain import deadlines
from services.referrals.domain.referral import Occurrence, Referral, ReferralDeadline, is_with_receiver, permit
from shared.contracts.codes import IS_URGENT, Condition, Urgency
from shared.contracts.referral_codes import Route
from shared.contracts.referrals import ReferralCallAnswered, ReferralCallRepeated
from shared.kernel.decision import Decision
from shared.kernel.errors import RuleBroken
from shared.kernel.totality import total

#: Whether the receivers of the route answer urgent calls. A call about a person with the weekly meeting or a navigator needs a triage.
_TAKES_CALLS: Mapping[Route, bool] = total(Route, {Route.RAPID_CARE: True, Route.SERVICE: True, Route.MDT: False, Route.NAVIGATION: False})


class NoOpenCall(RuleBroken):
    """No repeated call about the person waits for an answer."""

    code = "no-open-call"
    advice = "Nothing to do: the call was answered, or the Community Point of Access has the referral again."


def takes_call(referral: Referral, urgency: Urgency) -> bool:
    """Whether another referral of this urgency may merge into this one."""
    is_call = IS_URGENT[urgency] and is_with_receiver(referral)
    return not is_call or referral.route is None or _TAKES_CALLS[referral.route]


def repeat(joined: Referral, merged_id: UUID, condition: Condition | None, answer_by: datetime, now: datetime) -> Decision[Referral]:
    """Records a second urgent call on the referral that it joined. The person waits from the first unanswered call."""
    permit(joined, Occurrence.CALL_REPEATED)
    repeated = replace(joined, call_repeated_at=now, answer_by=min(joined.answer_by or answer_by, answer_by))
    event = ReferralCallRepeated(
        merged_referral_id=merged_id,
        condition=condition,
        called_at=now,
        answer_by=deadlines.promised_by(repeated) or answer_by,
        routing=joined.routing,
    )
    return Decision(repeated, [event], deadlines.rows_of(repeated, ReferralDeadline.CALL), cancels=[ReferralDeadline.CALL])


def answer(referral: Referral, now: datetime) -> Decision[Referral]:
    """The receiver has taken note of the call. Raises IllegalTransition, NoOpenCall."""
    permit(referral, AnswerCall)
    require_call(referral)
    answered = replace(deadlines.without_call(referral), raised_at=None)
    return Decision(answered, [ReferralCallAnswered(answered_at=now)], cancels=[ReferralDeadline.CALL])


def require_call(referral: Referral) -> None:
    """Raises NoOpenCall."""
    if referral.answer_by is None:
        raise NoOpenCall("No call about the person waits for an answer.")
