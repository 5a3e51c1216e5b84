"""A referral when its person dies or moves away, and when that proves to be a mistake."""

from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from services.referrals.commands import CancelReferral, CloseReferral
from services.referrals.domain import Policy, closure, receipt
from services.referrals.domain.life import LifeStatus
from services.referrals.domain.receipt import Arrival
from services.referrals.domain.referral import (
    OPEN,
    POINT_OF_ACCESS,
    Occurrence,
    Referral,
    ReferralDeadline,
    Status,
    available_transitions,
    current_deadline,
    owner,
)
from shared.contracts.codes import Urgency
from shared.contracts.persons import PersonChange
from shared.contracts.referral_codes import CancelReason, Discrepancy, Outcome, ReturnReason, Route
from shared.contracts.referrals import ReferralCancelled, ReferralReopened
from shared.kernel.errors import IllegalTransition
from shared.kernel.ids import new_id
from tests.builders.referrals import MONDAY, a_person, a_referral, a_request, a_service

NOW = MONDAY.astimezone(UTC)
LATER = NOW + timedelta(hours=3)
POLICY = Policy()
QUESTIONED = Status.INFORMATION_REQUESTED


def reopened(referral: Referral) -> Referral:
    """The referral as it was reopened at `LATER`; the service that it names has no opening hours."""
    return closure.reopen(referral, service=a_service(), contradicts=None, now=LATER, policy=POLICY).state


@pytest.mark.parametrize("change", PersonChange)
@pytest.mark.parametrize("status", OPEN)
def test_change_of_life_ends_open_referral_with_reason(status: Status, change: PersonChange) -> None:
    decision = closure.end_with(a_referral(status), change, NOW, POLICY)

    reason = {PersonChange.DEATH: CancelReason.DIED, PersonChange.MOVE: CancelReason.MOVED_AWAY}[change]
    assert decision.events == [ReferralCancelled(reason=reason)]
    assert (decision.state.status, decision.state.cancel_reason, owner(decision.state)) == (Status.CANCELLED, reason, None)
    assert set(decision.cancels) == set(ReferralDeadline)


@pytest.mark.parametrize("reason", CancelReason)
def test_cancelled_referral_states_the_change_that_ended_it(reason: CancelReason) -> None:
    cancelled = closure.cancel(a_referral(Status.ROUTED), CancelReferral(reason), has_merged=False, now=NOW).state

    change = {CancelReason.DIED: PersonChange.DEATH, CancelReason.MOVED_AWAY: PersonChange.MOVE}.get(reason)
    assert closure.change_of(cancelled) is change
    assert cancelled.ended_from is (Status.ROUTED if change else None)


@pytest.mark.parametrize("outcome", Outcome)
def test_closed_referral_states_the_change_that_ended_it(outcome: Outcome) -> None:
    closed = closure.close(a_referral(Status.ACCEPTED), CloseReferral(outcome), NOW, POLICY).state

    change = {Outcome.DIED: PersonChange.DEATH, Outcome.MOVED_AWAY: PersonChange.MOVE}.get(outcome)
    assert closure.change_of(closed) is change
    assert closed.ended_from is (Status.ACCEPTED if change else None)


@pytest.mark.parametrize("status", [status for status in OPEN if status is not QUESTIONED])
def test_reopened_referral_has_status_owner_and_new_deadline(status: Status) -> None:
    before = a_referral(status)
    decision = closure.reopen(
        closure.end_with(before, PersonChange.DEATH, NOW, POLICY).state, service=a_service(), contradicts=None, now=LATER, policy=POLICY
    )

    state = decision.state
    assert decision.events == [ReferralReopened(reopened_at=LATER)]
    assert (state.status, owner(state), current_deadline(state)) == (status, owner(before), current_deadline(before))
    assert (state.ended_at, state.ended_from, state.cancel_reason, state.outcome, state.overdue_since) == (None, None, None, None, None)
    assert state.due_at
    assert state.due_at > LATER
    assert [deadline.kind for deadline in decision.deadlines] == [current_deadline(before)]


def test_unanswered_question_is_withdrawn_when_referral_is_reopened() -> None:
    asked = a_referral(
        QUESTIONED, asked_in=Status.ROUTED, route=Route.SERVICE, service_code="district-nursing", question="Which medicines?"
    )

    state = reopened(closure.end_with(asked, PersonChange.MOVE, NOW, POLICY).state)

    assert (state.status, state.asked_in, state.question) == (Status.ROUTED, None, "Which medicines?")


def test_closed_referral_is_reopened_with_its_receiver() -> None:
    closed = closure.close(a_referral(Status.ACCEPTED), CloseReferral(Outcome.DIED), NOW, POLICY).state

    state = reopened(closed)

    assert (state.status, state.outcome, owner(state)) == (Status.ACCEPTED, None, "district-nursing")
    assert state.due_at == LATER + POLICY.outcome_routine


@pytest.mark.parametrize(
    ("urgency", "status", "due_in"),
    [
        (Urgency.URGENT, Status.TRIAGED_URGENT, POLICY.triage_urgent),
        (Urgency.URGENT, Status.ROUTED, POLICY.acknowledge_urgent),
        (Urgency.URGENT, Status.ACCEPTED, POLICY.outcome_urgent),
        (Urgency.ADVICE, Status.SIGNPOSTED, POLICY.outcome_signposted),
    ],
)
def test_deadline_of_reopened_referral_counts_from_now(urgency: Urgency, status: Status, due_in: timedelta) -> None:
    ended = closure.end_with(a_referral(status, urgency=urgency), PersonChange.DEATH, NOW, POLICY).state

    assert reopened(ended).due_at == LATER + due_in


def test_referral_closed_by_rapid_care_is_reopened_in_triage() -> None:
    accepted = a_referral(Status.ACCEPTED, urgency=Urgency.URGENT, route=Route.RAPID_CARE, service_code="rapid-care")
    closed = closure.close(accepted, CloseReferral(Outcome.DIED), NOW, POLICY).state

    state = reopened(closed)

    assert (state.status, owner(state), state.receiver_organisation) == (Status.RETURNED, POINT_OF_ACCESS, None)
    assert (state.route, state.routing, state.due_at) == (Route.RAPID_CARE, 1, LATER + POLICY.triage_urgent)


def test_move_returns_a_referral_with_an_unanswered_call() -> None:
    called = a_referral(Status.ACCEPTED, urgency=Urgency.URGENT, answer_by=NOW + timedelta(minutes=30))

    moved, died = (closure.end_with(called, change, NOW, POLICY).state for change in (PersonChange.MOVE, PersonChange.DEATH))

    assert (moved.status, moved.return_reason, moved.person_is_recorded_as) == (
        Status.RETURNED,
        ReturnReason.CALL_UNANSWERED,
        LifeStatus.MOVED,
    )
    assert moved.due_at == NOW + POLICY.triage_urgent
    assert died.status is Status.CANCELLED


def test_discrepancies_of_reopened_referral_are_due_as_triage() -> None:
    marked = a_referral(Status.ACCEPTED, urgency=Urgency.URGENT, discrepancies=(Discrepancy.CONDITION_MISSING,))

    state = reopened(closure.end_with(marked, PersonChange.DEATH, NOW, POLICY).state)

    assert (state.due_at, state.discrepancies_due_at) == (LATER + POLICY.outcome_urgent, LATER + POLICY.triage_urgent)


def test_reopened_referral_without_service_is_due_as_triage() -> None:
    ended = closure.end_with(a_referral(Status.ROUTED, urgency=Urgency.URGENT), PersonChange.DEATH, NOW, POLICY).state

    decision = closure.reopen(ended, service=None, contradicts=None, now=LATER, policy=POLICY)

    assert decision.state.due_at == LATER + POLICY.triage_urgent


def test_clock_of_reopened_referral_is_unchanged() -> None:
    before = a_referral(Status.ACCEPTED, urgency=Urgency.URGENT)

    state = reopened(closure.end_with(before, PersonChange.DEATH, NOW, POLICY).state)

    same = ("reference", "received_at", "clock_starts_at", "routing", "route", "service_code", "receiver_organisation")
    assert [getattr(state, name) for name in same] == [getattr(before, name) for name in same]


@pytest.mark.parametrize("ending", [CloseReferral(Outcome.NEED_MET), CancelReferral(CancelReason.SENT_IN_ERROR)], ids=repr)
def test_referral_that_ended_otherwise_is_not_reopened(ending: CloseReferral | CancelReferral) -> None:
    if isinstance(ending, CloseReferral):
        ended = closure.close(a_referral(Status.ACCEPTED), ending, NOW, POLICY).state
    else:
        ended = closure.cancel(a_referral(), ending, has_merged=False, now=NOW).state

    assert Occurrence.PERSON_RESTORED not in available_transitions(ended)
    with pytest.raises(IllegalTransition):
        reopened(ended)


def test_reopened_referral_shows_an_earlier_change_that_still_holds() -> None:
    ended = closure.end_with(a_referral(Status.ACCEPTED), PersonChange.DEATH, NOW, POLICY).state

    decision = closure.reopen(ended, service=None, contradicts=LifeStatus.MOVED, now=LATER, policy=POLICY)

    assert decision.state.person_is_recorded_as is LifeStatus.MOVED


@pytest.mark.parametrize("recorded", [None, LifeStatus.DECEASED, LifeStatus.MOVED])
@pytest.mark.parametrize("urgency", Urgency)
def test_referral_for_a_deceased_or_moved_person_is_accepted(urgency: Urgency, recorded: LifeStatus | None) -> None:
    arrival = Arrival(
        new_id(), "CPA-MQ3P-WD5J", "W07", is_story_known=True, is_practice_covered=True, joins=None, person_is_recorded_as=recorded
    )

    state = receipt.receive(a_request(urgency=urgency), a_person(), arrival, now=NOW, policy=POLICY).state

    assert (state.status, state.person_is_recorded_as) == (Status.IDENTIFIED, recorded)
    assert replace(state, person_is_recorded_as=None).due_at
