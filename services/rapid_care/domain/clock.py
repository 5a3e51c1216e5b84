"""The two-hour clock: when it starts, when it warns, and whether somebody reached the person in time.

It starts when the referral was received (G02), in closed hours at the next opening (G04), and nothing moves `due_at`
afterwards, not even that a referral is given back and comes again. Every clock ends in exactly one way: met, breached, or
released before its time. Sources: T1, T2, G05, G44, G53.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
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

#: The smallest step of time that the database keeps.
_INSTANT = timedelta(microseconds=1)


class Clock(StrEnum):
    """How the two hours stand. A clock that has ended is met, breached or released, never two of them."""

    HELD = "held"
    RUNNING = "running"
    OVERDUE = "overdue"
    MET = "met"
    BREACHED = "breached"
    RELEASED = "released"


def request(
    routed: ReferralRouted,
    *,
    response_id: UUID,
    person_id: PersonId,
    referral_id: UUID,
    correlation_id: UUID,
    before: Response | None,
    policy: Policy,
    now: datetime,
) -> Decision[Response]:
    """A referral routed here becomes a response whose clock started when the referral was received (G02).

    Received in closed hours it is held, and the clock starts at the next opening (G04, T1). `before` is the last response
    to the same referral: on the same clock nothing is warned of twice, and what is breached is breached.
    """
    starts_at = next_opening(routed.clock_starts_at, policy)
    due_at = starts_at + policy.response_target
    response = Response(
        id=response_id,
        person_id=person_id,
        referral_id=referral_id,
        correlation_id=correlation_id,
        status=Status.REQUESTED if starts_at <= now else Status.HELD,
        condition=routed.condition or Condition.OTHER,
        locality=routed.locality,
        received_at=routed.received_at,
        clock_starts_at=starts_at,
        due_at=due_at,
        crosses_close=due_at > closing(starts_at, policy),
        was_held=starts_at != routed.clock_starts_at,
        is_by_telephone=routed.is_by_telephone,
        routing=routed.routing,
        breached_at=before.breached_at if before and before.clock_starts_at == starts_at else None,
    )
    deadlines = _deadlines(response, before, policy)
    if response.status is Status.HELD:
        return Decision(response, [_held(response)], [Deadline(ResponseDeadline.OPENING, starts_at), *deadlines])
    return Decision(response, [_requested(response)], deadlines)


def reconfirm_acceptance(response: Response, routed: ReferralRouted, now: datetime) -> Decision[Response]:
    """The Community Point of Access had taken it back while our acceptance was on its way: we have it, and say so again."""
    require_transition(response.status, Occurrence.ASKED_AGAIN, RESPONSE)
    asked = replace(response, routing=routed.routing)
    return Decision(asked, [_accepted(asked, now)])


def open_held_response(response: Response) -> Decision[Response]:
    """The service opens: what was held is requested now."""
    require_transition(response.status, ResponseDeadline.OPENING, RESPONSE)
    opened = replace(response, status=Status.REQUESTED)
    return Decision(opened, [_requested(opened)])


def accept(response: Response, now: datetime) -> Decision[Response]:
    """Rapid Care takes it; the clock runs on."""
    require_transition(response.status, AcceptResponse, RESPONSE)
    return Decision(replace(response, status=Status.ACCEPTED), [_accepted(response, now)], cancels=[ResponseDeadline.OPENING])


def decline(response: Response, command: DeclineResponse, now: datetime) -> Decision[Response]:
    """Back to the Community Point of Access, which keeps the person and must route them elsewhere (G43)."""
    require_transition(response.status, DeclineResponse, RESPONSE)
    judged, breach = unreported_breach(response, now)
    declined = replace(judged, status=Status.DECLINED, decline_reason=command.reason, ended_at=now)
    event = ResponseDeclined(referral_id=response.referral_id, reason=command.reason, routing=response.routing)
    return Decision(declined, [*breach, event], cancels=list(ResponseDeadline))


def cancel(response: Response, *, told_by: str, reason: str, now: datetime) -> Decision[Response]:
    """Nobody needs to go (any more): the referral was withdrawn, the person died or moved, or the referral was taken back.

    `told_by` is what said so: a person who is gone ends the response wherever it stands (G39); a referral that was
    withdrawn, taken back or routed elsewhere only while nobody here has accepted it. Raises IllegalTransition.
    """
    require_transition(response.status, told_by, RESPONSE)
    judged, breach = unreported_breach(response, now)
    cancelled = replace(judged, status=Status.CANCELLED, cancel_reason=reason, ended_at=now)
    return Decision(
        cancelled, [*breach, ResponseCancelled(referral_id=response.referral_id, reason=reason)], cancels=list(ResponseDeadline)
    )


def record_first_contact(response: Response, command: RecordFirstContact, now: datetime) -> Decision[Response]:
    """Stops the clock at the time that the clinician states (G05); standing at a closed door stops it too (G44).

    A contact exactly at the deadline is met (T2); one written up late but made in time clears a breach (G53).
    Raises IllegalTransition, ContactInFuture, ContactBeforeReceipt, TelephoneNotAuthorised.
    """
    require_transition(response.status, RecordFirstContact, RESPONSE)
    if command.mode is ContactMode.TELEPHONE_BY_TRIAGE and not response.is_by_telephone:
        raise TelephoneNotAuthorised("Triage did not choose a telephone assessment.")
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
    """So many minutes of the clock have gone and nobody has reached the person."""
    require_transition(response.status, ResponseDeadline.AT_RISK, RESPONSE)
    elapsed = round((due_at - response.clock_starts_at) / timedelta(minutes=1))
    return Decision(response, [ResponseAtRisk(minutes_elapsed=elapsed, due_at=response.due_at)])


def judge_deadline(response: Response, due_at: datetime) -> Decision[Response]:
    """The first instant after `due_at` came without a contact."""
    require_transition(response.status, ResponseDeadline.BREACH, RESPONSE)
    return Decision(replace(response, breached_at=due_at), [ResponseBreached(due_at=response.due_at)])


def unreported_breach(response: Response, at: datetime) -> tuple[Response, list[Fact]]:
    """The breach that a response ending at `at` must still tell when its own deadline comes late (guarantee 4 of docs/architecture.md)."""
    if response.contacted_at or response.breached_at or at <= response.due_at:
        return response, []
    return replace(response, breached_at=response.due_at + _INSTANT), [ResponseBreached(due_at=response.due_at)]


def clock_of(response: Response, now: datetime) -> Clock:
    """How the two hours stand at `now`."""
    if response.contacted_at or response.ended_at:
        met = Clock.MET if response.contacted_at else Clock.RELEASED
        return Clock.BREACHED if response.breached_at else met
    if response.status in WAITING and now > response.due_at:
        return Clock.OVERDUE
    return Clock.HELD if now < response.clock_starts_at else Clock.RUNNING


def _accepted(response: Response, now: datetime) -> ResponseAccepted:
    return ResponseAccepted(referral_id=response.referral_id, accepted_at=now, due_at=response.due_at, routing=response.routing)


def _held(response: Response) -> ResponseHeldUntilOpening:
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


def _deadlines(response: Response, before: Response | None, policy: Policy) -> list[Deadline]:
    """Those that no response on the same clock has told: whatever fell due before the last one ended was told then."""
    warnings = [Deadline(ResponseDeadline.AT_RISK, response.clock_starts_at + elapsed) for elapsed in policy.at_risk_after]
    every = [*warnings, Deadline(ResponseDeadline.BREACH, response.due_at + _INSTANT)]
    if before is None or before.ended_at is None or before.clock_starts_at != response.clock_starts_at:
        return every
    return [deadline for deadline in every if deadline.due_at > before.ended_at]
