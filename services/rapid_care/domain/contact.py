"""The visit that stops the two-hour clock, and the visits after one without access.

Sources: T2, G05, G44, G53.
"""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from services.rapid_care.commands import RecordFirstContact
from services.rapid_care.domain.clock import unreported_breach
from services.rapid_care.domain.duties import advance
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import (
    ENDED,
    ContactBeforeReceipt,
    ContactInFuture,
    Response,
    ResponseDeadline,
    ResponseTakenBack,
    Status,
    TelephoneNotAuthorised,
    require_permitted,
)
from shared.contracts.rapid_care import ContactMode, OverdueStep, ResponseBreachCleared, ResponseContacted
from shared.kernel.decision import Decision


def record_first_contact(response: Response, command: RecordFirstContact, policy: Policy, now: datetime) -> Decision[Response]:
    """Stops the clock at the time that the clinician states (G05); a visit without access stops it as well (G44).

    A contact exactly at the deadline meets it (T2). A contact in time that was recorded late clears a breach (G53). A visit without access
    is followed by a next attempt, which leaves the clock as the first visit stopped it. A contact that crosses a recall or a decline is a
    fact: Rapid Care has the person in its care, and the Community Point of Access accepts it.
    Raises IllegalTransition, ContactInFuture, ContactBeforeReceipt, TelephoneNotAuthorised, ResponseTakenBack.
    """
    require_permitted(response, RecordFirstContact)
    _require_of_person(command.mode, response)
    _require_authorised(command.mode, response)
    _require_plausible(command.contacted_at, response, now)
    visited = _visited(response, command)
    if response.contacted_at is None:
        return advance(response, _stop_clock(visited, command, now), policy, now)
    again = Decision(visited, [_contacted(visited, command, first_contact_at=response.contacted_at)])
    return advance(response, again, policy, now, takes=OverdueStep.NEXT_ATTEMPT)


def _visited(response: Response, command: RecordFirstContact) -> Response:
    return replace(
        response,
        status=Status.CONTACTED,
        clinician_id=command.clinician_id or response.clinician_id,
        contact_mode=command.mode,
        visited_at=command.contacted_at,
        decline_reason=None,
        cancel_reason=None,
        ended_at=None,
    )


def _require_of_person(mode: ContactMode, response: Response) -> None:
    """Raises ResponseTakenBack."""
    if response.status in ENDED and mode is ContactMode.NO_ACCESS:
        raise ResponseTakenBack(f"The Community Point of Access has the referral again since {response.ended_at}.")


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


def _require_plausible(contacted_at: datetime, response: Response, now: datetime) -> None:
    """Raises ContactInFuture, ContactBeforeReceipt."""
    if contacted_at > now:
        raise ContactInFuture("The time of contact is in the future.")
    if contacted_at < (response.visited_at or response.received_at):
        raise ContactBeforeReceipt("The time of contact is before the receipt of the referral, or before an earlier visit.")


def _stop_clock(visited: Response, command: RecordFirstContact, now: datetime) -> Decision[Response]:
    """The first visit."""
    judged, breach = unreported_breach(visited, command.contacted_at)
    stopped = replace(judged, contacted_at=command.contacted_at, first_contact_mode=command.mode, contact_recorded_at=now)
    contact = _contacted(stopped, command, first_contact_at=command.contacted_at)
    cancels = [ResponseDeadline.AT_RISK, ResponseDeadline.BREACH]
    if stopped.breached_at is None or not contact.is_met:
        return Decision(stopped, [*breach, contact], cancels=cancels)
    cleared = ResponseBreachCleared(breached_at=stopped.breached_at, contacted_at=command.contacted_at)
    return Decision(replace(stopped, breached_at=None), [contact, cleared], cancels=cancels)


def _contacted(response: Response, command: RecordFirstContact, *, first_contact_at: datetime) -> ResponseContacted:
    return ResponseContacted(
        referral_id=response.referral_id,
        contacted_at=command.contacted_at,
        due_at=response.due_at,
        is_met=first_contact_at <= response.due_at,
        mode=command.mode,
        clinician_id=response.clinician_id,
    )
