"""A visit that crosses the end of its response, or that a colleague of the assigned clinician made, is recorded as it happened."""

from dataclasses import replace

import pytest

from services.rapid_care.commands import CloseResponse, DeclineResponse, Depart, RecordFirstContact
from services.rapid_care.domain import clock as clocks
from services.rapid_care.domain import dispatch
from services.rapid_care.domain.access import COORDINATE, RESPOND, visitor
from services.rapid_care.domain.care import close
from services.rapid_care.domain.clock import ClockState, clock_of
from services.rapid_care.domain.contact import record_first_contact
from services.rapid_care.domain.duties import awaited
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.repetition import is_repeated
from services.rapid_care.domain.response import Response, ResponseTakenBack, Status, permitted_commands
from shared.contracts.rapid_care import (
    ContactMode,
    DeclineReason,
    OverdueStep,
    ResponseClosed,
    ResponseContacted,
    ResponseEnRoute,
    ResponseOutcome,
)
from shared.contracts.referrals import ReferralRecalled
from shared.kernel.actor import Actor
from shared.kernel.errors import IllegalTransition
from tests.builders.rapid_care import NURSE, a_response, at

POLICY = Policy()
_COLLEAGUE = "nurse-2"


def _recalled(response: Response) -> Response:
    return clocks.recall(response, ReferralRecalled(service_code="rapid-care", routing=1), at("15:00")).state


def _declined(response: Response) -> Response:
    return clocks.decline(response, DeclineResponse(DeclineReason.CAPACITY), at("15:00")).state


@pytest.mark.parametrize("taken_back", [_recalled(a_response(status=Status.EN_ROUTE)), _declined(a_response(status=Status.EN_ROUTE))])
def test_contact_that_crosses_end_gives_person_to_rapid_care(taken_back: Response) -> None:
    """Finding: it was refused, and a second team was sent to the person."""
    assert permitted_commands(taken_back) == [RecordFirstContact]

    decision = record_first_contact(taken_back, RecordFirstContact(at("14:59")), POLICY, at("15:05"))

    seen = decision.state
    assert (seen.status, seen.clinician_id, clock_of(seen, at("17:00"))) == (Status.CONTACTED, NURSE, ClockState.MET)
    assert (seen.ended_at, seen.cancel_reason, seen.decline_reason) == (None, None, None)
    assert [type(event) for event in decision.events] == [ResponseContacted]
    assert awaited(seen) == [OverdueStep.CARE]


def test_closed_door_that_crosses_recall_leaves_response_ended() -> None:
    recalled = _recalled(a_response(status=Status.EN_ROUTE))

    with pytest.raises(ResponseTakenBack):
        record_first_contact(recalled, RecordFirstContact(at("15:10"), ContactMode.NO_ACCESS), POLICY, at("15:10"))


@pytest.mark.parametrize(
    "ended",
    [
        _recalled(a_response(status=Status.ACCEPTED)),
        replace(_recalled(a_response(status=Status.EN_ROUTE)), cancel_reason="died"),
        a_response(status=Status.CLOSED),
    ],
)
def test_response_whose_clinician_was_not_sent_records_no_contact(ended: Response) -> None:
    assert permitted_commands(ended) == []
    with pytest.raises(IllegalTransition):
        record_first_contact(ended, RecordFirstContact(at("15:10")), POLICY, at("15:10"))


def test_colleague_who_departs_or_visits_has_the_response() -> None:
    """Finding: the visit stayed recorded as that of the assigned clinician."""
    departed = dispatch.depart(a_response(status=Status.ASSIGNED), Depart(_COLLEAGUE), at("14:30"))
    visited = record_first_contact(
        a_response(status=Status.EN_ROUTE), RecordFirstContact(at("15:00"), clinician_id=_COLLEAGUE), POLICY, at("15:00")
    )

    assert (departed.state.clinician_id, visited.state.clinician_id) == (_COLLEAGUE, _COLLEAGUE)
    [left], [contact] = departed.events, visited.events
    assert isinstance(left, ResponseEnRoute)
    assert isinstance(contact, ResponseContacted)
    assert (left.clinician_id, contact.clinician_id) == (_COLLEAGUE, _COLLEAGUE)


def test_departure_of_colleague_is_no_repetition() -> None:
    on_the_way = a_response(status=Status.EN_ROUTE, version=4)

    assert is_repeated(on_the_way, Depart(NURSE), 3)
    assert is_repeated(on_the_way, Depart(), 3)
    assert not is_repeated(on_the_way, Depart(_COLLEAGUE), 3)


def test_coordinator_records_visit_of_assigned_clinician() -> None:
    clinician, both = (_actor(RESPOND), _actor(RESPOND, COORDINATE))

    assert (visitor(clinician), visitor(both)) == ("caller", None)


@pytest.mark.parametrize("outcome", [ResponseOutcome.INAPPROPRIATE, ResponseOutcome.OTHER_SERVICE_INVOLVED])
@pytest.mark.parametrize(("status", "is_seen"), [(Status.ACCEPTED, False), (Status.EN_ROUTE, False), (Status.CONTACTED, True)])
def test_closure_states_whether_person_was_seen(outcome: ResponseOutcome, status: Status, is_seen: bool) -> None:  # noqa: FBT001  a parameter of the test
    closed = close(a_response(status=status), CloseResponse(outcome), POLICY, at("15:00")).events[-1]

    assert isinstance(closed, ResponseClosed)
    assert closed.is_seen is is_seen


def _actor(*scopes: str) -> Actor:
    return Actor(id="caller", organisation="CLCH", role="nurse", scopes=frozenset(scopes))
