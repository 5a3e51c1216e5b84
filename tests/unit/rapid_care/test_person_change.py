"""A death or a move ends every response, and a mistaken one is reversed (A4, A5)."""

from dataclasses import replace
from typing import Any

import pytest

from services.rapid_care.domain.person_change import end, restore
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import IN_CARE, UNFINISHED, WAITING, Response, ResponseDeadline, Status
from shared.contracts.persons import PersonChange, RecordedChange
from shared.contracts.rapid_care import ContactMode, ResponseBreached, ResponseCancelled, ResponseRestored
from shared.kernel.decision import Decision
from tests.builders.rapid_care import a_response, at

POLICY = Policy()
_DEATH = RecordedChange(PersonChange.DEATH, at("14:29"))


def _ended(ended_at: str = "14:30", **changes: Any) -> Response:
    return end(a_response(**changes), _DEATH, at(ended_at)).state


def _kinds(decision: Decision[Response]) -> set[str]:
    return {deadline.kind for deadline in decision.deadlines}


@pytest.mark.parametrize("status", UNFINISHED)
@pytest.mark.parametrize(("change", "reason"), [(PersonChange.DEATH, "died"), (PersonChange.MOVE, "moved-away")])
def test_change_ends_response_in_every_state(status: Status, change: PersonChange, reason: str) -> None:
    response = a_response(status=status)

    decision = end(response, RecordedChange(change, at("14:29")), at("14:30"))

    assert (decision.state.status, decision.state.cancel_reason, decision.state.ended_from) == (Status.CANCELLED, reason, status)
    assert (decision.state.ended_at, decision.state.person_gone_at) == (at("14:30"), at("14:29"))
    assert decision.events == [ResponseCancelled(referral_id=response.referral_id, reason=reason)]
    assert set(decision.cancels) == set(ResponseDeadline)


@pytest.mark.parametrize("status", UNFINISHED)
def test_restored_response_continues_as_before(status: Status) -> None:
    seen = {"contacted_at": at("14:10"), "contact_mode": ContactMode.FACE_TO_FACE} if status in IN_CARE else {}
    before = a_response(status=status, **seen)
    ended = end(before, _DEATH, at("14:30")).state

    decision = restore(ended, POLICY, at("14:50"))

    assert decision.state == before
    assert decision.events == [ResponseRestored(referral_id=before.referral_id)]
    assert decision.deadlines


def test_restored_waiting_response_has_rest_of_its_clock() -> None:
    decision = restore(_ended("15:10"), POLICY, at("15:20"))

    assert [(deadline.kind, deadline.due_at) for deadline in decision.deadlines] == [
        (ResponseDeadline.AT_RISK, at("15:30")),
        (ResponseDeadline.AT_RISK, at("15:50")),
        (ResponseDeadline.BREACH, at("16:00:00.000001")),
    ]


@pytest.mark.parametrize("status", WAITING)
def test_breach_that_passed_is_judged_at_restoration(status: Status) -> None:
    ended = _ended("15:10", status=status)

    decision = restore(ended, POLICY, at("17:00"))

    assert decision.events == [
        ResponseRestored(referral_id=ended.referral_id),
        ResponseBreached(referral_id=ended.referral_id, due_at=at("16:00")),
    ]
    assert decision.state.breached_at == at("16:00:00.000001")
    assert ResponseDeadline.CONTACT in _kinds(decision)
    assert not _kinds(decision) & {ResponseDeadline.AT_RISK, ResponseDeadline.BREACH}


def test_breach_before_the_change_is_not_published_again() -> None:
    decision = restore(_ended("16:30", breached_at=at("16:00:00.000001")), POLICY, at("17:00"))

    assert [type(event) for event in decision.events] == [ResponseRestored]


def test_restored_held_response_opens() -> None:
    held = replace(_ended("14:30", status=Status.HELD), clock_starts_at=at("15:00"), due_at=at("17:00"))

    assert ResponseDeadline.OPENING in _kinds(restore(held, POLICY, at("14:40")))


def test_restored_response_awaits_what_it_awaited() -> None:
    ended = _ended(status=Status.CONTACTED, contacted_at=at("14:10"), contact_mode=ContactMode.NO_ACCESS, clinician_id=None)
    called = replace(ended, answer_by=at("14:45"))

    decision = restore(called, POLICY, at("14:50"))

    assert [(deadline.kind, deadline.due_at) for deadline in decision.deadlines] == [
        (ResponseDeadline.ASSIGNMENT, at("16:50")),
        (ResponseDeadline.NEXT_ATTEMPT, at("15:50")),
        (ResponseDeadline.CALL, at("14:50")),
    ]
