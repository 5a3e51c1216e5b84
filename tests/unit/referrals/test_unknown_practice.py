"""An unknown practice: no locality is guessed, and the referral has a mark that asks for it (A15)."""

from datetime import UTC

import pytest

from services.referrals.commands import RouteReferral
from services.referrals.domain import Policy, discrepancies, registration, routing
from services.referrals.domain.directory import Applicant, PracticeNotCovered, Serves, eligibility_failures
from services.referrals.domain.person import Person
from services.referrals.domain.referral import Referral, ReferralDeadline, Status, pending_deadlines
from shared.contracts.codes import Locality, Urgency
from shared.contracts.practices import UNKNOWN_PRACTICE
from shared.contracts.referral_codes import Discrepancy
from shared.contracts.referrals import ReferralDiscrepancyFound, ReferralDiscrepancyResolved
from tests.builders.referrals import MONDAY, a_person, a_referral, a_request, a_service

POLICY, NOW = Policy(), MONDAY.astimezone(UTC)
STRANGER = a_person(practice_code="W7O", locality=None)
UNKNOWN = Discrepancy.PRACTICE_UNKNOWN


@pytest.mark.parametrize("urgency", Urgency)
def test_referral_of_any_urgency_is_marked_for_unknown_practice(urgency: Urgency) -> None:
    assert UNKNOWN in discrepancies.at_receipt(a_request(urgency=urgency), STRANGER)
    assert UNKNOWN not in discrepancies.at_receipt(a_request(urgency=urgency), a_person())


def test_absent_practice_is_a_missing_part_of_the_demographics() -> None:
    person = a_person(practice_code=UNKNOWN_PRACTICE, locality=None)

    marked = discrepancies.at_receipt(a_request(urgency=Urgency.URGENT), person)
    assert (Discrepancy.DEMOGRAPHICS_MISSING in marked, UNKNOWN in marked) == (True, False)


@pytest.mark.parametrize("urgency", Urgency)
def test_open_referral_is_marked_when_the_practice_is_lost(urgency: Urgency) -> None:
    decision = discrepancies.follow_practice(a_referral(Status.ACCEPTED, urgency=urgency), STRANGER, NOW, POLICY)

    assert decision
    due_at = decision.state.discrepancies_due_at
    assert due_at
    assert due_at > NOW
    assert decision.events == [ReferralDiscrepancyFound(discrepancies=(UNKNOWN,), resolve_by=due_at)]
    assert [deadline.kind for deadline in decision.deadlines] == [ReferralDeadline.DISCREPANCY]
    assert pending_deadlines(decision.state)[ReferralDeadline.DISCREPANCY] == due_at


@pytest.mark.parametrize(("person", "marked"), [(a_person(), ()), (STRANGER, (UNKNOWN,))])
def test_nothing_is_marked_twice_or_without_cause(person: Person, marked: tuple[Discrepancy, ...]) -> None:
    assert discrepancies.follow_practice(a_referral(Status.ROUTED, discrepancies=marked), person, NOW, POLICY) is None


def test_known_practice_ends_the_mark() -> None:
    marked = a_referral(Status.ROUTED, discrepancies=(UNKNOWN,), discrepancies_due_at=NOW)

    settled = discrepancies.settle(marked, a_person(), NOW)

    assert settled
    assert settled.events == [ReferralDiscrepancyResolved(discrepancies=(UNKNOWN,), resolved_at=NOW)]
    assert settled.cancels == [ReferralDeadline.DISCREPANCY]
    assert discrepancies.settle(marked, STRANGER, NOW) is None


def test_unknown_locality_is_no_reason_to_refuse() -> None:
    applicant = Applicant(age=82, locality=None, is_practice_covered=False, is_resident=True)
    western = (Locality.WEST,)

    assert eligibility_failures(a_service("social-care", serves=Serves.RESIDENT, localities=western), applicant) == []
    [failure] = eligibility_failures(a_service(localities=western), applicant)
    assert isinstance(failure, PracticeNotCovered)


def test_record_follows_the_locality_of_the_practice_of_today() -> None:
    followed = registration.follow_practice(a_person(), Locality.LOCALITY_B)

    assert followed
    assert followed.state.locality is Locality.LOCALITY_B
    assert [event.TYPE for event in followed.events] == ["referrals.person-record.recorded.v1"]
    assert registration.follow_practice(a_person(), Locality.WEST) is None


def test_urgent_need_of_unknown_practice_is_routed() -> None:
    routed = _route(a_referral(Status.TRIAGED_URGENT, urgency=Urgency.URGENT))

    assert (routed.practice_code, routed.locality, routed.is_practice_covered) == ("W7O", None, False)


def _route(referral: Referral) -> Referral:
    service = a_service("rapid-care")
    command = RouteReferral(service.route, service.code, override_reason="He is ill")
    return routing.route(referral, command, service=service, person=STRANGER, practice=None, now=NOW, policy=POLICY).state
