"""A second urgent call about a person whose referral a receiver already has."""

from datetime import UTC, time, timedelta

import pytest

from services.referrals.commands import CloseReferral, ReturnReferral
from services.referrals.domain import Policy, calls, closure, deadlines, routing
from services.referrals.domain.referral import Referral, ReferralDeadline, Status, pending_deadlines
from shared.contracts.codes import Condition, Urgency
from shared.contracts.referral_codes import Outcome, ReturnReason
from shared.contracts.referrals import (
    ReferralAcknowledgementOverdue,
    ReferralCallAnswered,
    ReferralCallRepeated,
    ReferralClosed,
    ReferralReturned,
)
from shared.kernel.ids import new_id
from tests.builders.london import london
from tests.builders.referrals import MONDAY, a_referral, a_service

POLICY = Policy()
NOW = MONDAY.astimezone(UTC)
DUE = NOW + POLICY.acknowledge_urgent


@pytest.mark.parametrize("status", [Status.ROUTED, Status.ACCEPTED])
def test_repeated_call_has_deadline_beside_that_of_receiver(status: Status) -> None:
    before, merged_id = a_referral(status, urgency=Urgency.URGENT), new_id()

    decision = calls.repeat(before, merged_id, Condition.FALL, DUE, NOW)

    expected = ReferralCallRepeated(merged_referral_id=merged_id, condition=Condition.FALL, called_at=NOW, answer_by=DUE, routing=1)
    assert decision.events == [expected]
    assert (decision.state.status, decision.state.due_at) == (status, before.due_at)
    assert pending_deadlines(decision.state)[ReferralDeadline.CALL] == DUE
    assert [deadline.kind for deadline in decision.deadlines] == [ReferralDeadline.CALL]


def test_third_call_moves_no_deadline() -> None:
    called = _called()

    third = calls.repeat(called, new_id(), None, DUE + timedelta(hours=1), NOW + timedelta(hours=1))

    assert third.state.answer_by == DUE


def test_third_call_after_reminder_repeats_first_promise() -> None:
    """Finding: it named the next reminder, while Rapid Care kept the promise to the first caller."""
    reminded = deadlines.mark_overdue(_called(), ReferralDeadline.CALL, DUE, POLICY).state

    third = calls.repeat(reminded, new_id(), None, DUE + timedelta(hours=1), DUE + timedelta(minutes=5))

    [event] = third.events
    assert isinstance(event, ReferralCallRepeated)
    assert (event.answer_by, deadlines.promised_by(third.state)) == (DUE, DUE)
    assert pending_deadlines(third.state)[ReferralDeadline.CALL] > DUE


def test_answer_is_due_from_opening_of_service() -> None:
    by_day = a_service(opens=time(8), closes=time(18))

    assert deadlines.answer_call_by(by_day, london("2015-03-16T20:00"), POLICY) == london("2015-03-17T08:45")
    assert deadlines.answer_call_by(None, london("2015-03-16T20:00"), POLICY) == london("2015-03-16T20:45")


def test_unanswered_call_is_escalated_at_every_deadline() -> None:
    first = deadlines.mark_overdue(_called(), ReferralDeadline.CALL, DUE, POLICY)
    second = deadlines.mark_overdue(first.state, ReferralDeadline.CALL, DUE + timedelta(hours=1), POLICY)

    assert first.events == [ReferralAcknowledgementOverdue(service_code="district-nursing", acknowledge_by=DUE, is_call=True)]
    assert first.state.call_overdue_since == second.state.call_overdue_since == DUE
    assert first.state.overdue_since is None
    assert second.state.answer_by is not None
    assert second.state.answer_by > DUE + timedelta(hours=1)


def test_answered_call_has_no_deadline() -> None:
    decision = calls.answer(_called(), NOW)

    assert decision.events == [ReferralCallAnswered(answered_at=NOW)]
    assert (decision.state.answer_by, decision.cancels) == (None, [ReferralDeadline.CALL])
    with pytest.raises(calls.NoOpenCall):
        calls.answer(decision.state, NOW)


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.DIED])
def test_closure_with_unanswered_call_returns_referral_as_urgent(outcome: Outcome) -> None:
    decision = closure.close(_called(), CloseReferral(outcome), NOW, POLICY)

    assert decision.events == [ReferralReturned(service_code="district-nursing", reason=ReturnReason.CALL_UNANSWERED)]
    assert (decision.state.status, decision.state.urgency, decision.state.outcome) == (Status.RETURNED, Urgency.URGENT, None)
    assert decision.state.due_at == NOW + POLICY.triage_urgent
    assert (decision.state.route, decision.state.answer_by) == (None, None)


def test_death_closes_referral_with_unanswered_call() -> None:
    decision = closure.close(_called(), CloseReferral(Outcome.DIED), NOW, POLICY)

    assert [type(event) for event in decision.events] == [ReferralClosed]
    assert decision.state.answer_by is None


def test_return_gives_call_to_triage() -> None:
    returned = routing.return_referral(_called(), ReturnReferral(ReturnReason.CAPACITY), NOW, POLICY)

    assert (returned.state.answer_by, set(pending_deadlines(returned.state))) == (None, {ReferralDeadline.TRIAGE})


def _called() -> Referral:
    return calls.repeat(a_referral(Status.ACCEPTED, urgency=Urgency.URGENT), new_id(), None, DUE, NOW).state
