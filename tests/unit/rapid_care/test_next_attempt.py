"""A closed door leads to a next attempt with a deadline; the first visit has stopped the clock (A8, G44)."""

from dataclasses import replace

import pytest

from services.rapid_care.commands import RecordAssessment, RecordFirstContact
from services.rapid_care.domain.care import assess
from services.rapid_care.domain.clock import ClockState, clock_of
from services.rapid_care.domain.contact import record_first_contact
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import ContactBeforeReceipt, Response, ResponseDeadline, Status
from shared.contracts.rapid_care import ContactMode, Need, OverdueStep, ResponseContacted
from shared.kernel.decision import Deadline
from shared.kernel.errors import IllegalTransition
from tests.builders.rapid_care import a_response, at

POLICY = Policy()


def _behind_closed_door() -> Response:
    closed = RecordFirstContact(at("15:00"), ContactMode.NO_ACCESS)
    return record_first_contact(a_response(status=Status.EN_ROUTE), closed, POLICY, at("15:05")).state


def test_visit_without_access_sets_next_attempt() -> None:
    closed = RecordFirstContact(at("15:00"), ContactMode.NO_ACCESS)

    decision = record_first_contact(a_response(status=Status.EN_ROUTE), closed, POLICY, at("15:05"))

    assert decision.deadlines == [Deadline(ResponseDeadline.NEXT_ATTEMPT, at("16:05"))]


@pytest.mark.parametrize(("hour", "clock"), [("15:00", ClockState.MET), ("16:30", ClockState.BREACHED)])
def test_later_success_keeps_result_of_first_visit(hour: str, clock: ClockState) -> None:
    closed = RecordFirstContact(at(hour), ContactMode.NO_ACCESS)
    first = record_first_contact(a_response(status=Status.EN_ROUTE), closed, POLICY, at(hour)).state

    decision = record_first_contact(first, RecordFirstContact(at("17:10")), POLICY, at("17:20"))

    found = decision.state
    assert (found.contacted_at, found.first_contact_mode) == (at(hour), ContactMode.NO_ACCESS)
    assert (found.visited_at, found.contact_mode, clock_of(found, at("18:00"))) == (at("17:10"), ContactMode.FACE_TO_FACE, clock)
    [contact] = decision.events
    assert isinstance(contact, ResponseContacted)
    assert (contact.contacted_at, contact.is_met, contact.mode) == (at("17:10"), clock is ClockState.MET, ContactMode.FACE_TO_FACE)


def test_later_success_cancels_next_attempt_and_awaits_care() -> None:
    overdue = replace(_behind_closed_door(), overdue_step=OverdueStep.NEXT_ATTEMPT, overdue_since=at("16:05"))

    decision = record_first_contact(overdue, RecordFirstContact(at("16:10")), POLICY, at("16:20"))

    assert decision.cancels == [ResponseDeadline.NEXT_ATTEMPT]
    assert [deadline.kind for deadline in decision.deadlines] == [ResponseDeadline.CARE]
    assert (decision.state.overdue_step, decision.state.overdue_since) == (None, None)


def test_second_closed_door_sets_next_attempt_again() -> None:
    closed_again = RecordFirstContact(at("16:00"), ContactMode.NO_ACCESS)

    decision = record_first_contact(_behind_closed_door(), closed_again, POLICY, at("16:00"))

    assert decision.cancels == [ResponseDeadline.NEXT_ATTEMPT]
    assert decision.deadlines == [Deadline(ResponseDeadline.NEXT_ATTEMPT, at("17:00"))]


def test_assessment_takes_place_of_next_attempt() -> None:
    decision = assess(_behind_closed_door(), RecordAssessment((Need.INFECTION,), (Need.NONE,)), POLICY, at("16:00"))

    assert ResponseDeadline.NEXT_ATTEMPT in decision.cancels
    assert [deadline.kind for deadline in decision.deadlines] == [ResponseDeadline.CARE]


def test_attempt_is_recorded_only_after_closed_door() -> None:
    reached = record_first_contact(a_response(status=Status.EN_ROUTE), RecordFirstContact(at("15:00")), POLICY, at("15:00")).state

    with pytest.raises(IllegalTransition):
        record_first_contact(reached, RecordFirstContact(at("15:30")), POLICY, at("15:30"))
    with pytest.raises(ContactBeforeReceipt):
        record_first_contact(_behind_closed_door(), RecordFirstContact(at("14:59")), POLICY, at("16:00"))
