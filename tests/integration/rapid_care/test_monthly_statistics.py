"""The month's capacity, its statistics, and the gauges of the two-hour clock."""

from datetime import date, timedelta
from uuid import UUID

import pytest

from services.rapid_care.commands import AssignClinician, CloseResponse, RecordAssessment, RecordFirstContact
from services.rapid_care.domain.response import Status
from services.rapid_care.handlers import response as handlers
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
from tests.builders.rapid_care import NURSE, RapidCareClient, a_routed_referral, at


async def _route(team: RapidCareClient, count: int) -> list[UUID]:
    """Delivers `count` referrals in one batch; returns the ids of all responses."""
    secrets = team.context.database.secrets
    event = a_routed_referral(team.context.clock.at)
    await team.context.processor.apply([arrived(event, key=new_id(), subject=new_id(), secrets=secrets) for _ in range(count)])
    rows = await team.context.database.pool.fetch("SELECT id FROM response ORDER BY id")
    return [row["id"] for row in rows]


async def _avoid(team: RapidCareClient, response_ids: list[UUID]) -> None:
    """Each response ends at once as an avoided admission, in one transaction."""
    await team.roster(NURSE, "emergency-nurse-practitioner")
    async with team.context.database.transaction() as tx:
        for each in response_ids:
            await handlers.accept_response(Target(each, 1), tx=tx)
            await handlers.assign_clinician(Target(each, 2), AssignClinician(NURSE), tx=tx)
            await handlers.record_first_contact(Target(each, 3), RecordFirstContact(tx.now), tx=tx)
            await handlers.record_assessment(Target(each, 4), RecordAssessment((Need.INFECTION,), (Need.NONE,)), tx=tx)
            await handlers.close_response(Target(each, 5), CloseResponse(ResponseOutcome.ADMISSION_AVOIDED), tx=tx)


@pytest.mark.acceptance("rapid_care-5")
async def test_month_warns_at_181_and_alerts_at_201(team: RapidCareClient) -> None:
    await _route(team, 180)
    assert await team.context.published(CapacityWarned) == []
    await _route(team, 1)
    await _route(team, 19)
    assert [event.level for event in await team.context.published(CapacityWarned)] == [CapacityLevel.WARNING]
    await _route(team, 3)

    warnings = [(event.month, event.referrals, event.level) for event in await team.context.published(CapacityWarned)]
    assert warnings == [(date(2015, 3, 1), 181, CapacityLevel.WARNING), (date(2015, 3, 1), 201, CapacityLevel.ALERT)]
    assert len(await team.context.published(ResponseRequested)) == 203


@pytest.mark.acceptance("rapid_care-5")
async def test_rerouted_referral_is_counted_once(team: RapidCareClient) -> None:
    referral_id, received_at = new_id(), at("14:00")
    first = await team.receive_referral(referral_id=referral_id, received_at=received_at)
    await team.context.let_pass(timedelta(minutes=130))
    await team.command(first, "decline", reason="capacity")
    await team.context.deliver(a_routed_referral(received_at, routing=2), key=new_id(), subject=referral_id)
    again = await team.context.database.pool.fetchval("SELECT id FROM response WHERE referral_id = $1 AND id <> $2", referral_id, first)
    reached = await team.advance(again, Status.CONTACTED)
    await team.context.let_pass(timedelta(hours=3))

    assert reached["clock"] == "breached"
    assert [event.minutes_elapsed for event in await team.context.published(ResponseAtRisk)] == [60, 90, 110]
    assert len(await team.context.published(ResponseBreached)) == 1
    assert await team.context.database.pool.fetchval("SELECT referrals FROM monthly_referral_count") == 1
    statistics = await team.get("monthly-statistics", month="2015-03")
    assert (statistics["referrals"], statistics["due"], statistics["breached"], statistics["declined"]) == (1, 1, 1, 1)


@pytest.mark.parametrize("now", [at("14:00", date(2015, 3, 31))], ids=["31 March"])
async def test_new_month_starts_new_count(team: RapidCareClient) -> None:
    await _route(team, 180)
    await team.context.let_pass(timedelta(days=1))

    await _route(team, 1)

    assert await team.context.published(CapacityWarned) == []


@pytest.mark.acceptance("rapid_care-9")
async def test_72_avoided_of_180_give_assumed_rate(team: RapidCareClient) -> None:
    response_ids = await _route(team, 180)
    await _avoid(team, response_ids[:72])

    statistics = await team.get("monthly-statistics", month="2015-03")

    assert (statistics["referrals"], statistics["avoided"], statistics["avoided_rate"]) == (180, 72, 0.40)
    assert statistics["avoided_rate"] == statistics["avoided_rate_assumption"]
    assert (statistics["due"], statistics["met"], statistics["met_rate"]) == (72, 72, 1.0)
    assert (statistics["running"], statistics["benefit_pounds"]) == (108, 72 * 2004)
    assert (statistics["capacity_low"], statistics["capacity_high"], statistics["modelled_baseline"]) == (180, 200, 120)


async def test_each_response_is_counted_in_one_category(team: RapidCareClient) -> None:
    met, late, telephone, written_late, declined, waiting, overdue = [
        await team.receive_referral(is_by_telephone=number == 2) for number in range(7)
    ]
    for response_id in (met, late, telephone, written_late):
        await team.advance(response_id, Status.EN_ROUTE)
    await team.advance(met, Status.CONTACTED)
    await team.advance(telephone, Status.CONTACTED, mode="telephone-by-triage")
    await team.command(declined, "decline", reason="ineligible")
    await team.command(waiting, "decline", reason="capacity")
    await team.context.let_pass(timedelta(hours=3))
    await team.advance(late, Status.CONTACTED)
    await team.advance(written_late, Status.CONTACTED, contacted_at=at("15:00").isoformat())
    await team.receive_referral()

    statistics = await team.get("monthly-statistics", month="2015-03")

    assert (statistics["referrals"], statistics["due"], statistics["met"], statistics["breached"]) == (8, 4, 2, 2)
    assert (statistics["met_rate"], statistics["recorded_late"], statistics["by_telephone"]) == (0.5, 1, 1)
    assert (statistics["declined"], statistics["running"], statistics["avoided_rate"]) == (2, 1, 0.0)
    assert (await team.read(overdue))["clock"] == "overdue"


async def test_month_without_referrals_has_no_rates(team: RapidCareClient) -> None:
    statistics = await team.get("monthly-statistics", month="2015-02")

    assert (statistics["referrals"], statistics["met_rate"], statistics["avoided_rate"]) == (0, None, None)
    for month in ("2015-13", "0000-01", "9999-12", "march"):
        wrong = await team.context.http.get("/rapid-care/monthly-statistics", headers=team.staff, params={"month": month})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "validation-failed")


async def test_gauges_count_open_and_breached_clocks(team: RapidCareClient) -> None:
    await _route(team, 2)
    reached = await team.receive_referral()
    await team.advance(reached, Status.CONTACTED)
    await team.context.let_pass(timedelta(hours=2, seconds=1))
    await team.receive_referral()

    text = (await team.context.http.get("/rapid-care/metrics")).text

    assert "care_two_hour_clocks_open 3.0" in text
    assert "care_two_hour_clocks_breached 2.0" in text
    assert "care_two_hour_clocks_near_breach 0.0" in text

    await team.context.let_pass(timedelta(hours=1, minutes=31))

    assert "care_two_hour_clocks_near_breach 1.0" in (await team.context.http.get("/rapid-care/metrics")).text
