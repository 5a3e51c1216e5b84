"""Which callers may run the commands of a referral."""

from contextlib import nullcontext
from datetime import datetime

import pytest

from services.referrals.commands import (
    AcceptReferral,
    AnswerInformation,
    CancelReferral,
    CloseReferral,
    RaiseUrgency,
    RequestInformation,
    ReturnReferral,
    RouteReferral,
    SignpostReferral,
    TriageReferral,
)
from services.referrals.domain import access
from services.referrals.domain.referral import Status
from shared.contracts.referral_codes import Discrepancy, Route
from shared.kernel.actor import Actor
from shared.kernel.errors import NotAllowed, OrganisationNotInvolved
from tests.builders.referrals import MONDAY, a_referral

REFERRAL = a_referral(Status.ROUTED)
TRIAGER = Actor("triager-1", "CLCH", "clinician", frozenset({access.TRIAGE}))


def test_practice_acts_on_no_referral_sent_by_others() -> None:
    sent_by_the_ambulance = a_referral(Status.ROUTED, referrer_organisation="LAS")

    with pytest.raises(OrganisationNotInvolved):
        access.require_referrer(sent_by_the_ambulance, _actor("W07", access.REFER))


def test_only_receiver_or_triager_may_answer() -> None:
    access.require_receiver(REFERRAL, _actor("CLCH", access.RECEIVE), AcceptReferral)
    access.require_receiver(REFERRAL, TRIAGER, AcceptReferral)
    with pytest.raises(OrganisationNotInvolved):
        access.require_receiver(REFERRAL, _actor("W07", access.REFER), AcceptReferral)


@pytest.mark.parametrize("command", [AcceptReferral, ReturnReferral, CloseReferral])
def test_product_service_answers_by_events_only(command: type) -> None:
    with_rapid_care = a_referral(Status.ROUTED, route=Route.RAPID_CARE, service_code="rapid-care")
    overdue = a_referral(Status.ROUTED, route=Route.RAPID_CARE, service_code="rapid-care", overdue_since=MONDAY)

    for referral in (with_rapid_care, overdue):
        with pytest.raises(access.AnsweredByService):
            access.require_receiver(referral, _actor("CLCH", access.RECEIVE), command)
        if command is ReturnReferral:
            access.require_receiver(referral, TRIAGER, command)
        else:
            with pytest.raises(access.AnsweredByService):
                access.require_receiver(referral, TRIAGER, command)


@pytest.mark.parametrize(
    ("route", "overdue_since", "may_return"),
    [
        (Route.RAPID_CARE, None, False),
        (Route.RAPID_CARE, MONDAY, False),  # a recall informs Rapid Care, which ends its response
        (Route.MDT, None, False),
        (Route.MDT, MONDAY, True),
        (Route.NAVIGATION, MONDAY, True),
        (Route.SERVICE, None, True),
    ],
)
def test_accepted_referral_is_taken_back_when_overdue(*, route: Route, overdue_since: datetime | None, may_return: bool) -> None:
    accepted = a_referral(Status.ACCEPTED, route=route, overdue_since=overdue_since)

    assert access.is_internal_service(accepted, TRIAGER, ReturnReferral) is not may_return


@pytest.mark.parametrize(
    ("scope", "permitted"),
    [
        (access.HANDLE, {AnswerInformation, RequestInformation, CancelReferral}),
        (access.TRIAGE, {RequestInformation, CancelReferral, TriageReferral, RouteReferral, SignpostReferral, RaiseUrgency}),
    ],
)
def test_no_scope_of_staff_implies_the_other(scope: str, permitted: set[type]) -> None:
    judged = {AnswerInformation, RequestInformation, CancelReferral, TriageReferral, RouteReferral, SignpostReferral, RaiseUrgency}

    assert {command for command in judged if _is_permitted(command, _actor("CLCH", scope))} == permitted


def test_triage_by_a_call_handler_is_refused() -> None:
    with pytest.raises(access.ClinicalDecision):
        access.require_permitted(REFERRAL, _actor("CLCH", access.HANDLE), TriageReferral)


@pytest.mark.parametrize(
    ("scope", "discrepancy", "refusal"),
    [
        (access.HANDLE, Discrepancy.NUMBER_MISSING, None),
        (access.HANDLE, Discrepancy.CONDITION_MISSING, access.ClinicalDecision),
        (access.TRIAGE, Discrepancy.CONDITION_MISSING, None),
        (access.TRIAGE, Discrepancy.NUMBER_MISSING, access.HandlingOnly),
    ],
)
def test_discrepancy_is_settled_by_whom_it_concerns(scope: str, discrepancy: Discrepancy, refusal: type[Exception] | None) -> None:
    with pytest.raises(refusal) if refusal else nullcontext():
        access.require_settling({discrepancy}, _actor("CLCH", scope))


def _is_permitted(command: type, actor: Actor) -> bool:
    try:
        access.require_permitted(a_referral(), actor, command)
    except NotAllowed:
        return False
    return True


def _actor(organisation: str, scope: str) -> Actor:
    return Actor("actor-1", organisation, "clinician", frozenset({scope}))
