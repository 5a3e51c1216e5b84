"""The owner of a response, and the deadline of each step that it awaits (A8, A18)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.rapid_care.commands import AgreePackage, StepDownResponse
from services.rapid_care.domain import care, clock, dispatch
from services.rapid_care.domain.duties import DEADLINE_OF, Owner, awaited, owner_of, remind
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import ENDED, UNFINISHED, ResponseDeadline, Status
from shared.contracts.codes import StepDown
from shared.contracts.rapid_care import ContactMode, OverdueStep, PackageItem, PackageItemKind, ResponseOverdue
from shared.kernel.decision import Deadline
from shared.kernel.errors import IllegalTransition
from tests.builders.rapid_care import a_clinician, a_response, a_routed_referral, at

POLICY = Policy()
_PACKAGE = AgreePackage((PackageItem(kind=PackageItemKind.NURSING, service_code="district-nursing", starts_at=at("20:00")),))
#: For each step a response that awaits it.
_AWAITING: dict[OverdueStep, dict[str, Any]] = {
    OverdueStep.ASSIGNMENT: {"status": Status.ACCEPTED},
    OverdueStep.CONTACT: {"status": Status.EN_ROUTE, "breached_at": at("16:00:01")},
    OverdueStep.NEXT_ATTEMPT: {"status": Status.CONTACTED, "contacted_at": at("15:30"), "contact_mode": ContactMode.NO_ACCESS},
    OverdueStep.ANSWER_TO_CALL: {"status": Status.ASSIGNED, "answer_by": at("15:00")},
    OverdueStep.CARE: {"status": Status.ASSESSED},
}

_REPEATED_AFTER = {
    OverdueStep.ASSIGNMENT: 15,
    OverdueStep.CONTACT: 15,
    OverdueStep.NEXT_ATTEMPT: 60,
    OverdueStep.ANSWER_TO_CALL: 15,
    OverdueStep.CARE: 24 * 60,
}


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("clinician_id", [None, "nurse-1"])
def test_unfinished_response_has_exactly_one_owner(status: Status, clinician_id: str | None) -> None:
    expected = (Owner.CLINICIAN if clinician_id else Owner.COORDINATOR) if status in UNFINISHED else None

    assert owner_of(a_response(status=status, clinician_id=clinician_id)) is expected


@pytest.mark.parametrize("status", ENDED)
def test_ended_response_awaits_nothing(status: Status) -> None:
    everything = {"answer_by": at("15:00"), "breached_at": at("16:00:01"), "clinician_id": None, "contact_mode": ContactMode.NO_ACCESS}

    assert awaited(a_response(status=status, **everything)) == []


@pytest.mark.parametrize("step", OverdueStep)
def test_overdue_step_is_published_flagged_and_set_again(step: OverdueStep) -> None:
    response = a_response(**_AWAITING[step], routing=2)

    decision = remind(response, step, at("16:59"), POLICY, at("17:00"))

    assert decision.events == [ResponseOverdue(referral_id=response.referral_id, step=step, due_at=at("16:59"), routing=2)]
    assert decision.state == replace(response, overdue_step=step, overdue_since=at("16:59"))
    assert decision.deadlines == [Deadline(DEADLINE_OF[step], at("17:00") + timedelta(minutes=_REPEATED_AFTER[step]))]


def test_flag_stays_with_first_overdue_step() -> None:
    response = a_response(status=Status.ACCEPTED, breached_at=at("16:00:01"))
    first = remind(response, OverdueStep.ASSIGNMENT, at("16:10"), POLICY, at("16:10")).state

    second = remind(first, OverdueStep.CONTACT, at("16:15"), POLICY, at("16:15")).state

    assert (second.overdue_step, second.overdue_since) == (OverdueStep.ASSIGNMENT, at("16:10"))


@pytest.mark.parametrize("step", OverdueStep)
def test_step_that_is_not_awaited_is_not_overdue(step: OverdueStep) -> None:
    with pytest.raises(IllegalTransition):
        remind(a_response(status=Status.REQUESTED), step, at("16:00"), POLICY, at("16:00"))


def test_acceptance_sets_deadline_of_assignment() -> None:
    assert clock.accept(a_response(), POLICY, at("14:10")).deadlines == [Deadline(ResponseDeadline.ASSIGNMENT, at("14:25"))]


def test_assignment_at_night_is_due_after_opening() -> None:
    held = a_response(status=Status.HELD, received_at=at("03:11"), clock_starts_at=at("07:00"), due_at=at("09:00"))

    assert clock.accept(held, POLICY, at("03:20")).deadlines == [Deadline(ResponseDeadline.ASSIGNMENT, at("07:15"))]


def test_assignment_cancels_its_deadline_and_flag() -> None:
    late = a_response(status=Status.ACCEPTED, overdue_step=OverdueStep.ASSIGNMENT, overdue_since=at("14:25"))

    decision = dispatch.assign(late, a_clinician(), None, POLICY, at("14:30"))

    assert decision.cancels == [ResponseDeadline.ASSIGNMENT]
    assert (decision.state.overdue_step, decision.state.overdue_since) == (None, None)


def test_breach_sets_deadline_of_contact() -> None:
    decision = clock.judge_deadline(a_response(status=Status.ASSIGNED), at("16:00:00.000001"), POLICY)

    assert decision.deadlines == [Deadline(ResponseDeadline.CONTACT, at("16:15:00.000001"))]


def test_rerouted_referral_after_breach_awaits_contact() -> None:
    previous = a_response(status=Status.CANCELLED, ended_at=at("16:10"), breached_at=at("16:00:00.000001"))
    ids = clock.ResponseIds(previous.id, previous.person_id, previous.referral_id, previous.correlation_id)

    decision = clock.request(a_routed_referral(at("14:00"), routing=2), ids, previous=previous, policy=POLICY, now=at("16:20"))

    assert decision.deadlines == [Deadline(ResponseDeadline.CONTACT, at("16:35"))]


def test_each_step_of_care_sets_next_one() -> None:
    assessed = a_response(status=Status.ASSESSED)
    agreed = care.agree_package(assessed, _PACKAGE, POLICY, at("17:00"))
    stepped = care.step_down(agreed.state, StepDownResponse(StepDown.GP), POLICY, at("18:00"))

    for decision in (agreed, stepped):
        assert decision.cancels == [ResponseDeadline.CARE]
        assert [deadline.kind for deadline in decision.deadlines] == [ResponseDeadline.CARE]
    assert replace(stepped.state, package=()).status is Status.STEPPED_DOWN
