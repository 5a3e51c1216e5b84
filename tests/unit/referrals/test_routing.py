"""Routing, signposting, acceptance and return of a referral."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from services.referrals.commands import AcceptReferral, ReturnReferral, RouteReferral, SignpostReferral, TriageReferral
from services.referrals.domain import Policy, receipt, routing
from services.referrals.domain.directory import (
    BelowMinimumAge,
    EligibleHere,
    LocalityNotCovered,
    PracticeNotCovered,
    ResidenceElsewhere,
    Serves,
    Service,
)
from services.referrals.domain.person import Person
from services.referrals.domain.referral import Occurrence, Referral, ReferralDeadline, Status, available_transitions, owner, permit
from shared.contracts.codes import Locality, Urgency
from shared.contracts.practices import Practice
from shared.contracts.referral_codes import CancelReason, Discrepancy, Outcome, ReturnReason, Route
from shared.contracts.referrals import (
    ReferralAccepted,
    ReferralRecalled,
    ReferralReturned,
    ReferralRouted,
    ReferralSignposted,
    ReferralUrgencyRaised,
)
from shared.kernel.decision import Decision
from shared.kernel.errors import RuleBroken
from tests.builders.london import london
from tests.builders.referrals import MONDAY, a_person, a_practice, a_referral, a_service

POLICY = Policy()
LATER = MONDAY.astimezone(UTC) + timedelta(hours=1)
W07 = a_practice()
RAPID_CARE = a_service("rapid-care", opens=time(7), closes=time(22))
_WITH_RAPID_CARE: dict[str, Any] = {"urgency": Urgency.URGENT, "route": Route.RAPID_CARE, "service_code": "rapid-care"}


@pytest.mark.acceptance("referrals-1")
def test_urgent_route_keeps_received_time() -> None:
    referral = a_referral(Status.TRIAGED_URGENT)

    decision = _route(referral, RAPID_CARE)

    [event] = decision.events
    assert isinstance(event, ReferralRouted)
    assert (event.route, event.received_at, event.clock_starts_at) == (Route.RAPID_CARE, referral.received_at, referral.received_at)
    assert event.acknowledge_by == decision.state.due_at == LATER + timedelta(minutes=45)
    assert [deadline.kind for deadline in decision.deadlines] == [ReferralDeadline.ACKNOWLEDGEMENT]


@pytest.mark.parametrize(
    ("status", "service", "is_complex"),
    [
        (Status.TRIAGED_URGENT, a_service(), False),
        (Status.TRIAGED_URGENT, a_service("mdt"), True),
        (Status.TRIAGED_ROUTINE, a_service(), False),
        (Status.TRIAGED_ROUTINE, a_service("mdt"), True),
        (Status.TRIAGED_ROUTINE, a_service("care-navigation"), False),
        (Status.TRIAGED_ADVICE, a_service("mdt"), True),
        (Status.TRIAGED_ADVICE, a_service("care-navigation"), False),
    ],
    ids=lambda value: getattr(value, "code", str(value)),
)
def test_triage_result_allows_its_routes(*, status: Status, service: Service, is_complex: bool) -> None:
    assert _route(a_referral(status, is_complex=is_complex), service).state.status is Status.ROUTED


@pytest.mark.parametrize(
    ("status", "service"),
    [
        (Status.TRIAGED_ROUTINE, RAPID_CARE),
        (Status.TRIAGED_ADVICE, RAPID_CARE),
        (Status.TRIAGED_ADVICE, a_service()),
        (Status.TRIAGED_URGENT, a_service("care-navigation")),
    ],
    ids=lambda value: getattr(value, "code", str(value)),
)
def test_triage_result_forbids_other_routes(status: Status, service: Service) -> None:
    with pytest.raises(routing.RouteNotAllowed):
        _route(a_referral(status), service)


def test_service_is_reached_by_own_route_only() -> None:
    with pytest.raises(routing.RouteNotAllowed):
        _route(a_referral(Status.TRIAGED_URGENT), a_service(), route=Route.RAPID_CARE)


def test_mdt_takes_complex_referrals_only() -> None:
    with pytest.raises(routing.NotComplex):
        _route(a_referral(Status.TRIAGED_ROUTINE), a_service("mdt"))


def test_red_flag_is_routed_to_ambulance_only() -> None:
    referral = a_referral(Status.TRIAGED_URGENT, has_red_flag=True)

    with pytest.raises(routing.EmergencyCall999):
        _route(referral, RAPID_CARE)

    assert _route(referral, a_service("ambulance", serves=Serves.ANYBODY)).state.status is Status.ROUTED


def test_person_under_65_needs_override_reason() -> None:
    young, referral = a_person(born_on=date(1961, 1, 1)), a_referral(Status.TRIAGED_URGENT)

    with pytest.raises(BelowMinimumAge):
        _route(referral, RAPID_CARE, person=young)

    overridden = _route(referral, RAPID_CARE, person=young, override_reason="Frail since a stroke")
    assert overridden.state.override_reason == "Frail since a stroke"
    assert overridden.events[0].is_eligibility_overridden is True  # type: ignore[attr-defined]


def test_unneeded_override_reason_is_dropped() -> None:
    decision = _route(a_referral(Status.TRIAGED_URGENT), RAPID_CARE, override_reason="To be sure")

    assert decision.events[0].is_eligibility_overridden is False  # type: ignore[attr-defined]
    assert decision.state.override_reason is None


@pytest.mark.acceptance("referrals-4")
def test_registered_person_is_eligible_from_any_residence() -> None:
    enfield = a_person(residence="ENFIELD")

    assert _route(a_referral(Status.TRIAGED_ROUTINE), a_service(), person=enfield).state.status is Status.ROUTED


@pytest.mark.acceptance("referrals-4")
def test_resident_registered_elsewhere_gets_social_care_only() -> None:
    referral = a_referral(Status.TRIAGED_ROUTINE)

    with pytest.raises(PracticeNotCovered):
        _route(referral, a_service(), practice=None, override_reason="They live next door")

    social_care = a_service("social-care-direct", serves=Serves.RESIDENT)
    assert _route(referral, social_care, practice=None).state.status is Status.ROUTED


HEALTH_ELSEWHERE = a_service("health-elsewhere", serves=Serves.REGISTERED_ELSEWHERE)
SOCIAL_CARE_ELSEWHERE = a_service("social-care-elsewhere", serves=Serves.RESIDENT_ELSEWHERE)


@pytest.mark.acceptance("referrals-4")
def test_ineligible_person_is_signposted_elsewhere() -> None:
    referral = a_referral(Status.TRIAGED_ROUTINE)

    health = _signpost(referral, HEALTH_ELSEWHERE, practice=None)
    social_care = _signpost(referral, SOCIAL_CARE_ELSEWHERE, person=a_person(residence="ENFIELD"))

    assert {health.state.status, social_care.state.status} == {Status.SIGNPOSTED}
    assert (owner(health.state), health.state.due_at) == ("community-point-of-access", LATER + timedelta(days=21))


@pytest.mark.parametrize("service", [HEALTH_ELSEWHERE, SOCIAL_CARE_ELSEWHERE], ids=lambda service: service.code)
def test_eligible_person_is_not_sent_elsewhere(service: Service) -> None:
    with pytest.raises(EligibleHere):
        _signpost(a_referral(Status.TRIAGED_ROUTINE), service)
    with pytest.raises(EligibleHere):
        _route(a_referral(Status.TRIAGED_ROUTINE), service)


def test_signposting_needs_advice_triage() -> None:
    with pytest.raises(routing.SignpostNeedsAdvice):
        _signpost(a_referral(Status.TRIAGED_ROUTINE), a_service("falls-clinic"))


def test_routing_uses_corrected_practice() -> None:
    moved, practice = a_person(practice_code="B01"), a_practice("B01", Locality.LOCALITY_B)

    decision = _route(a_referral(Status.TRIAGED_ROUTINE, is_practice_covered=False), a_service(), person=moved, practice=practice)

    [event] = decision.events
    assert isinstance(event, ReferralRouted)
    assert (event.practice_code, event.locality) == ("B01", Locality.LOCALITY_B)
    assert (decision.state.practice_code, decision.state.is_practice_covered) == ("B01", True)


def test_each_routing_is_numbered() -> None:
    first = _route(a_referral(Status.TRIAGED_ROUTINE), a_service())
    returned = routing.return_referral(first.state, ReturnReferral(ReturnReason.CAPACITY), LATER, POLICY).state
    second = _route(replace(returned, status=Status.TRIAGED_ROUTINE), a_service())

    assert [first.state.routing, second.state.routing] == [1, 2]
    assert [event.routing for event in (*first.events, *second.events)] == [1, 2]  # type: ignore[attr-defined]


def test_return_removes_receiver_organisation() -> None:
    assert (
        routing.return_referral(a_referral(Status.ROUTED), ReturnReferral(ReturnReason.CAPACITY), LATER, POLICY).state.receiver_organisation
        is None
    )


def test_override_reason_waives_registration_for_urgent_care() -> None:
    visitor = a_referral(Status.TRIAGED_URGENT)

    with pytest.raises(PracticeNotCovered):
        _route(visitor, RAPID_CARE, practice=None)

    assert _route(visitor, RAPID_CARE, practice=None, override_reason="Visiting his daughter").state.status is Status.ROUTED


@pytest.mark.parametrize(
    ("service", "person", "refusal"),
    [
        (a_service("integrated-locality-team", localities=(Locality.LOCALITY_C,)), a_person(), LocalityNotCovered),
        (a_service("social-care-direct", serves=Serves.RESIDENT), a_person(residence="ENFIELD"), ResidenceElsewhere),
    ],
    ids=["locality", "residence"],
)
def test_override_reason_cannot_waive_service_area(service: Service, person: Person, refusal: type[RuleBroken]) -> None:
    with pytest.raises(refusal):
        _route(a_referral(Status.TRIAGED_URGENT), service, person=person, override_reason="All the same")


@pytest.mark.parametrize(
    ("status", "at", "due_at"),
    [
        (Status.TRIAGED_URGENT, "2015-03-14T23:00", "2015-03-15T07:45"),
        (Status.TRIAGED_URGENT, "2015-03-28T23:00", "2015-03-29T07:45"),  # the clocks go forward that night
        (Status.TRIAGED_URGENT, "2015-10-24T23:00", "2015-10-25T07:45"),  # and back that one
    ],
)
def test_closed_service_acknowledges_after_opening(status: Status, at: str, due_at: str) -> None:
    assert _route(a_referral(status), RAPID_CARE, now=london(at)).state.due_at == london(due_at)


def test_routine_receiver_has_two_working_days() -> None:
    friday = london("2015-03-13T16:00")

    assert _route(a_referral(Status.TRIAGED_ROUTINE), a_service(), now=friday).state.due_at == london("2015-03-17T16:00")


@pytest.mark.acceptance("referrals-3")
def test_advice_is_signposted_to_directory_entry() -> None:
    decision = _signpost(a_referral(Status.TRIAGED_ADVICE), a_service("befriending"))

    assert decision.state.status is Status.SIGNPOSTED
    assert decision.events == [ReferralSignposted(service_code="befriending")]
    assert decision.state.due_at == LATER + timedelta(days=21)


def test_receiver_owns_accepted_referral() -> None:
    decision = routing.accept(a_referral(Status.ROUTED), LATER, POLICY)

    assert decision.events == [ReferralAccepted(service_code="district-nursing", accepted_at=LATER)]
    assert owner(decision.state) == "district-nursing"
    assert decision.state.due_at == LATER + timedelta(days=28)


@pytest.mark.acceptance("referrals-6")
@pytest.mark.parametrize("status", [Status.ROUTED, Status.ACCEPTED])
def test_returned_referral_keeps_reference_and_clock(status: Status) -> None:
    before = a_referral(status)

    decision = routing.return_referral(before, ReturnReferral(ReturnReason.CAPACITY), LATER, POLICY)

    assert decision.events == [ReferralReturned(service_code="district-nursing", reason=ReturnReason.CAPACITY)]
    assert owner(decision.state) == "community-point-of-access"
    after = decision.state
    assert (after.reference, after.received_at, after.clock_starts_at) == (before.reference, before.received_at, before.clock_starts_at)


@pytest.mark.parametrize("status", [Status.ROUTED, Status.ACCEPTED])
def test_life_threatening_return_is_urgent_at_once(status: Status) -> None:
    before = a_referral(status, triaged_at=MONDAY)

    decision = routing.return_referral(before, ReturnReferral(ReturnReason.LIFE_THREATENING), LATER, POLICY)

    after = decision.state
    assert (after.status, after.urgency, after.was_urgent, after.has_red_flag) == (Status.RETURNED, Urgency.URGENT, True, True)
    assert (after.clock_starts_at, after.due_at) == (LATER, LATER + timedelta(minutes=15))
    assert decision.events == [
        ReferralReturned(service_code="district-nursing", reason=ReturnReason.LIFE_THREATENING),
        ReferralUrgencyRaised(clock_starts_at=LATER),
    ]
    assert receipt.emergency_alternative(after, LATER, POLICY) == "ambulance"
    assert Discrepancy.CONDITION_MISSING in after.discrepancies


def test_life_threatening_return_keeps_clock_of_urgent_referral() -> None:
    before = a_referral(Status.ACCEPTED, urgency=Urgency.URGENT, triaged_at=MONDAY)

    decision = routing.return_referral(before, ReturnReferral(ReturnReason.LIFE_THREATENING), LATER, POLICY)

    assert decision.state.clock_starts_at == before.clock_starts_at
    assert [type(event) for event in decision.events] == [ReferralReturned]


def test_redirection_to_rapid_care_is_urgent() -> None:
    before = a_referral(Status.ROUTED, route=Route.MDT, triaged_at=MONDAY)
    redirected = ReturnReferral(ReturnReason.OTHER, suggestion="rapid-care")

    decision = routing.return_referral(before, redirected, LATER, POLICY, is_urgent=True)

    assert (decision.state.urgency, decision.state.has_red_flag, decision.state.suggestion) == (Urgency.URGENT, False, "rapid-care")
    assert decision.state.due_at == LATER + timedelta(minutes=15)
    assert decision.events[-1] == ReferralUrgencyRaised(clock_starts_at=LATER)


@pytest.mark.parametrize("reason", [ReturnReason.CONCERN, ReturnReason.CALL_UNANSWERED, ReturnReason.RECEIVER_WITHDREW])
def test_receiver_that_ended_its_care_cannot_accept(reason: ReturnReason) -> None:
    returned = routing.return_referral(a_referral(Status.ACCEPTED), ReturnReferral(reason), LATER, POLICY).state

    assert (returned.route, returned.service_code) == (None, None)
    assert Occurrence.ACCEPTED_AFTER_ALL not in available_transitions(returned)


@pytest.mark.parametrize("status", [Status.ROUTED, Status.ACCEPTED])
def test_unvisited_referral_is_recalled_from_rapid_care(status: Status) -> None:
    before = a_referral(status, **_WITH_RAPID_CARE)

    decision = routing.recall(before, is_contacted=False, now=LATER, policy=POLICY)

    assert decision.events == [ReferralRecalled(service_code="rapid-care", routing=1)]
    assert (decision.state.status, owner(decision.state)) == (Status.RETURNED, "community-point-of-access")
    assert decision.state.due_at == LATER + timedelta(minutes=15)
    assert (decision.state.received_at, decision.state.clock_starts_at) == (before.received_at, before.clock_starts_at)


def test_acceptance_crossing_recall_is_honoured() -> None:
    recalled = routing.recall(a_referral(Status.ROUTED, **_WITH_RAPID_CARE), is_contacted=False, now=LATER, policy=POLICY).state

    accepted = routing.accept(recalled, LATER, POLICY, Occurrence.ACCEPTED_AFTER_ALL)

    assert owner(accepted.state) == "rapid-care"


@pytest.mark.parametrize(
    ("status", "changes", "is_accepted"),
    [
        (Status.CANCELLED, {"cancel_reason": CancelReason.WITHDRAWN, "receiver_organisation": "CLCH"}, True),
        (Status.CLOSED, {"outcome": Outcome.OTHER_SERVICE_INVOLVED}, True),
        (Status.CLOSED, {"outcome": Outcome.NOT_ACUTE, "receiver_organisation": "CLCH"}, False),
        (Status.CANCELLED, {"cancel_reason": CancelReason.DIED, "ended_from": Status.ROUTED}, False),
    ],
)
def test_acceptance_crossing_an_end_is_decided(status: Status, changes: dict[str, Any], *, is_accepted: bool) -> None:
    """Rapid Care ends no response that it accepted. A receiver's own end, a death and a move stand."""
    ended = a_referral(status, ended_at=LATER, **_WITH_RAPID_CARE | {"receiver_organisation": None} | changes)

    assert (Occurrence.ACCEPTED_AFTER_ALL in available_transitions(ended)) is is_accepted
    if is_accepted:
        accepted = routing.accept(ended, LATER, POLICY, Occurrence.ACCEPTED_AFTER_ALL, receiver="CLCH").state
        assert (owner(accepted), accepted.receiver_organisation, accepted.also_with) == ("rapid-care", "CLCH", "rapid-care")
        assert (accepted.ended_at, accepted.outcome, accepted.cancel_reason) == (None, None, None)


@pytest.mark.parametrize("reason", [ReturnReason.INELIGIBLE, ReturnReason.OTHER])
def test_signposted_referral_is_taken_back_for_another_triage(reason: ReturnReason) -> None:
    signposted = a_referral(Status.SIGNPOSTED, service_code="carers-centre")

    decision = routing.return_referral(signposted, ReturnReferral(reason), LATER, POLICY)

    assert decision.events == [ReferralReturned(service_code="carers-centre", reason=reason)]
    assert (decision.state.status, owner(decision.state)) == (Status.RETURNED, "community-point-of-access")
    assert TriageReferral in available_transitions(decision.state)


def test_visited_person_is_not_recalled() -> None:
    with pytest.raises(routing.AlreadyContacted):
        routing.recall(a_referral(Status.ACCEPTED, **_WITH_RAPID_CARE), is_contacted=True, now=LATER, policy=POLICY)


def test_only_rapid_care_is_recalled() -> None:
    with pytest.raises(routing.RecallNotPossible):
        routing.recall(a_referral(Status.ACCEPTED), is_contacted=False, now=LATER, policy=POLICY)


def test_unknown_age_needs_override_reason() -> None:
    unknown, referral = a_person(born_on=None), a_referral(Status.TRIAGED_URGENT)

    with pytest.raises(BelowMinimumAge):
        _route(referral, RAPID_CARE, person=unknown)

    assert _route(referral, RAPID_CARE, person=unknown, override_reason="He looks 80").state.status is Status.ROUTED


def test_receiver_may_accept_during_open_question() -> None:
    asked = a_referral(Status.INFORMATION_REQUESTED, asked_in=Status.ROUTED, service_code="district-nursing", route=Route.SERVICE)

    permit(asked, AcceptReferral)
    assert routing.accept(asked, LATER, POLICY).state.asked_in is None


def _route(
    referral: Referral,
    service: Service,
    *,
    person: Person | None = None,
    practice: Practice | None = W07,
    route: Route | None = None,
    override_reason: str | None = None,
    now: datetime = LATER,
) -> Decision[Referral]:
    command = RouteReferral(route or service.route, service.code, override_reason)
    return routing.route(referral, command, service=service, person=person or a_person(), practice=practice, now=now, policy=POLICY)


def _signpost(referral: Referral, service: Service, *, person: Person | None = None, practice: Practice | None = W07) -> Decision[Referral]:
    command = SignpostReferral(service.code)
    return routing.signpost(referral, command, service=service, person=person or a_person(), practice=practice, now=LATER, policy=POLICY)
