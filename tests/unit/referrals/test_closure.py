"""Closing and cancelling a referral."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC

import pytest

from services.referrals.commands import CancelReferral, CloseReferral
from services.referrals.domain import Policy, closure
from services.referrals.domain.referral import AT_POINT_OF_ACCESS, Referral, ReferralDeadline, Status, current_deadline, owner
from shared.contracts.codes import Urgency
from shared.contracts.referral_codes import CancelReason, Outcome, ReturnReason
from shared.contracts.referrals import ReferralCancelled, ReferralClosed
from shared.kernel.errors import IllegalTransition
from shared.kernel.ids import new_id
from tests.builders.referrals import MONDAY, a_referral

NOW = MONDAY.astimezone(UTC)
POLICY = Policy()


@pytest.mark.parametrize("status", [Status.ACCEPTED, Status.SIGNPOSTED])
def test_closed_referral_has_outcome_and_no_owner(status: Status) -> None:
    decision = closure.close(a_referral(status), CloseReferral(Outcome.NEED_MET), NOW, POLICY)

    assert decision.events == [ReferralClosed(outcome=Outcome.NEED_MET, closed_at=NOW)]
    assert (decision.state.ended_at, owner(decision.state), current_deadline(decision.state)) == (NOW, None, None)
    assert set(decision.cancels) == set(ReferralDeadline)


@pytest.mark.parametrize("status", [status for status in AT_POINT_OF_ACCESS if status is not Status.INFORMATION_REQUESTED])
@pytest.mark.parametrize("outcome", [Outcome.ADVICE_GIVEN, Outcome.NEED_MET, Outcome.ADMITTED, Outcome.OTHER_SERVICE_INVOLVED])
def test_point_of_access_closes_what_it_settled_itself(status: Status, outcome: Outcome) -> None:
    decision = closure.close(a_referral(status), CloseReferral(outcome), NOW, POLICY)

    assert (decision.state.status, decision.state.outcome, owner(decision.state)) == (Status.CLOSED, outcome, None)


@pytest.mark.parametrize("asked_in", [Status.IDENTIFIED, Status.ROUTED])
def test_question_permits_closing_unless_a_receiver_was_asked(asked_in: Status) -> None:
    asked = a_referral(Status.INFORMATION_REQUESTED, asked_in=asked_in)

    with pytest.raises(IllegalTransition) if asked_in is Status.ROUTED else nullcontext():
        assert closure.close(asked, CloseReferral(Outcome.ADVICE_GIVEN), NOW, POLICY).state.asked_in is None


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome.ADMISSION_AVOIDED,
        Outcome.CARE_PLAN_AGREED,
        Outcome.SIGNPOSTED,
        Outcome.NOT_ACUTE,
        Outcome.INAPPROPRIATE,
        Outcome.NO_ACCESS,
        Outcome.REDIRECTED_TO_EMERGENCY,
    ],
)
def test_outcome_of_a_service_needs_a_service(outcome: Outcome) -> None:
    with pytest.raises(closure.OutcomeNotPossible):
        closure.close(a_referral(Status.TRIAGED_ROUTINE), CloseReferral(outcome), NOW, POLICY)

    for seen in (a_referral(Status.RETURNED, routing=1), a_referral(Status.SIGNPOSTED)):
        assert closure.close(seen, CloseReferral(outcome), NOW, POLICY).state.outcome is outcome


@pytest.mark.parametrize("outcome", [Outcome.NEED_MET, Outcome.ADVICE_GIVEN])
def test_concern_is_triaged_before_the_need_is_met(outcome: Outcome) -> None:
    concern = a_referral(Status.RETURNED, routing=1, return_reason=ReturnReason.CONCERN)

    with pytest.raises(closure.OutcomeNotPossible):
        closure.close(concern, CloseReferral(outcome), NOW, POLICY)

    triaged = replace(concern, status=Status.TRIAGED_ROUTINE)
    assert closure.close(triaged, CloseReferral(outcome), NOW, POLICY).state.outcome is outcome


@pytest.mark.parametrize("reason", list(CancelReason))
def test_cancelled_referral_has_reason(reason: CancelReason) -> None:
    decision = closure.cancel(a_referral(Status.ROUTED), CancelReferral(reason), has_merged=False, now=NOW)

    assert decision.events == [ReferralCancelled(reason=reason)]
    assert decision.state.status is Status.CANCELLED


def test_returned_referral_is_closed_with_true_outcome() -> None:
    """The need was met elsewhere: nothing must be closed by an untrue statement."""
    decision = closure.close(a_referral(Status.RETURNED), CloseReferral(Outcome.OTHER_SERVICE_INVOLVED), NOW, POLICY)

    assert decision.state.status is Status.CLOSED


def test_merged_referral_is_withdrawn_alone() -> None:
    merged = a_referral(Status.MERGED, merged_into=new_id(), ended_at=MONDAY)

    decision = closure.cancel(merged, CancelReferral(CancelReason.SENT_IN_ERROR), has_merged=False, now=NOW, is_joined_open=True)

    assert decision.events == [ReferralCancelled(reason=CancelReason.SENT_IN_ERROR)]
    assert (decision.state.status, decision.state.merged_into) == (Status.CANCELLED, None)


@pytest.mark.parametrize(
    ("reason", "is_joined_open"), [(CancelReason.WITHDRAWN, False), (CancelReason.DIED, True), (CancelReason.MOVED_AWAY, True)]
)
def test_merged_referral_of_ended_one_is_not_withdrawn(*, reason: CancelReason, is_joined_open: bool) -> None:
    with pytest.raises(IllegalTransition):
        closure.cancel(a_referral(Status.MERGED), CancelReferral(reason), has_merged=False, now=NOW, is_joined_open=is_joined_open)


def test_referral_with_merged_ones_cannot_be_withdrawn() -> None:
    with pytest.raises(closure.HasMergedReferrals):
        closure.cancel(a_referral(), CancelReferral(CancelReason.WITHDRAWN), has_merged=True, now=NOW)


@pytest.mark.parametrize("reason", list(CancelReason))
def test_accepted_referral_is_cancelled_on_death_or_move_only(reason: CancelReason) -> None:
    cancelling = CancelReferral(reason)

    if reason in {CancelReason.DIED, CancelReason.MOVED_AWAY}:
        assert closure.cancel(a_referral(Status.ACCEPTED), cancelling, has_merged=False, now=NOW).state.status is Status.CANCELLED
    else:
        with pytest.raises(closure.CareInProgress):
            closure.cancel(a_referral(Status.ACCEPTED), cancelling, has_merged=False, now=NOW)


@pytest.mark.parametrize("reason", [CancelReason.DIED, CancelReason.MOVED_AWAY])
def test_death_or_move_cancels_despite_merged_referrals(reason: CancelReason) -> None:
    assert closure.cancel(a_referral(), CancelReferral(reason), has_merged=True, now=NOW).state.cancel_reason is reason


def test_receiver_that_reached_no_person_returns_referral() -> None:
    """Finding: it closed the referral, and the unseen person had no owner. The Community Point of Access decides when to stop."""
    accepted = a_referral(Status.ACCEPTED, routing=1)

    returned = closure.close(accepted, CloseReferral(Outcome.NO_ACCESS), NOW, POLICY).state

    assert (returned.status, returned.return_reason, returned.outcome) == (Status.RETURNED, ReturnReason.NO_ACCESS, None)
    assert closure.close(returned, CloseReferral(Outcome.NO_ACCESS), NOW, POLICY).state.outcome is Outcome.NO_ACCESS


_WITH_RED_FLAG = [
    a_referral(Status.RETURNED, urgency=Urgency.URGENT, routing=1, has_red_flag=True, return_reason=ReturnReason.LIFE_THREATENING),
    a_referral(Status.ACCEPTED, urgency=Urgency.URGENT, routing=1, has_red_flag=True),
]
_ANSWERS = (
    Outcome.ADMITTED,
    Outcome.DECLINED_BY_PERSON,
    Outcome.DIED,
    Outcome.MOVED_AWAY,
    Outcome.REDIRECTED_TO_EMERGENCY,
)


@pytest.mark.parametrize("endangered", _WITH_RED_FLAG, ids=lambda referral: str(referral.status))
@pytest.mark.parametrize("outcome", Outcome)
def test_outcome_answers_a_red_flag_that_stands(endangered: Referral, outcome: Outcome) -> None:
    """Finding: a life-threatening return was closed as `need-met`."""
    with nullcontext() if outcome in _ANSWERS else pytest.raises(closure.OutcomeLeavesRedFlag):
        assert closure.close(endangered, CloseReferral(outcome), NOW, POLICY).state.status is Status.CLOSED

    safe = replace(endangered, status=Status.RETURNED, has_red_flag=False, return_reason=None)
    assert closure.close(safe, CloseReferral(outcome), NOW, POLICY).state.outcome is outcome
