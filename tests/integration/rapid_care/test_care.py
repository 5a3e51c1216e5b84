"""From the door to the outcome, and what becomes of it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from infra.dev_stack.dev_secrets import Keys
from services.rapid_care.domain.response import Status
from shared.contracts.codes import StepDown
from shared.contracts.event import Event
from shared.contracts.rapid_care import (
    Need,
    PackageItemKind,
    ResponseAssessed,
    ResponseAvoidanceConfirmed,
    ResponseBreached,
    ResponseCancelled,
    ResponseClosed,
    ResponseContacted,
    ResponseEnRoute,
    ResponseEscalated,
    ResponseOutcome,
    ResponsePackageAgreed,
    ResponseSteppedDown,
)
from shared.contracts.referrals import ReferralCancelled, ReferralReturned, ReturnReason, Route
from shared.kernel.ids import new_id
from tests.builders.rapid_care import NURSE, RapidCare, a_routed_referral, at, rapid_care


async def _refused(care: RapidCare, response_id: UUID, verb: str, **body: Any) -> tuple[int, str]:
    """What a refused request is answered, when it changed nothing."""
    before = await care.read(response_id)
    answer = await care.ask(response_id, verb, **body)
    assert (await care.read(response_id))["version"] == before["version"]
    return answer.status_code, answer.json()["code"]


async def test_a_response_goes_from_the_door_to_an_avoided_admission(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("19:30")) as care:
        response_id = await care.routed()

        closed = await care.bring(response_id, Status.CLOSED)

        assert (closed["status"], closed["outcome"], closed["benefit_pounds"]) == ("closed", "admission-avoided", 2004)
        assert [event.clinician_id for event in await care.context.published(ResponseEnRoute)] == [NURSE]
        assessed = await care.context.published(ResponseAssessed)
        assert [(event.health_needs, event.social_needs) for event in assessed] == [((Need.INFECTION,), (Need.NONE,))]
        assert [event.destination for event in await care.context.published(ResponseSteppedDown)] == [StepDown.INTEGRATED_LOCALITY_TEAM]
        ends = await care.context.published(ResponseClosed)
        assert [(event.is_admission_avoided, event.benefit_pounds) for event in ends] == [(True, 2004)]
        assert await care.get(f"responses/{response_id}/actions") == []


@pytest.mark.parametrize(
    ("health", "social"), [([], ["none"]), (["infection"], []), (["none", "infection"], ["none"]), (["infection"], ["mobility", "none"])]
)
async def test_both_sides_are_assessed_if_only_as_none(owner_url: str, keys: Keys, health: list[str], social: list[str]) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        response_id = await care.routed()
        await care.bring(response_id, Status.CONTACTED)

        assert await _refused(care, response_id, "assessment", health_needs=health, social_needs=social) == (409, "needs-invalid")
        assert await _refused(care, response_id, "assessment", health_needs=["infection"]) == (422, "validation-failed")


@pytest.mark.acceptance("rapid_care-7")
async def test_night_sitting_after_closing_time_is_part_of_a_package_which_may_be_revised(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("19:30")) as care:
        response_id = await care.routed()
        await care.bring(response_id, Status.PACKAGE_AGREED)
        night = {"kind": "night-sitting", "service_code": "night-sitting", "starts_at": at("23:00").isoformat()}

        revised = await care.do(response_id, "package", items=[night])

        assert [item["kind"] for item in revised["package"]] == ["night-sitting"]
        assert datetime.fromisoformat(revised["package"][0]["starts_at"]) == at("23:00")
        kinds = [[item.kind for item in event.items] for event in await care.context.published(ResponsePackageAgreed)]
        assert kinds == [[PackageItemKind.IV_ANTIBIOTICS], [PackageItemKind.NIGHT_SITTING]]
        assert await _refused(care, response_id, "package", items=[]) == (422, "validation-failed")


@pytest.mark.acceptance("rapid_care-6")
async def test_nothing_ends_without_an_outcome_and_not_acute_is_no_avoided_admission(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        response_id = await care.routed()
        await care.bring(response_id, Status.ASSESSED)

        assert await _refused(care, response_id, "closure") == (422, "validation-failed")
        closed = await care.do(response_id, "closure", outcome="not-acute")

        assert (closed["outcome"], closed["benefit_pounds"]) == ("not-acute", 0)
        figures = await care.get("figures", month="2015-03")
        assert (figures["not_acute"], figures["avoided"], figures["benefit_pounds"]) == (1, 0, 0)


@pytest.mark.acceptance("rapid_care-8")
async def test_an_admission_is_told_as_escalated_and_closed(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        referral_id = new_id()
        response_id = await care.routed(referral_id=referral_id)
        await care.bring(response_id, Status.ASSESSED)

        admitted = await care.do(response_id, "closure", outcome="admitted")

        assert (admitted["status"], admitted["benefit_pounds"]) == ("escalated", 0)
        assert [event.referral_id for event in await care.context.published(ResponseEscalated)] == [referral_id]
        assert [event.outcome for event in await care.context.published(ResponseClosed)] == [ResponseOutcome.ADMITTED]


async def test_an_admission_is_avoided_only_for_somebody_who_was_seen(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        unseen, nobody_home = await care.routed(), await care.routed()
        await care.bring(unseen, Status.EN_ROUTE)
        await care.bring(nobody_home, Status.CONTACTED, mode="no-access")

        assert await _refused(care, unseen, "closure", outcome="admission-avoided") == (409, "outcome-inconsistent")
        assert await _refused(care, unseen, "closure", outcome="no-access") == (409, "outcome-inconsistent")
        assert await _refused(care, nobody_home, "closure", outcome="admission-avoided") == (409, "outcome-inconsistent")
        assert (await care.do(unseen, "closure", outcome="declined-by-person"))["clock"] == "released"
        assert (await care.do(nobody_home, "closure", outcome="no-access"))["clock"] == "met"
        figures = await care.get("figures", month="2015-03")
        assert (figures["no_access"], figures["due"]) == (1, 0)


async def test_a_closed_door_that_opened_after_all_leads_to_an_assessment(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        response_id = await care.routed()
        await care.bring(response_id, Status.CONTACTED, mode="no-access")
        await care.bring(response_id, Status.ASSESSED)

        assert await _refused(care, response_id, "closure", outcome="no-access") == (409, "outcome-inconsistent")
        assert (await care.do(response_id, "closure", outcome="admission-avoided"))["status"] == "closed"


async def test_a_contact_lies_neither_ahead_nor_before_the_referral(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        response_id = await care.routed()
        await care.bring(response_id, Status.ASSIGNED)

        assert await _refused(care, response_id, "first-contact", contacted_at="2015-03-15T14:00:01Z") == (409, "contact-in-future")
        assert await _refused(care, response_id, "first-contact", contacted_at="2015-03-15T13:59:59Z") == (409, "contact-before-receipt")
        assert await _refused(care, response_id, "first-contact", contacted_at="2015-03-15T14:00:00") == (422, "validation-failed")
        assert await care.context.published(ResponseContacted) == []


async def test_an_avoided_admission_is_confirmed_after_two_weeks_without_one(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        response_id = await care.routed()
        await care.bring(response_id, Status.CLOSED)

        await care.context.let_pass(timedelta(days=14, seconds=-1))
        assert await care.context.published(ResponseAvoidanceConfirmed) == []
        await care.context.let_pass(timedelta(seconds=1))

        confirmed = await care.read(response_id)
        assert datetime.fromisoformat(confirmed["avoidance_confirmed_at"]) == at("14:00") + timedelta(days=14)
        assert [event.benefit_pounds for event in await care.context.published(ResponseAvoidanceConfirmed)] == [2004]
        assert (await care.get("figures", month="2015-03"))["avoided_confirmed"] == 1


async def test_an_avoided_admission_is_not_confirmed_when_the_person_was_admitted_after_all(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        person_id = new_id()
        avoided = await care.routed(person_id=person_id)
        await care.bring(avoided, Status.CLOSED)
        await care.context.let_pass(timedelta(days=3))
        again = await care.routed(person_id=person_id)
        await care.bring(again, Status.ASSESSED)
        await care.do(again, "closure", outcome="admitted")

        await care.context.let_pass(timedelta(days=30))

        assert await care.context.published(ResponseAvoidanceConfirmed) == []
        settled = await care.context.database.pool.fetch("SELECT state, reason FROM deadline WHERE kind = 'avoidance-confirmation'")
        assert [tuple(row) for row in settled] == [("refused", "subsequently-admitted")]


@pytest.mark.parametrize("status", [Status.REQUESTED, Status.EN_ROUTE, Status.PACKAGE_AGREED])
async def test_a_cancelled_referral_ends_its_response_and_its_clock(owner_url: str, keys: Keys, status: Status) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        referral_id = new_id()
        response_id = await care.routed(referral_id=referral_id)
        if status is not Status.REQUESTED:
            await care.bring(response_id, status)

        await care.context.deliver(ReferralCancelled(reason="died"), key=new_id(), subject=referral_id)
        await care.context.let_pass(timedelta(hours=3))

        ended = await care.read(response_id)
        assert (ended["status"], ended["cancel_reason"]) == ("cancelled", "died")
        assert [event.reason for event in await care.context.published(ResponseCancelled)] == ["died"]
        assert await care.context.published(ResponseBreached) == []


async def test_a_cancelled_referral_that_has_ended_here_changes_nothing(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        referral_id = new_id()
        response_id = await care.routed(referral_id=referral_id)
        closed = await care.bring(response_id, Status.CLOSED)

        await care.context.deliver(ReferralCancelled(reason="died"), key=new_id(), subject=referral_id)

        assert await care.read(response_id) == closed


@pytest.mark.parametrize(
    ("taken_back", "reason"),
    [
        (ReferralReturned(service_code="rapid-care", reason=ReturnReason.OTHER), "taken-back"),
        (a_routed_referral(at("14:00"), route=Route.SERVICE, service_code="district-nursing"), "routed-elsewhere"),
    ],
)
async def test_a_referral_that_is_taken_back_ends_a_response_that_nobody_has_accepted_and_no_other(
    owner_url: str, keys: Keys, taken_back: Event, reason: str
) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        untouched, accepted = new_id(), new_id()
        ids = {referral_id: await care.routed(referral_id=referral_id) for referral_id in (untouched, accepted)}
        await care.do(ids[accepted], "acceptance")

        for referral_id in ids:
            await care.context.deliver(taken_back, key=new_id(), subject=referral_id)

        ended = await care.read(ids[untouched])
        assert (ended["status"], ended["cancel_reason"], ended["clock"]) == ("cancelled", reason, "released")
        assert (await care.read(ids[accepted]))["status"] == "accepted"


async def test_the_return_that_follows_our_own_decline_changes_nothing(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        referral_id = new_id()
        response_id = await care.routed(referral_id=referral_id)
        declined = await care.do(response_id, "decline", reason="capacity")

        returned = ReferralReturned(service_code="rapid-care", reason=ReturnReason.CAPACITY)
        await care.context.deliver(returned, key=new_id(), subject=referral_id)

        assert await care.read(response_id) == declined


async def test_what_ends_overdue_before_its_deadline_was_acted_on_tells_its_breach(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        late, given_back = await care.routed(), await care.routed()
        await care.bring(late, Status.EN_ROUTE)
        care.context.clock.advance(timedelta(hours=3))

        contacted = await care.bring(late, Status.CONTACTED)
        declined = await care.do(given_back, "decline", reason="capacity")
        await care.context.timekeeper.process_due()

        assert (contacted["clock"], declined["clock"]) == ("breached", "breached")
        assert len(await care.context.published(ResponseBreached)) == 2
