"""A death or a move of the person, which ends every response from before it (G39), and its reversal when it was a mistake.

A restored response continues in its earlier state and on the same clock. Its deadlines are set again, and a breach that passed in between
is judged at once.
"""

from dataclasses import replace
from datetime import datetime

from services.rapid_care.domain.clock import cancel, clock_deadlines, unreported_breach
from services.rapid_care.domain.duties import advance
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import RESPONSE, Occurrence, Response
from shared.contracts.persons import PersonChange, RecordedChange
from shared.contracts.rapid_care import ResponseRestored
from shared.contracts.referral_codes import CancelReason
from shared.kernel.decision import Decision
from shared.kernel.state_table import require_transition
from shared.kernel.totality import total

#: The reason with which a response ends.
REASON = total(PersonChange, {PersonChange.DEATH: CancelReason.DIED, PersonChange.MOVE: CancelReason.MOVED_AWAY})


def is_before(response: Response, recorded: RecordedChange) -> bool:
    """Whether the change ends the response. A referral that was received after the record contradicts it, and is responded to."""
    return response.received_at <= recorded.recorded_at


def end(response: Response, recorded: RecordedChange, now: datetime) -> Decision[Response]:
    """Ends the response, and keeps its state for a reversal. Raises IllegalTransition."""
    decision = cancel(response, trigger=Occurrence.PERSON_GONE, reason=REASON[recorded.change].value, now=now)
    state = replace(decision.state, ended_from=response.status, person_gone_at=recorded.recorded_at)
    return Decision(state, decision.events, cancels=decision.cancels)


def restore(response: Response, policy: Policy, now: datetime) -> Decision[Response]:
    """Continues a response that `end` has ended. Raises IllegalTransition."""
    require_transition(response.status, Occurrence.PERSON_RESTORED, RESPONSE)
    assert response.ended_from is not None  # noqa: S101  the store selects responses that a change has ended
    earlier = replace(response, status=response.ended_from, cancel_reason=None, ended_from=None, person_gone_at=None, ended_at=None)
    judged, breach = unreported_breach(earlier, now)
    deadlines = clock_deadlines(judged, policy, since=response.ended_at)
    restored = Decision(judged, [ResponseRestored(referral_id=response.referral_id), *breach], deadlines)
    return advance(response, restored, policy, now)
