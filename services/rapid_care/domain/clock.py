"""The two-hour clock: when it starts, when it warns, and whether a clinician reached the person in time.

The clock starts when the referral was received (G02), in closed hours at the next opening (G04). Nothing moves `due_at` afterwards,
not even a return of the referral and a second routing. Every clock ends in exactly one way: met, breached or released.
Sources: T1, T2, G05, G44, G53.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from services.rapid_care.commands import AcceptResponse, DeclineResponse, RecordFirstContact
from services.rapid_care.domain.opening import closing, next_opening
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import (
    RESPONSE,
    WAITING,
    ContactBeforeReceipt,
    ContactInFuture,
    Occurrence,
    Response,
    ResponseDeadline,
    Status,
    TelephoneNotAuthorised,
)
from shared.contracts.codes import Condition
from shared.contracts.rapid_care import (
    ContactMode,
    ResponseAccepted,
    ResponseAtRisk,
    ResponseBreachCleared,
    ResponseBreached,
    ResponseCancelled,
    ResponseContacted,
    ResponseDeclined,
    ResponseHeldUntilOpening,
    ResponseRequested,
)
from shared.contracts.referrals import ReferralRouted
from shared.kernel.decision import Deadline, Decision, Fact
from shared.kernel.ids import PersonId
from shared.kernel.state_table import require_transition

#: The resolution of the database's timestamps.
_INSTANT = timedelta(microseconds=1)


class ClockState(StrEnum):
    """State of the two-hour clock. A clock that has ended is met, breached or released."""

    HELD = "held"
    RUNNING = "running"
    OVERDUE = "overdue"
    MET = "met"
    BREACHED = "breached"
    RELEASED = "released"


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
    response to the same referral: on the same clock no warning is published twice, and a breach stays a breach.
    """
    response = _held(routed, ids, policy)
    if previous and previous.clock_starts_at == response.clock_starts_at:
        response = replace(response, breached_at=previous.breached_at)
    deadlines = _deadlines(response, previous, policy)
    if now < response.clock_starts_at:
        opening = Deadline(ResponseDeadline.OPENING, response.clock_starts_at)
        return Decision(response, [_held_until_opening(response)], [opening, *deadlines])
    requested = replace(response, status=Status.REQUESTED)
    return Decision(requested, [_requested(requested)], deadlines)


def reconfirm_acceptance(response: Response, routed: ReferralRouted, now: datetime) -> Decision[Response]:
    """Publishes the acceptance again: the Community Point of Access took the referral back before the first one arrived."""
    require_transition(response.status, Occurrence.ROUTED_AGAIN, RESPONSE)
    reconfirmed = replace(response, routing=routed.routing)
    return Decision(reconfirmed, [_accepted(reconfirmed, now)])


def open_held_response(response: Response) -> Decision[Response]:
    """The service opens, and the held response is requested."""
    require_transition(response.status, ResponseDeadline.OPENING, RESPONSE)
    opened = replace(response, status=Status.REQUESTED)
    return Decision(opened, [_requested(opened)])


def accept(response: Response, now: datetime) -> Decision[Response]:
    """Rapid Care accepts the response; its clock continues."""
    require_transition(response.status, AcceptResponse, RESPONSE)
    return Decision(replace(response, status=Status.ACCEPTED), [_accepted(response, now)], cancels=[ResponseDeadline.OPENING])


def decline(response: Response, command: DeclineResponse, now: datetime) -> Decision[Response]:
    """Returns the referral to the Community Point of Access, which must route it elsewhere (G43)."""
    require_transition(response.status, DeclineResponse, RESPONSE)
    judged, breach = unreported_breach(response, now)
    declined = replace(judged, status=Status.DECLINED, decline_reason=command.reason, ended_at=now)
    event = ResponseDeclined(referral_id=response.referral_id, reason=command.reason, routing=response.routing)
    return Decision(declined, [*breach, event], cancels=list(ResponseDeadline))


def cancel(response: Response, *, trigger: str, reason: str, now: datetime) -> Decision[Response]:
    """Ends a response without a visit: the referral was withdrawn, taken back or routed elsewhere, or the person died or moved.

    `trigger` is the row of the state table. A death or a move ends the response in every state (G39); the other triggers
    only before Rapid Care has accepted it. Raises IllegalTransition.
    """
    require_transition(response.status, trigger, RESPONSE)
    judged, breach = unreported_breach(response, now)
    cancelled = replace(judged, status=Status.CANCELLED, cancel_reason=reason, ended_at=now)
    return Decision(
        cancelled, [*breach, ResponseCancelled(referral_id=response.referral_id, reason=reason)], cancels=list(ResponseDeadline)
    )


def record_first_contact(response: Response, command: RecordFirstContact, now: datetime) -> Decision[Response]:
    """Stops the clock at the time that the clinician states (G05); a visit without access stops it as well (G44).

    A contact exactly at the deadline meets it (T2). A contact in time that was recorded late clears a breach (G53).
    Raises IllegalTransition, ContactInFuture, ContactBeforeReceipt, TelephoneNotAuthorised.
    """
    require_transition(response.status, RecordFirstContact, RESPONSE)
    _require_authorised(command.mode, response)
    if command.contacted_at > now:
        raise ContactInFuture("The time of contact is in the future.")
    if command.contacted_at < response.received_at:
        raise ContactBeforeReceipt("The time of contact is before the receipt of the referral.")
    judged, breach = unreported_breach(response, command.contacted_at)
    contacted = replace(
        judged,
        status=Status.CONTACTED,
        contacted_at=command.contacted_at,
        contact_mode=command.mode,
        contact_recorded_at=now,
    )
    is_met = command.contacted_at <= response.due_at
    contact = ResponseContacted(contacted_at=command.contacted_at, due_at=response.due_at, is_met=is_met, mode=command.mode)
    if not is_met or contacted.breached_at is None:
        return Decision(contacted, [*breach, contact], cancels=[ResponseDeadline.AT_RISK, ResponseDeadline.BREACH])
    cleared = ResponseBreachCleared(breached_at=contacted.breached_at, contacted_at=command.contacted_at)
    return Decision(replace(contacted, breached_at=None), [contact, cleared], cancels=[ResponseDeadline.AT_RISK, ResponseDeadline.BREACH])


def warn(response: Response, due_at: datetime) -> Decision[Response]:
    """A warning time of the clock has passed without a contact."""
    require_transition(response.status, ResponseDeadline.AT_RISK, RESPONSE)
    elapsed = round((due_at - response.clock_starts_at) / timedelta(minutes=1))
    return Decision(response, [ResponseAtRisk(minutes_elapsed=elapsed, due_at=response.due_at)])


def judge_deadline(response: Response, due_at: datetime) -> Decision[Response]:
    """The first instant after `due_at` has come without a contact."""
    require_transition(response.status, ResponseDeadline.BREACH, RESPONSE)
    return Decision(replace(response, breached_at=due_at), [ResponseBreached(due_at=response.due_at)])


def unreported_breach(response: Response, ends_at: datetime) -> tuple[Response, list[Fact]]:
    """The breach that a response must publish at its end when its deadline is processed late (guarantee 4 of docs/architecture.md)."""
    if response.contacted_at or response.breached_at or ends_at <= response.due_at:
        return response, []
    return replace(response, breached_at=response.due_at + _INSTANT), [ResponseBreached(due_at=response.due_at)]


def clock_of(response: Response, now: datetime) -> ClockState:
    """State of the two-hour clock at `now`."""
    if response.contacted_at or response.ended_at:
        met = ClockState.MET if response.contacted_at else ClockState.RELEASED
        return ClockState.BREACHED if response.breached_at else met
    if response.status in WAITING and now > response.due_at:
        return ClockState.OVERDUE
    return ClockState.HELD if now < response.clock_starts_at else ClockState.RUNNING


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
        was_held=starts_at != routed.clock_starts_at,
        is_by_telephone=routed.is_by_telephone,
        routing=routed.routing,
    )


def _require_authorised(mode: ContactMode, response: Response) -> None:
    """Raises TelephoneNotAuthorised."""
    match mode:
        case ContactMode.TELEPHONE_BY_TRIAGE:
            if not response.is_by_telephone:
                raise TelephoneNotAuthorised("Triage did not choose a telephone assessment.")
        case ContactMode.FACE_TO_FACE | ContactMode.NO_ACCESS:
            pass
        case _:
            assert_never(mode)


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


def _deadlines(response: Response, previous: Response | None, policy: Policy) -> list[Deadline]:
    """Deadlines that no earlier response on the same clock has published: those after the end of the previous one."""
    warnings = [Deadline(ResponseDeadline.AT_RISK, response.clock_starts_at + elapsed) for elapsed in policy.at_risk_after]
    every = [*warnings, Deadline(ResponseDeadline.BREACH, response.due_at + _INSTANT)]
    if previous is None or previous.ended_at is None or previous.clock_starts_at != response.clock_starts_at:
        return every
    return [deadline for deadline in every if deadline.due_at > previous.ended_at]
