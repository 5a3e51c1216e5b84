"""A second urgent call about a person whom Rapid Care already has: it reaches the response, and is answered there.

The call was merged into the referral of the response. Its text is in the person's record.
"""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.rapid_care.commands import AnswerCall
from services.rapid_care.domain.duties import advance
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import RESPONSE, Response, require_permitted
from shared.contracts.codes import Condition
from shared.contracts.rapid_care import ResponseCallAnswered, ResponseCallRepeated
from shared.contracts.referrals import ReferralCallRepeated
from shared.kernel.decision import Decision
from shared.kernel.state_table import require_transition


def take_call(response: Response, call: ReferralCallRepeated, policy: Policy, now: datetime) -> Decision[Response]:
    """Flags the call until it is answered. Of several unanswered calls the earliest promise counts.

    The condition of the call replaces `other`. Beside any other condition both are shown. Raises IllegalTransition.
    """
    require_transition(response.status, ReferralCallRepeated.TYPE, RESPONSE)
    answer_by = min(call.answer_by, response.answer_by or call.answer_by)
    flagged = replace(
        _with_condition(response, call.condition),
        call_repeated_at=max(call.called_at, response.call_repeated_at or call.called_at),
        answer_by=answer_by,
        merged_referral_ids=_with_id(response.merged_referral_ids, call.merged_referral_id),
    )
    event = ResponseCallRepeated(
        referral_id=response.referral_id, merged_referral_id=call.merged_referral_id, condition=call.condition, answer_by=answer_by
    )
    return advance(response, Decision(flagged, [event]), policy, now)


def answer_call(response: Response, policy: Policy, now: datetime) -> Decision[Response]:
    """Rapid Care has taken note of the call. Raises IllegalTransition, also when no call is unanswered."""
    require_permitted(response, AnswerCall)
    event = ResponseCallAnswered(referral_id=response.referral_id, answered_at=now, routing=response.routing)
    return advance(response, Decision(replace(response, answer_by=None), [event]), policy, now)


def _with_condition(response: Response, named: Condition | None) -> Response:
    if named is None or named is response.condition:
        return response
    if response.condition is Condition.OTHER:
        return replace(response, condition=named)
    return replace(response, call_condition=named)


def _with_id(ids: tuple[UUID, ...], merged: UUID) -> tuple[UUID, ...]:
    return ids if merged in ids else (*ids, merged)
