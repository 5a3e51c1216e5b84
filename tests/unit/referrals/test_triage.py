"""Triage, raised urgency and questions to the referrer."""

from datetime import UTC, timedelta

import pytest

from services.referrals.commands import RaiseUrgency, RequestInformation, TriageReferral
from services.referrals.domain import Policy, triage
from services.referrals.domain.referral import OPEN, Referral, ReferralDeadline, Status, current_deadline
from shared.contracts.codes import Condition, Urgency
from shared.contracts.referral_codes import Discrepancy
from shared.contracts.referrals import (
    ReferralConditionSet,
    ReferralInformationAnswered,
    ReferralInformationRequested,
    ReferralRecalled,
    ReferralTriaged,
    ReferralUrgencyRaised,
)
from shared.kernel.decision import Decision
from shared.kernel.errors import IllegalTransition
from tests.builders.referrals import MONDAY, a_referral

POLICY = Policy()
LATER = MONDAY.astimezone(UTC) + timedelta(hours=1)


@pytest.mark.parametrize(
    ("urgency", "status"),
    [
        (Urgency.URGENT, Status.TRIAGED_URGENT),
        (Urgency.ROUTINE, Status.TRIAGED_ROUTINE),
        (Urgency.ADVICE, Status.TRIAGED_ADVICE),
    ],
)
def test_first_triage_sets_urgency_and_keeps_clock(urgency: Urgency, status: Status) -> None:
    before = a_referral()

    decision = _triage(before, urgency)

    assert decision.state.status is status
    assert decision.state.triaged_by == "clinician-1"
    assert decision.state.clock_starts_at == before.received_at
    assert [type(event) for event in decision.events] == [ReferralTriaged]


def test_untriaged_referral_made_urgent_counts_from_receipt() -> None:
    before = a_referral()

    raised = triage.raise_urgency(before, RaiseUrgency("Fever since noon"), raised_by="clinician-1", now=LATER, policy=POLICY)

    assert _triage(before, Urgency.URGENT).state.clock_starts_at == raised.state.clock_starts_at == before.received_at
    assert raised.events == [ReferralUrgencyRaised(clock_starts_at=before.received_at)]


@pytest.mark.parametrize("first", [Urgency.URGENT, Urgency.ROUTINE], ids=["requested as urgent", "judged urgent"])
def test_formerly_urgent_referral_keeps_clock(first: Urgency) -> None:
    requested = a_referral(urgency=first)
    triaged = requested if first is Urgency.URGENT else _triage(requested, Urgency.URGENT).state
    lowered = _triage(triaged, Urgency.ROUTINE).state

    again = triage.raise_urgency(lowered, RaiseUrgency("Worse again"), raised_by="clinician-1", now=LATER, policy=POLICY)

    assert _triage(lowered, Urgency.URGENT).state.clock_starts_at == again.state.clock_starts_at == requested.received_at


def test_red_flag_stays_until_cleared_explicitly() -> None:
    flagged = _triage(a_referral(), Urgency.URGENT, has_red_flag=True).state

    assert _triage(flagged, Urgency.URGENT).state.has_red_flag
    with pytest.raises(triage.RedFlagIsUrgent):
        _triage(flagged, Urgency.ROUTINE)
    cleared = _triage(flagged, Urgency.ROUTINE, has_red_flag=False).state
    assert (cleared.has_red_flag, cleared.triage_reason) == (False, "As the GP says")


def test_raised_urgency_removes_receiver() -> None:
    before = a_referral(Status.ACCEPTED)

    raised = triage.raise_urgency(before, RaiseUrgency("Fever"), raised_by="clinician-1", now=LATER, policy=POLICY).state

    assert (raised.route, raised.service_code, raised.receiver_organisation) == (None, None, None)


@pytest.mark.acceptance("referrals-8")
def test_routine_made_urgent_restarts_clock() -> None:
    before = a_referral(Status.TRIAGED_ROUTINE, triaged_at=MONDAY)

    decision = _triage(before, Urgency.URGENT)

    assert decision.state.clock_starts_at == LATER
    assert decision.state.received_at == before.received_at
    assert [type(event) for event in decision.events] == [ReferralTriaged, ReferralUrgencyRaised]


def test_returned_urgent_referral_keeps_clock() -> None:
    before = a_referral(Status.RETURNED, urgency=Urgency.URGENT, triaged_at=MONDAY)

    decision = _triage(before, Urgency.URGENT)

    assert decision.state.clock_starts_at == before.received_at


def test_triage_and_routing_share_one_deadline() -> None:
    before = a_referral(urgency=Urgency.URGENT)

    decision = _triage(before, Urgency.URGENT)

    assert decision.state.due_at == before.due_at
    assert not decision.cancels
    assert not decision.deadlines


def test_changed_urgency_sets_new_deadline() -> None:
    decision = _triage(a_referral(), Urgency.URGENT)

    assert decision.state.due_at == LATER + timedelta(minutes=15)
    assert [deadline.kind for deadline in decision.deadlines] == [ReferralDeadline.TRIAGE, ReferralDeadline.DISCREPANCY]


def test_referral_made_urgent_without_condition_is_marked() -> None:
    without = _triage(a_referral(), Urgency.URGENT).state
    named = _triage(a_referral(), Urgency.URGENT, condition=Condition.FALL)

    assert (without.condition, without.discrepancies) == (None, (Discrepancy.CONDITION_MISSING,))
    assert without.discrepancies_due_at == without.due_at
    assert (named.state.condition, named.state.discrepancies) == (Condition.FALL, ())
    assert ReferralConditionSet(condition=Condition.FALL) in named.events


def test_condition_at_triage_ends_mark_of_receipt() -> None:
    marked = a_referral(urgency=Urgency.URGENT, discrepancies=(Discrepancy.CONDITION_MISSING,), discrepancies_due_at=MONDAY)

    decision = _triage(marked, Urgency.URGENT, condition=Condition.COPD)

    assert (decision.state.discrepancies, decision.state.discrepancies_due_at) == ((), None)
    assert ReferralDeadline.DISCREPANCY in decision.cancels


def test_mark_that_was_resolved_is_not_set_again() -> None:
    resolved = a_referral(urgency=Urgency.URGENT)

    assert _triage(resolved, Urgency.URGENT).state.discrepancies == ()


def test_less_urgent_referral_needs_no_condition() -> None:
    marked = a_referral(urgency=Urgency.URGENT, discrepancies=(Discrepancy.CONDITION_MISSING,), discrepancies_due_at=MONDAY)

    assert _triage(marked, Urgency.ROUTINE).state.discrepancies == ()


def test_red_flag_must_be_urgent() -> None:
    with pytest.raises(triage.RedFlagIsUrgent):
        _triage(a_referral(), Urgency.ROUTINE, has_red_flag=True)


@pytest.mark.acceptance("referrals-8")
@pytest.mark.parametrize(
    "status",
    [Status.TRIAGED_ROUTINE, Status.ROUTED, Status.ACCEPTED, Status.RETURNED, Status.SIGNPOSTED],
)
def test_urgency_can_be_raised_in_any_open_state(status: Status) -> None:
    before = a_referral(status, triaged_at=MONDAY)

    decision = triage.raise_urgency(before, RaiseUrgency("Fever since noon"), raised_by="clinician-1", now=LATER, policy=POLICY)

    assert decision.state.status is Status.TRIAGED_URGENT
    assert (decision.state.clock_starts_at, decision.state.received_at) == (LATER, before.received_at)
    assert decision.state.due_at == LATER + timedelta(minutes=15)
    assert decision.events[-1] == ReferralUrgencyRaised(clock_starts_at=LATER)


@pytest.mark.parametrize("status", [Status.ROUTED, Status.ACCEPTED])
def test_receiver_learns_that_raised_referral_is_taken_back(status: Status) -> None:
    raised = triage.raise_urgency(a_referral(status), RaiseUrgency("Fever"), raised_by="clinician-1", now=LATER, policy=POLICY)

    assert raised.events[0] == ReferralRecalled(service_code="district-nursing", routing=1)


def test_referral_without_receiver_is_raised_without_recall() -> None:
    raised = triage.raise_urgency(a_referral(), RaiseUrgency("Fever"), raised_by="clinician-1", now=LATER, policy=POLICY)

    assert [type(event) for event in raised.events] == [ReferralUrgencyRaised]


def test_urgent_referral_cannot_be_raised_again() -> None:
    with pytest.raises(triage.AlreadyUrgent):
        triage.raise_urgency(
            a_referral(Status.ROUTED, urgency=Urgency.URGENT), RaiseUrgency("Again"), raised_by="", now=LATER, policy=POLICY
        )


@pytest.mark.parametrize("status", [Status.IDENTIFIED, Status.TRIAGED_URGENT, Status.ROUTED, Status.RETURNED])
def test_information_request_keeps_clock_and_deadline(status: Status) -> None:
    before = a_referral(status)

    asked = triage.request_information(before, RequestInformation("Which medicines?"), LATER)

    assert [type(event) for event in asked.events] == [ReferralInformationRequested]
    assert (asked.state.clock_starts_at, asked.state.due_at) == (before.clock_starts_at, before.due_at)
    assert current_deadline(asked.state) is current_deadline(before)
    assert not asked.cancels


@pytest.mark.parametrize("status", [Status.IDENTIFIED, Status.TRIAGED_URGENT, Status.ROUTED, Status.RETURNED])
def test_answer_restores_state_before_question(status: Status) -> None:
    asked = triage.request_information(a_referral(status), RequestInformation("Which medicines?"), LATER).state

    answered = triage.answer_information(asked, LATER)

    assert answered.state.status is status
    assert answered.events == [ReferralInformationAnswered(answered_at=LATER)]


def test_triage_is_allowed_during_open_question() -> None:
    asked = triage.request_information(a_referral(), RequestInformation("Which medicines?"), LATER).state

    assert _triage(asked, Urgency.URGENT).state.status is Status.TRIAGED_URGENT


def test_open_question_permits_nothing_new() -> None:
    asked = triage.request_information(a_referral(Status.ROUTED), RequestInformation("Which medicines?"), LATER).state

    with pytest.raises(IllegalTransition):
        _triage(asked, Urgency.URGENT)


@pytest.mark.parametrize("status", OPEN)
def test_information_is_accepted_in_every_open_state(status: Status) -> None:
    before = a_referral(status)

    decision = triage.answer_information(before, LATER)

    assert decision.events == [ReferralInformationAnswered(answered_at=LATER)]
    assert decision.state.status is (before.asked_in or before.status)
    assert decision.state.informed_at == LATER


def test_late_answer_is_accepted_after_triage_ended_question() -> None:
    asked = triage.request_information(a_referral(), RequestInformation("Which medicines?"), LATER).state

    answered = triage.answer_information(_triage(asked, Urgency.ROUTINE).state, LATER)

    assert answered.state.status is Status.TRIAGED_ROUTINE


def test_merged_referral_takes_information_while_joined_one_is_open() -> None:
    merged = a_referral(Status.MERGED)

    assert triage.answer_information(merged, LATER, is_joined_open=True).state.informed_at == LATER
    with pytest.raises(IllegalTransition):
        triage.answer_information(merged, LATER)


def _triage(
    referral: Referral, urgency: Urgency, *, has_red_flag: bool | None = None, condition: Condition | None = None
) -> Decision[Referral]:
    command = TriageReferral(urgency, is_complex=False, reason="As the GP says", has_red_flag=has_red_flag, condition=condition)
    return triage.triage(referral, command, triaged_by="clinician-1", now=LATER, policy=POLICY)
