"""A response from assessment to its outcome, and the confirmation of an avoided admission."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from services.rapid_care.domain.response import Status
from shared.contracts.codes import StepDown
from shared.contracts.event import Event
from shared.contracts.rapid_care import (
    Need,
    PackageItemKind,
    ResponseAssessed,
    ResponseAvoidanceConfirmed,
    ResponseBreached,
    ResponseClosed,
    ResponseContacted,
    ResponseEnRoute,
    ResponseEscalated,
    ResponseOutcome,
    ResponsePackageAgreed,
    ResponseSteppedDown,
)
from shared.contracts.referral_codes import ReturnReason, Route
from shared.contracts.referrals import ReferralCancelled, ReferralReturned
from shared.kernel.ids import new_id
from tests.builders.rapid_care import NURSE, RapidCareClient, a_routed_referral, at


async def test_response_ends_as_avoided_admission(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()

    closed = await team.advance(response_id, Status.CLOSED)

    assert (closed["status"], closed["outcome"], closed["benefit_pounds"]) == ("closed", "admission-avoided", 2004)
    assert [event.clinician_id for event in await team.context.published(ResponseEnRoute)] == [NURSE]
    assessed = await team.context.published(ResponseAssessed)
    assert [(event.health_needs, event.social_needs) for event in assessed] == [((Need.INFECTION,), (Need.NONE,))]
    assert [event.destination for event in await team.context.published(ResponseSteppedDown)] == [StepDown.INTEGRATED_LOCALITY_TEAM]
    ends = await team.context.published(ResponseClosed)
    assert [(event.is_admission_avoided, event.benefit_pounds) for event in ends] == [(True, 2004)]
    assert await team.get(f"responses/{response_id}/actions") == []


@pytest.mark.parametrize(
    ("health", "social"), [([], ["none"]), (["infection"], []), (["none", "infection"], ["none"]), (["infection"], ["mobility", "none"])]
)
async def test_assessment_needs_health_and_social_needs(team: RapidCareClient, health: list[str], social: list[str]) -> None:
    response_id = await team.receive_referral()
    await team.advance(response_id, Status.CONTACTED)

    assert await team.refusal(response_id, "assessment", health_needs=health, social_needs=social) == (422, "needs-invalid")
    assert await team.refusal(response_id, "assessment", health_needs=["infection"]) == (422, "validation-failed")


@pytest.mark.acceptance("rapid_care-7")
async def test_package_may_be_revised_and_start_after_closing(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()
    await team.advance(response_id, Status.PACKAGE_AGREED)
    night = {"kind": "night-sitting", "service_code": "night-sitting", "starts_at": at("23:00").isoformat()}

    revised = await team.command(response_id, "package", items=[night])

    assert [item["kind"] for item in revised["package"]] == ["night-sitting"]
    assert datetime.fromisoformat(revised["package"][0]["starts_at"]) == at("23:00")
    kinds = [[item.kind for item in event.items] for event in await team.context.published(ResponsePackageAgreed)]
    assert kinds == [[PackageItemKind.IV_ANTIBIOTICS], [PackageItemKind.NIGHT_SITTING]]
    assert await team.refusal(response_id, "package", items=[]) == (422, "validation-failed")


@pytest.mark.acceptance("rapid_care-6")
async def test_closure_needs_outcome_and_not_acute_avoids_nothing(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()
    await team.advance(response_id, Status.ASSESSED)

    assert await team.refusal(response_id, "closure") == (422, "validation-failed")
    closed = await team.command(response_id, "closure", outcome="not-acute")

    assert (closed["outcome"], closed["benefit_pounds"]) == ("not-acute", 0)
    statistics = await team.get("monthly-statistics", month="2015-03")
    assert (statistics["not_acute"], statistics["avoided"], statistics["benefit_pounds"]) == (1, 0, 0)


@pytest.mark.acceptance("rapid_care-8")
async def test_admission_publishes_escalated_and_closed(team: RapidCareClient) -> None:
    referral_id = new_id()
    response_id = await team.receive_referral(referral_id=referral_id)
    await team.advance(response_id, Status.ASSESSED)

    admitted = await team.command(response_id, "closure", outcome="admitted")

    assert (admitted["status"], admitted["benefit_pounds"]) == ("escalated", 0)
    assert [event.referral_id for event in await team.context.published(ResponseEscalated)] == [referral_id]
    assert [event.outcome for event in await team.context.published(ResponseClosed)] == [ResponseOutcome.ADMITTED]


async def test_admission_is_avoided_only_after_contact(team: RapidCareClient) -> None:
    unseen, no_access = await team.receive_referral(), await team.receive_referral()
    await team.advance(unseen, Status.EN_ROUTE)
    await team.advance(no_access, Status.CONTACTED, mode="no-access")

    assert await team.refusal(unseen, "closure", outcome="admission-avoided") == (409, "outcome-inconsistent")
    assert await team.refusal(unseen, "closure", outcome="no-access") == (409, "outcome-inconsistent")
    assert await team.refusal(no_access, "closure", outcome="admission-avoided") == (409, "outcome-inconsistent")
    assert (await team.command(unseen, "closure", outcome="declined-by-person"))["clock"] == "released"
    assert (await team.command(no_access, "closure", outcome="no-access"))["clock"] == "met"
    statistics = await team.get("monthly-statistics", month="2015-03")
    assert (statistics["no_access"], statistics["due"]) == (1, 0)


async def test_person_is_assessed_after_the_visit_that_found_them(team: RapidCareClient) -> None:
    """Finding: an unseen person was assessed after a closed door, and their admission counted as avoided."""
    response_id = await team.receive_referral()
    await team.advance(response_id, Status.CONTACTED, mode="no-access")
    needs = {"health_needs": ["infection"], "social_needs": ["none"]}

    assert "RecordAssessment" not in await _actions(team, response_id)
    assert await team.refusal(response_id, "assessment", **needs) == (409, "illegal-transition")
    assert "RecordFirstContact" in await _actions(team, response_id)
    await team.command(response_id, "first-contact", contacted_at=team.context.clock.at.isoformat())
    await team.advance(response_id, Status.ASSESSED)

    assert await team.refusal(response_id, "closure", outcome="no-access") == (409, "outcome-inconsistent")
    assert (await team.command(response_id, "closure", outcome="admission-avoided"))["status"] == "closed"


async def test_contact_time_lies_between_receipt_and_now(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()
    await team.advance(response_id, Status.ASSIGNED)

    assert await team.refusal(response_id, "first-contact", contacted_at="2015-03-15T14:00:01Z") == (422, "contact-in-future")
    assert await team.refusal(response_id, "first-contact", contacted_at="2015-03-15T13:59:59Z") == (422, "contact-before-receipt")
    assert await team.refusal(response_id, "first-contact", contacted_at="2015-03-15T14:00:00") == (422, "validation-failed")
    assert await team.context.published(ResponseContacted) == []


async def test_avoided_admission_is_confirmed_after_two_weeks(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()
    await team.advance(response_id, Status.CLOSED)

    await team.context.let_pass(timedelta(days=14, seconds=-1))
    assert await team.context.published(ResponseAvoidanceConfirmed) == []
    await team.context.let_pass(timedelta(seconds=1))

    confirmed = await team.read(response_id)
    assert datetime.fromisoformat(confirmed["avoidance_confirmed_at"]) == at("14:00") + timedelta(days=14)
    assert [event.benefit_pounds for event in await team.context.published(ResponseAvoidanceConfirmed)] == [2004]
    assert (await team.get("monthly-statistics", month="2015-03"))["avoided_confirmed"] == 1


async def test_avoided_admission_is_unconfirmed_after_later_admission(team: RapidCareClient) -> None:
    person_id = new_id()
    avoided = await team.receive_referral(person_id=person_id)
    await team.advance(avoided, Status.CLOSED)
    await team.context.let_pass(timedelta(days=3))
    again = await team.receive_referral(person_id=person_id)
    await team.advance(again, Status.ASSESSED)
    await team.command(again, "closure", outcome="admitted")

    await team.context.let_pass(timedelta(days=30))

    assert await team.context.published(ResponseAvoidanceConfirmed) == []
    deadlines = await team.context.database.pool.fetch("SELECT state, reason FROM deadline WHERE kind = 'avoidance-confirmation'")
    assert [tuple(row) for row in deadlines] == [("refused", "subsequently-admitted")]


async def test_cancelled_referral_leaves_closed_response_unchanged(team: RapidCareClient) -> None:
    referral_id = new_id()
    response_id = await team.receive_referral(referral_id=referral_id)
    closed = await team.advance(response_id, Status.CLOSED)

    await team.context.deliver(ReferralCancelled(reason="withdrawn"), key=new_id(), subject=referral_id)

    assert await team.read(response_id) == closed


@pytest.mark.parametrize(
    ("taken_back", "reason"),
    [
        (ReferralReturned(service_code="rapid-care", reason=ReturnReason.OTHER), "taken-back"),
        (a_routed_referral(at("14:00"), route=Route.SERVICE, service_code="district-nursing"), "routed-elsewhere"),
    ],
)
async def test_referral_taken_back_ends_unaccepted_response_only(team: RapidCareClient, taken_back: Event, reason: str) -> None:
    untouched, accepted = new_id(), new_id()
    ids = {referral_id: await team.receive_referral(referral_id=referral_id) for referral_id in (untouched, accepted)}
    await team.command(ids[accepted], "acceptance")

    for referral_id in ids:
        await team.context.deliver(taken_back, key=new_id(), subject=referral_id)

    ended = await team.read(ids[untouched])
    assert (ended["status"], ended["cancel_reason"], ended["clock"]) == ("cancelled", reason, "released")
    assert (await team.read(ids[accepted]))["status"] == "accepted"


async def test_return_after_own_decline_changes_nothing(team: RapidCareClient) -> None:
    referral_id = new_id()
    response_id = await team.receive_referral(referral_id=referral_id)
    await team.command(response_id, "decline", reason="capacity")
    declined = await team.read(response_id)

    returned = ReferralReturned(service_code="rapid-care", reason=ReturnReason.CAPACITY)
    await team.context.deliver(returned, key=new_id(), subject=referral_id)

    assert await team.read(response_id) == declined


async def test_late_end_publishes_breach_before_deadline_fires(team: RapidCareClient) -> None:
    late, declined_id = await team.receive_referral(), await team.receive_referral()
    await team.advance(late, Status.EN_ROUTE)
    team.context.clock.advance(timedelta(hours=3))

    contacted = await team.advance(late, Status.CONTACTED)
    declined = await team.command(declined_id, "decline", reason="capacity")
    await team.context.scheduler.process_due()

    assert (contacted["clock"], declined["clock"]) == ("breached", "breached")
    assert len(await team.context.published(ResponseBreached)) == 2


async def _actions(team: RapidCareClient, response_id: UUID) -> str:
    return str(await team.get(f"responses/{response_id}/actions"))
