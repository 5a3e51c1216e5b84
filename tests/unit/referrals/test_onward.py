"""Onward referrals: what a service asks of another, and where the referral lies when the other cannot be request."""

from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.referrals.commands import CloseReferral, ReturnReferral, RouteReferral
from services.referrals.domain import Policy, closure, onward, routing
from services.referrals.domain.life import LifeStatus
from services.referrals.domain.onward import Request, Requester, Standing
from services.referrals.domain.referral import (
    POINT_OF_ACCESS,
    REFERRAL,
    Occurrence,
    OnwardObstacle,
    Referral,
    ReferralDeadline,
    Status,
    current_deadline,
    owner,
)
from shared.contracts.codes import Condition, Locality, StepDown, Urgency
from shared.contracts.referral_codes import AskingService, OnwardRequest, Outcome, Reason, ReturnReason, Source
from shared.contracts.referrals import ReferralIdentified, ReferralIdentityUnverified, ReferralReceived, ReferralRouted, ReferralTriaged
from shared.kernel.decision import Decision
from shared.kernel.ids import PersonId, new_id
from tests.builders.london import london
from tests.builders.referrals import MONDAY, a_person, a_practice, a_referral, a_service

POLICY = Policy()
NOW = MONDAY.astimezone(UTC)
ORIGIN = a_referral(Status.ACCEPTED, condition=Condition.FALL, received_at=NOW - timedelta(hours=5))
NURSING = Request(OnwardRequest.STEP_DOWN, "district-nursing", Reason.COMMUNITY_NURSING)
REQUESTER = Requester(
    cause_id=new_id(),
    service=AskingService.RAPID_CARE,
    subject_id=new_id(),
    organisation="CLCH",
    person_id=PersonId(ORIGIN.person_id),
    correlation_id=ORIGIN.correlation_id,
    asked_at=NOW - timedelta(minutes=1),
    locality=Locality.WEST,
)
STANDING = Standing("CPA-0000-0000", ORIGIN, a_person(id=ORIGIN.person_id), a_practice(), a_service())


def test_step_down_is_routed_to_the_named_service() -> None:
    decision = _refer()

    assert [type(event) for event in decision.events] == [ReferralReceived, ReferralIdentified, ReferralTriaged, ReferralRouted]
    referral = decision.state
    assert (referral.status, referral.service_code, referral.receiver_organisation) == (Status.ROUTED, "district-nursing", "CLCH")
    assert (referral.source, referral.reason, referral.urgency) == (Source.RAPID_CARE, Reason.COMMUNITY_NURSING, Urgency.ROUTINE)
    assert owner(referral) == POINT_OF_ACCESS


def test_onward_referral_continues_the_chain_of_its_origin() -> None:
    referral = _refer().state

    assert (referral.correlation_id, referral.received_at) == (ORIGIN.correlation_id, ORIGIN.received_at)
    assert (referral.condition, referral.clock_starts_at) == (Condition.FALL, NOW)
    assert referral.referrer_organisation == REQUESTER.organisation
    assert referral.onward_of is not None
    assert (referral.onward_of.subject_id, referral.onward_of.reference) == (REQUESTER.subject_id, ORIGIN.reference)


def test_onward_referral_waits_for_acknowledgement() -> None:
    decision = _refer(now=london("2015-03-13T16:00"))

    assert decision.state.due_at == london("2015-03-17T16:00")
    assert [deadline.kind for deadline in decision.deadlines] == [ReferralDeadline.ACKNOWLEDGEMENT]


def test_gp_is_the_practice_of_today() -> None:
    service = a_service("gp", organisation=None)
    moved = a_person(id=ORIGIN.person_id, practice_code="B03")

    referral = _refer(standing=replace(STANDING, service=service, person=moved, practice=a_practice("B03"))).state

    assert (referral.status, referral.receiver_organisation, referral.practice_code) == (Status.ROUTED, "B03", "B03")


def test_referral_to_doubtful_gp_lies_at_point_of_access() -> None:
    doubtful = a_person(id=ORIGIN.person_id, is_practice_confirmed=False)

    referral = _refer(standing=replace(STANDING, service=a_service("gp", organisation=None), person=doubtful)).state

    assert (referral.onward_obstacle, owner(referral)) == (OnwardObstacle.PRACTICE_IN_DOUBT, POINT_OF_ACCESS)


def test_each_answer_names_the_asking_service() -> None:
    routed = replace(_refer().state, version=4)
    accepted = routing.accept(routed, NOW, POLICY)
    answers = [
        accepted,
        routing.return_referral(routed, ReturnReferral(ReturnReason.CAPACITY), NOW, POLICY),
        closure.close(accepted.state, CloseReferral(Outcome.NEED_MET), NOW, POLICY),
    ]

    named = [vars(event)["onward_of"] for decision in [_refer(), *answers] for event in decision.events if "onward_of" in vars(event)]
    assert named == [routed.onward_of] * 5


@pytest.mark.parametrize(
    ("changes", "obstacle"),
    [
        ({"service": None}, OnwardObstacle.SERVICE_ABSENT),
        ({"person": None, "practice": None}, OnwardObstacle.RECORD_ABSENT),
        ({"recorded_as": LifeStatus.DECEASED}, OnwardObstacle.PERSON_GONE),
        ({"service": a_service(localities=(Locality.LOCALITY_B,))}, OnwardObstacle.NOT_ELIGIBLE),
        ({"practice": None}, OnwardObstacle.NOT_ELIGIBLE),
    ],
    ids=lambda value: value.value if isinstance(value, OnwardObstacle) else "",
)
def test_referral_lies_at_point_of_access_marked_why(changes: dict[str, Any], obstacle: OnwardObstacle) -> None:
    decision = _refer(standing=replace(STANDING, **changes))

    referral = decision.state
    assert (referral.status, referral.onward_obstacle, referral.suggestion) == (Status.IDENTIFIED, obstacle, "district-nursing")
    assert owner(referral) == POINT_OF_ACCESS
    assert current_deadline(referral) is ReferralDeadline.TRIAGE
    assert [type(event) for event in decision.events] == [ReferralReceived, ReferralIdentified]


def test_case_without_referral_is_received_when_it_was_asked() -> None:
    unreferred = replace(STANDING, origin=None, person=None, practice=None)

    referral = _refer(requester=replace(REQUESTER, service=AskingService.MDT, practice_code="B03"), standing=unreferred).state

    assert (referral.source, referral.received_at, referral.practice_code) == (Source.MDT, REQUESTER.asked_at, "B03")
    assert referral.onward_of is not None
    assert referral.onward_of.reference is None


def test_unverified_person_is_referred_onward_unverified() -> None:
    decision = _refer(standing=replace(STANDING, person=a_person(id=ORIGIN.person_id, nhs_number=None)))

    assert not decision.state.is_identified
    assert isinstance(decision.events[1], ReferralIdentityUnverified)


def test_mark_ends_when_the_referral_is_routed() -> None:
    held = replace(_refer(standing=replace(STANDING, service=None)).state, status=Status.TRIAGED_ROUTINE)
    service = a_service("enablement")

    routed = routing.route(
        held, RouteReferral(service.route, service.code), service=service, person=a_person(), practice=a_practice(), now=NOW, policy=POLICY
    )

    assert routed.state.onward_obstacle is None
    assert routed.state.onward_of == held.onward_of


@pytest.mark.parametrize("destination", StepDown)
def test_each_step_down_but_navigation_asks_a_service(destination: StepDown) -> None:
    assert (onward.of_step_down(destination) is None) is (destination is StepDown.NAVIGATION)


@given(cause=st.uuids(), number=st.integers(0, 50), other=st.uuids(), later=st.timedeltas(timedelta(), timedelta(days=60)))
def test_repeated_delivery_gives_the_same_referral(cause: Any, number: int, other: Any, later: timedelta) -> None:
    request, requester = replace(NURSING, number=number), replace(REQUESTER, cause_id=cause)

    first, again = (
        _refer(request, requester),
        _refer(request, requester, now=NOW + later, standing=replace(STANDING, reference="CPA-1111-1111")),
    )

    assert first.state.id == again.state.id == onward.id_of(request, requester)
    assert onward.id_of(replace(request, number=number + 1), requester) != first.state.id
    assert cause == other or onward.id_of(request, replace(requester, cause_id=other)) != first.state.id


@given(
    person=st.sampled_from([None, STANDING.person, a_person(nhs_number=None), a_person(born_on=None, practice_code="unknown")]),
    practice=st.sampled_from([None, a_practice()]),
    service=st.sampled_from([None, a_service(), a_service("gp", organisation=None), a_service("mdt"), a_service("rapid-care")]),
    recorded_as=st.sampled_from([None, LifeStatus.DECEASED, LifeStatus.MOVED]),
    urgency=st.sampled_from(Urgency),
)
def test_onward_referral_follows_the_state_table(urgency: Urgency, **facts: Any) -> None:
    decision = _refer(replace(NURSING, urgency=urgency), standing=replace(STANDING, **facts))

    row = REFERRAL[Occurrence.REFERRED_ONWARD]
    assert decision.state.status in row.targets
    assert {type(event) for event in decision.events} <= row.emits
    assert decision.state.due_at is not None
    assert (decision.state.status is Status.ROUTED) is (decision.state.onward_obstacle is None)


def _refer(
    request: Request = NURSING, requester: Requester = REQUESTER, standing: Standing = STANDING, now: Any = NOW
) -> Decision[Referral]:
    return onward.refer(request, requester, standing, now=now, policy=POLICY)
