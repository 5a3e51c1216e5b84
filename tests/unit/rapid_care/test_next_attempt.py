"""A closed door leads to a next attempt with a deadline; the first visit has stopped the clock (A8, G44).

The person was not seen: the response can still be declined, recalled and routed here again.
"""

from dataclasses import replace

import pytest

from services.rapid_care.commands import CloseResponse, DeclineResponse, RecordAssessment, RecordFirstContact
from services.rapid_care.domain import clock as clocks
from services.rapid_care.domain.care import assess, close
from services.rapid_care.domain.clock import ClockState, clock_of
from services.rapid_care.domain.contact import record_first_contact
from services.rapid_care.domain.duties import awaited
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import (
    ContactBeforeReceipt,
    OutcomeInconsistent,
    Response,
    ResponseDeadline,
    Status,
    permitted_commands,
)
from shared.contracts.rapid_care import (
    ContactMode,
    DeclineReason,
    Need,
    OverdueStep,
    ResponseAccepted,
    ResponseCancelled,
    ResponseContacted,
    ResponseDeclined,
    ResponseOutcome,
)
from shared.contracts.referrals import ReferralRecalled
from shared.kernel.decision import Deadline
from shared.kernel.errors import IllegalTransition
from tests.builders.rapid_care import a_response, a_routed_referral, at

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


def test_assessment_is_possible_only_after_person_was_seen() -> None:
    """Finding: an assessment after a closed door counted as a contact, so that an admission of an unseen person was "avoided"."""
    unseen, needs = _behind_closed_door(), RecordAssessment((Need.INFECTION,), (Need.NONE,))
    with pytest.raises(IllegalTransition):
        assess(unseen, needs, POLICY, at("15:10"))

    seen = record_first_contact(unseen, RecordFirstContact(at("15:30")), POLICY, at("15:30")).state

    assert {RecordFirstContact} == {RecordFirstContact, RecordAssessment} & set(permitted_commands(unseen))
    assert {RecordAssessment} == {RecordFirstContact, RecordAssessment} & set(permitted_commands(seen))
    assert assess(seen, needs, POLICY, at("15:40")).state.status is Status.ASSESSED


def test_attempt_is_recorded_only_after_closed_door() -> None:
    reached = record_first_contact(a_response(status=Status.EN_ROUTE), RecordFirstContact(at("15:00")), POLICY, at("15:00")).state

    with pytest.raises(IllegalTransition):
        record_first_contact(reached, RecordFirstContact(at("15:30")), POLICY, at("15:30"))
    with pytest.raises(ContactBeforeReceipt):
        record_first_contact(_behind_closed_door(), RecordFirstContact(at("14:59")), POLICY, at("16:00"))


def test_response_is_declined_after_closed_door() -> None:
    unseen = _behind_closed_door()

    decision = clocks.decline(unseen, DeclineResponse(DeclineReason.CAPACITY), at("15:10"))

    assert DeclineResponse in permitted_commands(unseen)
    assert (decision.state.status, [type(event) for event in decision.events]) == (Status.DECLINED, [ResponseDeclined])


@pytest.mark.parametrize("seen_as", [Status.CONTACTED, Status.ASSESSED])
def test_response_of_seen_person_is_not_declined(seen_as: Status) -> None:
    seen = a_response(status=seen_as)

    assert DeclineResponse not in permitted_commands(seen)
    with pytest.raises(IllegalTransition):
        clocks.decline(seen, DeclineResponse(DeclineReason.CAPACITY), at("15:10"))


def test_recall_ends_response_after_closed_door() -> None:
    recalled = ReferralRecalled(service_code="rapid-care", routing=1)

    unseen = clocks.recall(_behind_closed_door(), recalled, at("15:10"))
    assessed = clocks.recall(a_response(status=Status.ASSESSED), recalled, at("15:20"))

    assert (unseen.state.status, [type(event) for event in unseen.events]) == (Status.CANCELLED, [ResponseCancelled])
    assert (assessed.state.status, [type(event) for event in assessed.events]) == (Status.ASSESSED, [ResponseAccepted])


@pytest.mark.parametrize(("hour", "result"), [("15:00", ClockState.MET), ("16:30", ClockState.BREACHED)])
def test_referral_routed_again_after_closed_door_awaits_next_attempt(hour: str, result: ClockState) -> None:
    """The arrival has stopped the clock (G44), which the second response shares: without another deadline it would have none."""
    first = a_response(status=Status.EN_ROUTE)
    visited = record_first_contact(first, RecordFirstContact(at(hour), ContactMode.NO_ACCESS), POLICY, at(hour)).state
    ended = close(visited, CloseResponse(ResponseOutcome.NO_ACCESS), POLICY, at("17:00")).state
    ids = clocks.ResponseIds(first.id, first.person_id, first.referral_id, first.correlation_id)

    decision = clocks.request(a_routed_referral(at("14:00"), routing=2), ids, previous=ended, policy=POLICY, now=at("17:05"))

    again = decision.state
    assert (again.status, clock_of(again, at("18:00")), again.contacted_at) == (Status.REQUESTED, result, at(hour))
    assert awaited(again) == [OverdueStep.NEXT_ATTEMPT]
    assert decision.deadlines == [Deadline(ResponseDeadline.NEXT_ATTEMPT, at("18:05"))]
    reached = record_first_contact(replace(again, status=Status.EN_ROUTE), RecordFirstContact(at("17:40")), POLICY, at("17:45"))
    assert (reached.state.status, reached.state.first_contact_mode) == (Status.CONTACTED, ContactMode.NO_ACCESS)
    assert reached.cancels == [ResponseDeadline.NEXT_ATTEMPT]


@pytest.mark.parametrize("outcome", [ResponseOutcome.NO_ACCESS, ResponseOutcome.ADMISSION_AVOIDED, ResponseOutcome.NOT_ACUTE])
def test_visit_of_earlier_response_proves_no_outcome(outcome: ResponseOutcome) -> None:
    again = a_response(status=Status.EN_ROUTE, contacted_at=at("15:00"), visited_at=at("15:00"), contact_mode=None)

    with pytest.raises(OutcomeInconsistent):
        close(again, CloseResponse(outcome), POLICY, at("17:30"))
