"""The two-hour clock: when it starts, when it warns, and when it ends without a visit. The visit that stops it is in `contact`.

The clock starts when the referral was received (G02), in closed hours at the next opening (G04). Nothing moves `due_at` afterwards,
not even a return of the referral and a second routing. Every clock ends in exactly one way: met, breached or released.
Sources: T1, T2, G05, G44, G53.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.rapid_care.commands import AcceptResponse, DeclineResponse
from services.rapid_care.domain.duties import advance, ended
from services.rapid_care.domain.opening import closing, is_opening, next_opening
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import (
    RECALLED,
    RESPONSE,
    WAITING,
    Occurrence,
    Response,
    ResponseDeadline,
    Status,
    is_unseen,
    require_permitted,
)
from shared.contracts.codes import Condition
from shared.contracts.rapid_care import (
    ResponseAccepted,
    ResponseAtRisk,
    ResponseBreached,
    ResponseCancelled,
    ResponseDeclined,
    ResponseHeldUntilOpening,
    ResponseRequested,
)
from shared.contracts.referrals import ReferralRecalled, ReferralRouted
from shared.kernel.decision import JUST_AFTER, Deadline, Decision, Fact
from shared.kernel.ids import PersonId
from shared.kernel.state_table import require_transition
from shared.kernel.totality import total

#: What a response takes over from the previous one on the same clock.
_OF_CLOCK = ("at_risk_since", "breached_at", "contacted_at", "first_contact_mode", "contact_recorded_at", "visited_at")


class ClockState(StrEnum):
    """State of the two-hour clock. A clock that has ended is met, breached or released."""

    HELD = "held"
    RUNNING = "running"
    OVERDUE = "overdue"
    MET = "met"
    BREACHED = "breached"
    RELEASED = "released"


#: A clock runs from the opening to the first visit, also after its deadline.
_RUNS: Mapping[ClockState, bool] = total(
    ClockState,
    {
        ClockState.HELD: False,
        ClockState.RUNNING: True,
        ClockState.OVERDUE: True,
        ClockState.MET: False,
        ClockState.BREACHED: False,
        ClockState.RELEASED: False,
    },
)


@dataclass(frozen=True, slots=True)
class ResponseIds:
    """Ids of a new response, of its person and referral, and of the chain of events."""

    response_id: UUID
    person_id: PersonId
    referral_id: UUID
    correlation_id: UUID


def request(routed: ReferralRouted, ids: ResponseIds, *, previous: Response | None, policy: Policy, now: datetime) -> Decision[Response]:
    """A routed referral becomes a response whose clock started when the referral was received (G02).

    A referral received in closed hours is held, and its clock starts at the next opening (G04, T1). `previous` is the last
    response to the same referral: on the same clock no warning is published twice, a breach stays a breach, and a visit has stopped it.
    """
    held = _held(routed, ids, policy)
    response = held if now < held.clock_starts_at else replace(held, status=Status.REQUESTED)
    ended_at = None
    if previous and previous.clock_starts_at == response.clock_starts_at:
        response = replace(response, **{name: getattr(previous, name) for name in _OF_CLOCK})
        ended_at = previous.ended_at
    event = _held_until_opening(response) if response.status is Status.HELD else _requested(response)
    return advance(None, Decision(response, [event], clock_deadlines(response, policy, since=ended_at)), policy, now)


def reconfirm_acceptance(response: Response, routed: ReferralRouted, now: datetime) -> Decision[Response]:
    """Publishes the acceptance again: the Community Point of Access took the referral back before the first one arrived."""
    require_transition(response.status, Occurrence.ROUTED_AGAIN, RESPONSE)
    return _accepted_again(response, routed.routing, now)


def recall(response: Response, recalled: ReferralRecalled, now: datetime) -> Decision[Response]:
    """The Community Point of Access takes the referral back from a response whose person no clinician has seen yet.

    The visit is no longer needed, also for a clinician on the way. A person who was seen stays with Rapid Care: the acceptance is
    published again. Raises IllegalTransition after the end of the response.
    """
    if not is_unseen(response):
        return _accepted_again(response, recalled.routing, now)
    return cancel(response, trigger=ReferralRecalled.TYPE, reason=RECALLED, now=now)


def open_held_response(response: Response, policy: Policy, now: datetime) -> Decision[Response]:
    """The service opens, and the held response is requested."""
    require_transition(response.status, ResponseDeadline.OPENING, RESPONSE)
    opened = replace(response, status=Status.REQUESTED)
    return advance(response, Decision(opened, [_requested(opened)]), policy, now)


def accept(response: Response, policy: Policy, now: datetime) -> Decision[Response]:
    """Rapid Care accepts the response; its clock continues. A clinician is assigned within minutes."""
    require_transition(response.status, AcceptResponse, RESPONSE)
    accepted = Decision(replace(response, status=Status.ACCEPTED), [_accepted(response, now)], cancels=[ResponseDeadline.OPENING])
    return advance(response, accepted, policy, now)


def decline(response: Response, command: DeclineResponse, now: datetime) -> Decision[Response]:
    """Returns the referral to the Community Point of Access, which must route it elsewhere (G43), until a clinician has seen the person.

    Raises IllegalTransition.
    """
    require_permitted(response, DeclineResponse)
    judged, breach = unreported_breach(response, now)
    declined = replace(ended(judged, Status.DECLINED, now), decline_reason=command.reason)
    event = ResponseDeclined(referral_id=response.referral_id, reason=command.reason, routing=response.routing)
    return Decision(declined, [*breach, event], cancels=list(ResponseDeadline))


def may_cancel(response: Response, trigger: str) -> bool:
    """Whether this event ends the response: it is unanswered, or not yet visited. Two messages that cross have a defined result."""
    return response.status in RESPONSE[trigger].sources


def cancel(response: Response, *, trigger: str, reason: str, now: datetime) -> Decision[Response]:
    """Ends a response: the referral was withdrawn, taken back or routed elsewhere, or the person died or moved.

    `trigger` is the row of the state table. A death or a move ends the response in every state (G39), a recall until the person was seen;
    the other triggers only before Rapid Care has accepted it. Raises IllegalTransition.
    """
    require_transition(response.status, trigger, RESPONSE)
    judged, breach = unreported_breach(response, now)
    cancelled = replace(ended(judged, Status.CANCELLED, now), cancel_reason=reason)
    return Decision(
        cancelled, [*breach, ResponseCancelled(referral_id=response.referral_id, reason=reason)], cancels=list(ResponseDeadline)
    )


def warn(response: Response, due_at: datetime) -> Decision[Response]:
    """A warning time of the clock has passed without a contact."""
    require_transition(response.status, ResponseDeadline.AT_RISK, RESPONSE)
    elapsed = round((due_at - response.clock_starts_at) / timedelta(minutes=1))
    flagged = replace(response, at_risk_since=response.at_risk_since or due_at)
    return Decision(flagged, [ResponseAtRisk(referral_id=response.referral_id, minutes_elapsed=elapsed, due_at=response.due_at)])


def judge_deadline(response: Response, due_at: datetime, policy: Policy) -> Decision[Response]:
    """The first instant after `due_at` has come without a contact, which is asked for until it is made."""
    require_transition(response.status, ResponseDeadline.BREACH, RESPONSE)
    return advance(response, Decision(replace(response, breached_at=due_at), [_breached(response)]), policy, due_at)


def unreported_breach(response: Response, ends_at: datetime) -> tuple[Response, list[Fact]]:
    """The breach that a response must publish at its end when its deadline is processed late (guarantee 4 of docs/architecture.md)."""
    if response.contacted_at or response.breached_at or ends_at <= response.due_at:
        return response, []
    return replace(response, breached_at=response.due_at + JUST_AFTER), [_breached(response)]


def clock_deadlines(response: Response, policy: Policy, *, since: datetime | None) -> list[Deadline]:
    """The opening of a held response, and those deadlines of its clock that nothing has published.

    `since` is the end of the last response on the same clock: what was due until then was published.
    """
    opening = [Deadline(ResponseDeadline.OPENING, response.clock_starts_at)] if response.status is Status.HELD else []
    if response.contacted_at or response.breached_at:
        return opening
    warnings = [Deadline(ResponseDeadline.AT_RISK, response.clock_starts_at + elapsed) for elapsed in policy.at_risk_after]
    every = [*warnings, Deadline(ResponseDeadline.BREACH, response.due_at + JUST_AFTER)]
    return [*opening, *(deadline for deadline in every if since is None or deadline.due_at > since)]


def clock_of(response: Response, now: datetime) -> ClockState:
    """State of the two-hour clock at `now`."""
    if response.contacted_at or response.ended_at:
        met = ClockState.MET if response.contacted_at else ClockState.RELEASED
        return ClockState.BREACHED if response.breached_at else met
    if response.status in WAITING and now > response.due_at:
        return ClockState.OVERDUE
    return ClockState.HELD if now < response.clock_starts_at else ClockState.RUNNING


def is_running(response: Response, now: datetime) -> bool:
    """Whether the clock has started and no visit has stopped it, which is a crisis of the person (G12)."""
    return _RUNS[clock_of(response, now)]


def _held(routed: ReferralRouted, ids: ResponseIds, policy: Policy) -> Response:
    """The response before its clock starts."""
    starts_at = next_opening(routed.clock_starts_at, policy)
    due_at = starts_at + policy.response_target
    return Response(
        id=ids.response_id,
        person_id=ids.person_id,
        referral_id=ids.referral_id,
        correlation_id=ids.correlation_id,
        status=Status.HELD,
        condition=routed.condition or Condition.OTHER,
        locality=routed.locality,
        received_at=routed.received_at,
        clock_starts_at=starts_at,
        due_at=due_at,
        crosses_close=due_at > closing(starts_at, policy),
        was_held=starts_at != routed.clock_starts_at or (is_opening(starts_at, policy) and routed.received_at < starts_at),
        is_by_telephone=routed.is_by_telephone,
        routing=routed.routing,
    )


def _breached(response: Response) -> ResponseBreached:
    return ResponseBreached(referral_id=response.referral_id, due_at=response.due_at)


def _accepted_again(response: Response, routing: int, now: datetime) -> Decision[Response]:
    reconfirmed = replace(response, routing=routing)
    return Decision(reconfirmed, [_accepted(reconfirmed, now)])


def _accepted(response: Response, now: datetime) -> ResponseAccepted:
    return ResponseAccepted(referral_id=response.referral_id, accepted_at=now, due_at=response.due_at, routing=response.routing)


def _held_until_opening(response: Response) -> ResponseHeldUntilOpening:
    return ResponseHeldUntilOpening(
        referral_id=response.referral_id,
        condition=response.condition,
        received_at=response.received_at,
        opens_at=response.clock_starts_at,
        due_at=response.due_at,
        locality=response.locality,
    )


def _requested(response: Response) -> ResponseRequested:
    return ResponseRequested(
        referral_id=response.referral_id,
        condition=response.condition,
        received_at=response.received_at,
        clock_starts_at=response.clock_starts_at,
        due_at=response.due_at,
        crosses_close=response.crosses_close,
        locality=response.locality,
    )
