"""Closing and cancelling a referral."""

from datetime import UTC

import pytest

from services.referrals.commands import CancelReferral, CloseReferral
from services.referrals.domain import Policy, closure
from services.referrals.domain.referral import ReferralDeadline, Status, current_deadline, owner
from shared.contracts.referral_codes import CancelReason, Outcome
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
