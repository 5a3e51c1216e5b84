"""A referrer amends what it sent: information, the telephone, a raised urgency."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.referrals.commands import AmendReferral, TriageReferral
from services.referrals.domain import Policy, amendment, calls, person, triage
from services.referrals.domain.differences import telephone_difference
from services.referrals.domain.referral import OPEN, UNTRIAGED, Referral, ReferralDeadline, Status, pending_deadlines
from shared.contracts.codes import Condition, Urgency
from shared.contracts.referral_codes import AmendedPart, Discrepancy, Route
from shared.contracts.referrals import ReferralAmended, ReferralCallRepeated, ReferralRecalled, ReferralSeparated, ReferralUrgencyRaised
from shared.kernel.decision import Decision
from shared.kernel.errors import IllegalTransition
from shared.kernel.ids import new_id
from tests.builders.referrals import MONDAY, a_person, a_referral, an_amendment

POLICY = Policy()
NOW = MONDAY.astimezone(UTC) + timedelta(hours=3)
DUE = NOW + timedelta(minutes=45)


@pytest.mark.parametrize("status", [status for status in OPEN if status is not Status.INFORMATION_REQUESTED])
def test_information_changes_neither_state_nor_deadline(status: Status) -> None:
    before = a_referral(status)

    decision = amended(before, information="He has fallen twice.", is_urgent=False)

    assert decision.events == [ReferralAmended(amended_at=NOW, sent_as=before.id, parts=(AmendedPart.INFORMATION,))]
    assert (decision.state.status, decision.state.due_at, decision.state.informed_at) == (status, before.due_at, NOW)
    assert (decision.state.raised_at, decision.deadlines, decision.cancels) == (None, (), ())


def test_information_alone_answers_an_open_question() -> None:
    asked = a_referral(Status.INFORMATION_REQUESTED, asked_in=Status.ROUTED)
    telephone = amendment.Amendment(AmendReferral(telephone="020 7946 0001"), asked.id, DUE)

    assert amended(asked, information="The neighbour.", is_urgent=False).state.status is Status.ROUTED
    assert amendment.amend(asked, telephone, now=NOW, policy=POLICY).state.asked_in is Status.ROUTED


@pytest.mark.parametrize("status", [Status.IDENTIFIED, Status.UNVERIFIED, Status.RETURNED, Status.TRIAGED_ROUTINE, Status.TRIAGED_ADVICE])
def test_raised_urgency_holds_at_once_until_triage(status: Status) -> None:
    decision = amended(a_referral(status))

    assert decision.state.status is (status if status in UNTRIAGED else Status.RETURNED)
    assert (decision.state.urgency, decision.state.clock_starts_at, decision.state.raised_at) == (Urgency.URGENT, NOW, NOW)
    assert pending_deadlines(decision.state)[ReferralDeadline.TRIAGE] == NOW + POLICY.triage_urgent
    assert decision.events[-1] == ReferralUrgencyRaised(clock_starts_at=NOW)
    assert Discrepancy.CONDITION_MISSING in decision.state.discrepancies


def test_clock_of_a_referral_that_was_urgent_stays() -> None:
    before = a_referral(Status.TRIAGED_ROUTINE, was_urgent=True)

    assert amended(before).state.clock_starts_at == before.received_at


@pytest.mark.parametrize("route", [Route.SERVICE, Route.MDT, Route.NAVIGATION])
def test_raised_urgency_takes_back_an_unanswered_routine_referral(route: Route) -> None:
    before = a_referral(Status.ROUTED, route=route, routing=2)

    decision = amended(before)

    kinds = [type(event) for event in decision.events]
    assert kinds == [ReferralAmended, ReferralRecalled, ReferralUrgencyRaised]
    assert (decision.state.status, decision.state.route, decision.state.receiver_organisation) == (Status.RETURNED, None, None)


def test_accepting_service_answers_a_raised_urgency_as_a_call() -> None:
    before = a_referral(Status.ACCEPTED)

    decision = amended(before)

    assert [type(event) for event in decision.events] == [ReferralAmended, ReferralUrgencyRaised, ReferralCallRepeated]
    assert (decision.state.status, decision.state.urgency, decision.state.raised_at) == (Status.ACCEPTED, Urgency.URGENT, NOW)
    assert pending_deadlines(decision.state) == {
        ReferralDeadline.OUTCOME: before.due_at,
        ReferralDeadline.CALL: DUE,
        ReferralDeadline.DISCREPANCY: DUE,
    }
    assert {row.kind for row in decision.deadlines} == set(pending_deadlines(decision.state))


def test_raised_urgency_brings_the_outcome_forward() -> None:
    decision = amended(a_referral(Status.ACCEPTED, due_at=NOW + POLICY.outcome_routine))

    assert decision.state.due_at == NOW + POLICY.outcome_urgent


@pytest.mark.parametrize(("status", "urgent_by"), [(Status.TRIAGED_ROUTINE, NOW + POLICY.triage_urgent), (Status.ACCEPTED, DUE)])
@pytest.mark.parametrize("before", [timedelta(days=1), timedelta(minutes=5)])
def test_mark_of_raised_urgency_has_the_earlier_deadline(status: Status, urgent_by: datetime, before: timedelta) -> None:
    """Finding: the mark for the condition of a referral that became urgent took the deadline of an older, routine mark."""
    known = a_referral(status, discrepancies=(Discrepancy.DETAILS_UNCONFIRMED,), discrepancies_due_at=NOW + before)

    decision = amended(known)

    assert decision.state.discrepancies == (Discrepancy.DETAILS_UNCONFIRMED, Discrepancy.CONDITION_MISSING)
    assert decision.state.discrepancies_due_at == min(NOW + before, urgent_by)


@pytest.mark.parametrize("route", [Route.MDT, Route.NAVIGATION])
def test_accepting_service_without_calls_gives_way_to_triage(route: Route) -> None:
    decision = amended(a_referral(Status.ACCEPTED, route=route))

    assert [type(event) for event in decision.events] == [ReferralAmended, ReferralRecalled, ReferralUrgencyRaised]
    assert decision.state.status is Status.RETURNED


@pytest.mark.parametrize("status", [Status.ROUTED, Status.ACCEPTED])
def test_urgent_referral_with_rapid_care_has_another_call(status: Status) -> None:
    before = a_referral(status, urgency=Urgency.URGENT, route=Route.RAPID_CARE)
    merged_id = new_id()

    decision = amended(before, sent_as=merged_id)

    assert [type(event) for event in decision.events] == [ReferralAmended, ReferralCallRepeated]
    assert [event.merged_referral_id for event in decision.events if isinstance(event, ReferralCallRepeated)] == [merged_id]
    assert (decision.state.status, decision.state.clock_starts_at) == (status, before.clock_starts_at)


def test_urgent_referral_at_triage_keeps_its_deadline() -> None:
    before = a_referral(Status.TRIAGED_URGENT)

    decision = amended(before)

    assert (decision.state.due_at, decision.state.status, decision.state.raised_at) == (before.due_at, before.status, NOW)
    assert [type(event) for event in decision.events] == [ReferralAmended]


def test_signposted_person_who_becomes_urgent_returns_to_triage() -> None:
    assert amended(a_referral(Status.SIGNPOSTED)).state.status is Status.RETURNED


def test_merged_referral_notes_what_its_own_referrer_sent() -> None:
    merged, joined = a_referral(Status.MERGED), a_referral(Status.TRIAGED_ROUTINE)
    sent = an_amendment(merged, NOW)

    own = amendment.amend(merged, sent, now=NOW, policy=POLICY, is_joined_open=True)
    acting = amendment.amend(joined, sent, now=NOW, policy=POLICY)

    assert (own.state.status, own.state.urgency) == (Status.MERGED, Urgency.ROUTINE)
    for decision in (own, acting):
        assert [event.sent_as for event in decision.events if isinstance(event, ReferralAmended)] == [merged.id]
    assert acting.state.urgency is Urgency.URGENT
    with pytest.raises(IllegalTransition):
        amendment.amend(merged, sent, now=NOW, policy=POLICY, is_joined_open=False)


@pytest.mark.parametrize("before", [Urgency.ROUTINE, Urgency.URGENT])
def test_merged_referral_that_becomes_urgent_alone_is_triaged(before: Urgency) -> None:
    merged = a_referral(Status.MERGED, merged_into=new_id(), urgency=before, was_urgent=before is Urgency.URGENT)
    sent = an_amendment(merged, NOW, information="He cannot stand.")

    decision = amendment.amend_alone(merged, sent, now=NOW, policy=POLICY)

    raised = [] if before is Urgency.URGENT else [ReferralUrgencyRaised]
    assert [type(event) for event in decision.events] == [ReferralSeparated, ReferralAmended, *raised]
    assert (decision.state.status, decision.state.merged_into, decision.state.ended_at) == (Status.IDENTIFIED, None, None)
    assert (decision.state.urgency, decision.state.raised_at, decision.state.informed_at) == (Urgency.URGENT, NOW, NOW)
    assert pending_deadlines(decision.state)[ReferralDeadline.TRIAGE] == NOW + POLICY.triage_urgent
    assert {row.kind for row in decision.deadlines} == set(pending_deadlines(decision.state))


@pytest.mark.parametrize(("status", "route"), [(Status.ROUTED, Route.MDT), (Status.ACCEPTED, Route.MDT), (Status.ROUTED, Route.SERVICE)])
def test_raised_urgency_alone_takes_a_referral_back(status: Status, route: Route) -> None:
    joined = a_referral(status, route=route)

    assert amendment.takes_back(joined, AmendReferral(is_urgent=True))
    assert not amendment.takes_back(joined, AmendReferral("He has a dog."))
    assert not amendment.takes_back(a_referral(Status.TRIAGED_ROUTINE), AmendReferral(is_urgent=True))
    assert not amendment.takes_back(a_referral(Status.ACCEPTED), AmendReferral(is_urgent=True))


def test_merged_information_answers_no_question_of_another_referrer() -> None:
    asked = a_referral(Status.INFORMATION_REQUESTED)

    assert amended(asked, sent_as=new_id(), information="He has a dog.", is_urgent=False).state.status is asked.status


def test_review_ends_the_mark_of_a_raised_urgency() -> None:
    back, called = amended(a_referral(Status.TRIAGED_ROUTINE)).state, amended(a_referral(Status.ACCEPTED)).state
    judged = TriageReferral(Urgency.ROUTINE, is_complex=False, reason="Seen", condition=Condition.FALL)

    assert triage.triage(back, judged, triaged_by="clinician-1", now=NOW, policy=POLICY).state.raised_at is None
    assert calls.answer(called, NOW).state.raised_at is None


@pytest.mark.parametrize(
    ("recorded", "expected", "proposed"),
    [(None, "020 7946 0001", None), ("02079460001", "02079460001", None), ("020 7946 0099", "020 7946 0099", "020 7946 0001")],
)
def test_telephone_fills_a_gap_and_is_proposed_otherwise(recorded: str | None, expected: str, proposed: str | None) -> None:
    before, stated = a_person(telephone=recorded), "020 7946 0001"

    decision = person.add_amendment(before, AmendReferral(telephone=stated), referral_id=new_id())

    after = decision.state if decision else before
    assert after.telephone == expected
    found = telephone_difference(after, stated)
    assert (found.proposed_value if found else None) == proposed


def test_raised_urgency_alone_changes_no_record() -> None:
    assert person.add_amendment(a_person(), AmendReferral(is_urgent=True), referral_id=new_id()) is None


def amended(
    referral: Referral, *, sent_as: UUID | None = None, information: str | None = None, is_urgent: bool = True
) -> Decision[Referral]:
    sent = an_amendment(referral, NOW, sent_as=sent_as, information=information, is_urgent=is_urgent)
    return amendment.amend(referral, sent, now=NOW, policy=POLICY)
