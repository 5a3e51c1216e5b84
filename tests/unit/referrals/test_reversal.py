"""A referral that was closed or cancelled by mistake is open again."""

from datetime import UTC, timedelta
from typing import Any

import pytest

from services.referrals.commands import CancelReferral, CloseReferral, ReopenReferral
from services.referrals.domain import Policy, closure, deadlines, reversal
from services.referrals.domain.life import LifeStatus
from services.referrals.domain.referral import Referral, ReferralDeadline, Status, owner, pending_deadlines
from shared.contracts.codes import Urgency
from shared.contracts.referral_codes import CancelReason, Discrepancy, Outcome, ReopenReason, Route
from shared.contracts.referrals import ReferralReopened
from shared.kernel.decision import Decision
from shared.kernel.errors import IllegalTransition
from tests.builders.referrals import MONDAY, a_referral, a_service

POLICY = Policy()
NOW = MONDAY.astimezone(UTC) + timedelta(hours=1)
LATER = NOW + timedelta(days=2)


def test_outside_service_that_had_accepted_continues() -> None:
    decision = reopened(closed(a_referral(Status.ACCEPTED)))

    assert (decision.state.status, owner(decision.state), decision.state.outcome) == (Status.ACCEPTED, "district-nursing", None)
    assert decision.state.due_at == LATER + POLICY.outcome_routine
    assert decision.events == [ReferralReopened(reopened_at=LATER, reason=ReopenReason.ENDED_IN_ERROR)]
    assert (decision.state.reopen_reason, decision.state.ended_at) == ("Closed for the wrong person", None)


@pytest.mark.parametrize("route", [Route.RAPID_CARE, Route.MDT, Route.NAVIGATION])
def test_referral_of_an_own_service_returns_to_triage(route: Route) -> None:
    decision = reopened(closed(a_referral(Status.ACCEPTED, route=route, urgency=Urgency.URGENT, triaged_at=NOW)))

    assert (decision.state.status, decision.state.route, decision.state.receiver_organisation) == (Status.RETURNED, None, None)
    assert pending_deadlines(decision.state) == {ReferralDeadline.TRIAGE: LATER + POLICY.triage_urgent}


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (a_referral(Status.IDENTIFIED), Status.IDENTIFIED),
        (a_referral(Status.UNVERIFIED, is_identified=False), Status.UNVERIFIED),
        (a_referral(Status.TRIAGED_ROUTINE, triaged_at=NOW), Status.RETURNED),
        (a_referral(Status.ROUTED, triaged_at=NOW), Status.RETURNED),
        (a_referral(Status.SIGNPOSTED, triaged_at=NOW), Status.RETURNED),
    ],
    ids=lambda it: it.value if isinstance(it, Status) else None,
)
def test_withdrawn_referral_is_triaged(before: Referral, expected: Status) -> None:
    decision = reopened(cancelled(before))

    assert (decision.state.status, owner(decision.state)) == (expected, "community-point-of-access")
    assert (decision.state.received_at, decision.state.reference) == (before.received_at, before.reference)


def test_withdrawn_merged_referral_stands_alone() -> None:
    merged = a_referral(Status.MERGED, merged_into=a_referral().id)

    decision = reopened(cancelled(merged))

    assert (decision.state.status, decision.state.merged_into) == (Status.IDENTIFIED, None)


def test_faults_have_a_deadline_again() -> None:
    before = closed(a_referral(Status.ACCEPTED, discrepancies=(Discrepancy.CONDITION_MISSING,), discrepancies_due_at=NOW))

    assert pending_deadlines(reopened(before).state)[ReferralDeadline.DISCREPANCY] > LATER


def test_reopened_referral_contradicts_a_recorded_move() -> None:
    assert reopened(cancelled(a_referral()), contradicts=LifeStatus.MOVED).state.person_is_recorded_as is LifeStatus.MOVED


def test_end_with_the_person_is_reversed_for_the_person() -> None:
    died = closure.close(a_referral(Status.ACCEPTED), CloseReferral(Outcome.DIED), NOW, POLICY).state

    with pytest.raises(reversal.EndedWithPerson):
        reopened(died, contradicts=LifeStatus.DECEASED)


@pytest.mark.parametrize("outcome", [Outcome.DIED, Outcome.MOVED_AWAY])
def test_end_with_a_person_who_returned_is_triaged_again(outcome: Outcome) -> None:
    left = closure.close(a_referral(Status.ACCEPTED, triaged_at=NOW), CloseReferral(outcome), NOW, POLICY).state

    decision = reopened(left)

    assert (decision.state.status, decision.state.outcome, decision.state.ended_from) == (Status.RETURNED, None, None)
    assert (owner(decision.state), decision.state.receiver_organisation) == ("community-point-of-access", None)
    assert pending_deadlines(decision.state) == {ReferralDeadline.TRIAGE: deadlines.triage_by(decision.state, LATER, POLICY)}
    assert decision.events == [ReferralReopened(reopened_at=LATER, reason=ReopenReason.PERSON_RETURNED)]


@pytest.mark.parametrize(("late", "is_refused"), [(timedelta(0), False), (timedelta(microseconds=1), True)])
def test_reopening_is_limited_in_time(late: timedelta, *, is_refused: bool) -> None:
    ended = cancelled(a_referral())

    assert reversal.is_in_time(ended, NOW + POLICY.reopening_within + late, POLICY) is not is_refused
    if is_refused:
        with pytest.raises(reversal.ReopeningTooLate):
            reopened(ended, late=NOW + POLICY.reopening_within + late)


@pytest.mark.parametrize("status", [Status.IDENTIFIED, Status.ACCEPTED, Status.MERGED])
def test_open_or_merged_referral_is_not_reopened(status: Status) -> None:
    with pytest.raises(IllegalTransition):
        reopened(a_referral(status))


def closed(referral: Referral) -> Referral:
    return closure.close(referral, CloseReferral(Outcome.NEED_MET), NOW, POLICY).state


def cancelled(referral: Referral) -> Referral:
    command = CancelReferral(CancelReason.SENT_IN_ERROR)
    return closure.cancel(referral, command, has_merged=False, now=NOW, is_joined_open=True).state


def reopened(referral: Referral, *, late: Any = LATER, contradicts: LifeStatus | None = None) -> Decision[Referral]:
    command = ReopenReferral("Closed for the wrong person")
    return reversal.reopen(referral, command, service=a_service(), contradicts=contradicts, now=late, policy=POLICY)
