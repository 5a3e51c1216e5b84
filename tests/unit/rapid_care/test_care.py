"""Assessment, package, outcome and the confirmation of an avoided admission."""

from datetime import timedelta

import pytest

from services.rapid_care.commands import AgreePackage, CloseResponse, RecordAssessment
from services.rapid_care.domain.care import agree_package, assess, close, confirm_avoidance
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import NeedsInvalid, OutcomeInconsistent, Response, ResponseDeadline, Status, SubsequentlyAdmitted
from shared.contracts.rapid_care import (
    ContactMode,
    Need,
    PackageItem,
    PackageItemKind,
    ResponseAvoidanceConfirmed,
    ResponseClosed,
    ResponseEscalated,
    ResponseOutcome,
)
from shared.kernel.date_limits import DateOutOfLimits
from shared.kernel.decision import Deadline
from tests.builders.rapid_care import a_response, at

POLICY = Policy()


def _seen(**changes: object) -> Response:
    fields: dict[str, object] = {"status": Status.ASSESSED, "contacted_at": at("15:00"), "contact_mode": ContactMode.FACE_TO_FACE}
    return a_response(**(fields | {"health_needs": (Need.INFECTION,), "social_needs": (Need.NONE,)} | changes))


@pytest.mark.parametrize(
    ("health", "social"),
    [((), (Need.NONE,)), ((Need.INFECTION,), ()), ((Need.NONE, Need.INFECTION), (Need.NONE,)), ((Need.NONE,), (Need.NONE, Need.ISOLATION))],
)
def test_missing_or_contradictory_needs_are_refused(health: tuple[Need, ...], social: tuple[Need, ...]) -> None:
    with pytest.raises(NeedsInvalid):
        assess(a_response(status=Status.CONTACTED), RecordAssessment(health, social), POLICY, at("15:30"))


@pytest.mark.acceptance("rapid_care-7")
def test_package_may_begin_after_closing_time() -> None:
    night = PackageItem(kind=PackageItemKind.NIGHT_SITTING, service_code="night-sitting", starts_at=at("23:00"))

    assert agree_package(_seen(), AgreePackage((night,)), POLICY, at("15:30")).state.package == (night,)


@pytest.mark.parametrize("days", [-1, 29, 365 * 180])
def test_package_of_another_time_is_refused(days: int) -> None:
    night = PackageItem(kind=PackageItemKind.NIGHT_SITTING, service_code="night-sitting", starts_at=at("15:30") + timedelta(days=days))

    with pytest.raises(DateOutOfLimits) as refusal:
        agree_package(_seen(), AgreePackage((night,)), POLICY, at("15:30"))

    assert refusal.value.field == "items.0.starts_at"


@pytest.mark.acceptance("rapid_care-6")
@pytest.mark.parametrize("outcome", [outcome for outcome in ResponseOutcome if outcome is not ResponseOutcome.NO_ACCESS])
def test_only_avoided_admission_has_benefit_and_review(outcome: ResponseOutcome) -> None:
    decision = close(_seen(), CloseResponse(outcome), POLICY, at("18:00"))

    is_avoided = outcome is ResponseOutcome.ADMISSION_AVOIDED
    closed = decision.events[-1]
    assert isinstance(closed, ResponseClosed)
    assert (closed.is_admission_avoided, closed.benefit_pounds) == (is_avoided, 2004 if is_avoided else 0)
    assert decision.deadlines == ([Deadline(ResponseDeadline.AVOIDANCE, at("18:00") + timedelta(days=14))] if is_avoided else [])


@pytest.mark.acceptance("rapid_care-8")
def test_admission_is_escalated_then_closed() -> None:
    decision = close(_seen(), CloseResponse(ResponseOutcome.ADMITTED), POLICY, at("18:00"))

    assert [type(event) for event in decision.events] == [ResponseEscalated, ResponseClosed]
    assert decision.state.status is Status.ESCALATED


_UNSEEN: dict[str, object] = {"contacted_at": None, "contact_mode": None, "health_needs": (), "social_needs": ()}
_NO_ACCESS: dict[str, object] = {"contact_mode": ContactMode.NO_ACCESS, "health_needs": (), "social_needs": ()}


@pytest.mark.parametrize(
    ("changes", "status", "outcome"),
    [
        (_UNSEEN, Status.EN_ROUTE, ResponseOutcome.ADMISSION_AVOIDED),
        (_UNSEEN, Status.EN_ROUTE, ResponseOutcome.NOT_ACUTE),
        (_UNSEEN, Status.EN_ROUTE, ResponseOutcome.NO_ACCESS),
        (_NO_ACCESS, Status.CONTACTED, ResponseOutcome.ADMISSION_AVOIDED),
        (_NO_ACCESS, Status.CONTACTED, ResponseOutcome.NOT_ACUTE),
        ({}, Status.ASSESSED, ResponseOutcome.NO_ACCESS),
        ({"contact_mode": ContactMode.NO_ACCESS}, Status.ASSESSED, ResponseOutcome.NO_ACCESS),
    ],
)
def test_outcome_inconsistent_with_contact_is_refused(changes: dict[str, object], status: Status, outcome: ResponseOutcome) -> None:
    with pytest.raises(OutcomeInconsistent):
        close(_seen(**changes, status=status), CloseResponse(outcome), POLICY, at("15:30"))


@pytest.mark.parametrize("outcome", [ResponseOutcome.DECLINED_BY_PERSON, ResponseOutcome.DIED_ELSEWHERE, ResponseOutcome.ADMITTED])
def test_outcome_without_visit_is_allowed_before_contact(outcome: ResponseOutcome) -> None:
    assert close(_seen(**_UNSEEN, status=Status.ACCEPTED), CloseResponse(outcome), POLICY, at("15:30")).state.outcome is outcome


def test_no_access_may_be_the_outcome() -> None:
    closed = close(_seen(**_NO_ACCESS, status=Status.CONTACTED), CloseResponse(ResponseOutcome.NO_ACCESS), POLICY, at("15:30"))

    assert closed.state.status is Status.CLOSED


def test_avoidance_is_confirmed_unless_admitted_since() -> None:
    avoided = _seen(status=Status.CLOSED, outcome=ResponseOutcome.ADMISSION_AVOIDED, benefit_pounds=2004)

    confirmed = confirm_avoidance(avoided, is_admitted_since=False, now=at("18:00"))

    assert confirmed.state.avoidance_confirmed_at == at("18:00")
    assert confirmed.events == [ResponseAvoidanceConfirmed(referral_id=avoided.referral_id, benefit_pounds=2004)]
    with pytest.raises(SubsequentlyAdmitted):
        confirm_avoidance(avoided, is_admitted_since=True, now=at("18:00"))
