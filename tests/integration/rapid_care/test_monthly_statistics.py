"""What is counted: the month's capacity, the figures, and the gauges."""

from datetime import date, timedelta
from uuid import UUID

import pytest

from infra.dev_stack.dev_secrets import Keys
from services.rapid_care import handlers
from services.rapid_care.commands import AssignClinician, CloseResponse, RecordAssessment, RecordFirstContact
from services.rapid_care.domain.response import Status
from shared.contracts.rapid_care import (
    CapacityLevel,
    CapacityWarned,
    Need,
    ResponseAtRisk,
    ResponseBreached,
    ResponseOutcome,
    ResponseRequested,
)
from shared.kernel.ids import new_id
from shared.kernel.target import Target
from tests.builders.context_app import arrived
from tests.builders.rapid_care import NURSE, RapidCare, a_routed_referral, at, rapid_care


async def _route(care: RapidCare, count: int) -> list[UUID]:
    """So many referrals come in one batch; gives the responses."""
    secrets = care.context.database.secrets
    event = a_routed_referral(care.context.clock.at)
    await care.context.intake.apply([arrived(event, key=new_id(), subject=new_id(), secrets=secrets) for _ in range(count)])
    rows = await care.context.database.pool.fetch("SELECT id FROM response ORDER BY id")
    return [row["id"] for row in rows]


async def _avoid(care: RapidCare, response_ids: list[UUID]) -> None:
    """Each is reached at once and kept at home."""
    await care.roster(NURSE, "emergency-nurse-practitioner")
    async with care.context.database.transaction() as tx:
        for each in response_ids:
            await handlers.accept_response(Target(each, 1), tx=tx)
            await handlers.assign_clinician(Target(each, 2), AssignClinician(NURSE), tx=tx)
            await handlers.record_first_contact(Target(each, 3), RecordFirstContact(tx.now), tx=tx)
            await handlers.record_assessment(Target(each, 4), RecordAssessment((Need.INFECTION,), (Need.NONE,)), tx=tx)
            await handlers.close_response(Target(each, 5), CloseResponse(ResponseOutcome.ADMISSION_AVOIDED), tx=tx)


@pytest.mark.acceptance("rapid_care-5")
async def test_the_181st_of_a_month_is_a_warning_the_201st_an_alert_and_none_is_declined(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        await _route(care, 180)
        assert await care.context.published(CapacityWarned) == []
        await _route(care, 1)
        await _route(care, 19)
        assert [event.level for event in await care.context.published(CapacityWarned)] == [CapacityLevel.WARNING]
        await _route(care, 3)

        warnings = [(event.month, event.referrals, event.level) for event in await care.context.published(CapacityWarned)]
        assert warnings == [(date(2015, 3, 1), 181, CapacityLevel.WARNING), (date(2015, 3, 1), 201, CapacityLevel.ALERT)]
        assert len(await care.context.published(ResponseRequested)) == 203


@pytest.mark.acceptance("rapid_care-5")
async def test_a_referral_that_comes_again_is_one_referral(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        referral_id, received_at = new_id(), at("14:00")
        first = await care.routed(referral_id=referral_id, received_at=received_at)
        await care.context.let_pass(timedelta(minutes=130))
        await care.do(first, "decline", reason="capacity")
        await care.context.deliver(a_routed_referral(received_at, routing=2), key=new_id(), subject=referral_id)
        again = await care.context.database.pool.fetchval("SELECT id FROM response WHERE referral_id = $1 AND id <> $2", referral_id, first)
        reached = await care.bring(again, Status.CONTACTED)
        await care.context.let_pass(timedelta(hours=3))

        assert reached["clock"] == "breached"
        assert [event.minutes_elapsed for event in await care.context.published(ResponseAtRisk)] == [60, 90, 110]
        assert len(await care.context.published(ResponseBreached)) == 1
        assert await care.context.database.pool.fetchval("SELECT referrals FROM monthly_referral_count") == 1
        figures = await care.get("figures", month="2015-03")
        assert (figures["referrals"], figures["due"], figures["breached"], figures["declined"]) == (1, 1, 1, 1)


async def test_each_month_has_its_own_count(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00", date(2015, 3, 31))) as care:
        await _route(care, 180)
        await care.context.let_pass(timedelta(days=1))

        await _route(care, 1)

        assert await care.context.published(CapacityWarned) == []


@pytest.mark.acceptance("rapid_care-9")
async def test_72_avoided_of_180_is_the_rate_that_the_plan_assumes(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        response_ids = await _route(care, 180)
        await _avoid(care, response_ids[:72])

        figures = await care.get("figures", month="2015-03")

        assert (figures["referrals"], figures["avoided"], figures["avoided_rate"]) == (180, 72, 0.40)
        assert figures["avoided_rate"] == figures["avoided_rate_assumption"]
        assert (figures["due"], figures["met"], figures["met_rate"]) == (72, 72, 1.0)
        assert (figures["running"], figures["benefit_pounds"]) == (108, 72 * 2004)
        assert (figures["capacity_low"], figures["capacity_high"], figures["modelled_baseline"]) == (180, 200, 120)


async def test_what_was_met_breached_declined_and_set_apart_is_counted_once(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        met, late, telephone, written_late, declined, waiting, overdue = [
            await care.routed(is_by_telephone=number == 2) for number in range(7)
        ]
        for response_id in (met, late, telephone, written_late):
            await care.bring(response_id, Status.EN_ROUTE)
        await care.bring(met, Status.CONTACTED)
        await care.bring(telephone, Status.CONTACTED, mode="telephone-by-triage")
        await care.do(declined, "decline", reason="ineligible")
        await care.do(waiting, "decline", reason="capacity")
        await care.context.let_pass(timedelta(hours=3))
        await care.bring(late, Status.CONTACTED)
        await care.bring(written_late, Status.CONTACTED, contacted_at=at("15:00").isoformat())
        await care.routed()

        figures = await care.get("figures", month="2015-03")

        assert (figures["referrals"], figures["due"], figures["met"], figures["breached"]) == (8, 4, 2, 2)
        assert (figures["met_rate"], figures["recorded_late"], figures["by_telephone"]) == (0.5, 1, 1)
        assert (figures["declined"], figures["running"], figures["avoided_rate"]) == (2, 1, 0.0)
        assert (await care.read(overdue))["clock"] == "overdue"


async def test_a_month_without_referrals_has_no_rates(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        figures = await care.get("figures", month="2015-02")

        assert (figures["referrals"], figures["met_rate"], figures["avoided_rate"]) == (0, None, None)
        for month in ("2015-13", "0000-01", "9999-12", "march"):
            wrong = await care.context.http.get("/rapid-care/figures", headers=care.staff, params={"month": month})
            assert (wrong.status_code, wrong.json()["code"]) == (422, "validation-failed")


async def test_running_and_breached_clocks_are_gauges(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        await _route(care, 2)
        reached = await care.routed()
        await care.bring(reached, Status.CONTACTED)
        await care.context.let_pass(timedelta(hours=2, seconds=1))
        await care.routed()

        text = (await care.context.http.get("/rapid-care/metrics")).text

        assert "care_two_hour_clocks_open 3.0" in text
        assert "care_two_hour_clocks_breached 2.0" in text
        assert "care_two_hour_clocks_near_breach 0.0" in text

        await care.context.let_pass(timedelta(hours=1, minutes=31))

        assert "care_two_hour_clocks_near_breach 1.0" in (await care.context.http.get("/rapid-care/metrics")).text
