"""The two-hour promise at its edges, over HTTP and through Kafka: a breach that a recall rescues, and a referral of the night."""

from datetime import datetime

import pytest

from infra.demo.story_dates import day
from infra.demo.world import World
from tests.builders.journey import NURSE, agreed_views, refer, response_to, route

pytestmark = pytest.mark.timeout(400)


async def test_breach_is_rescued_by_recall(world: World) -> None:
    access, rapid = world.caller("point-of-access"), world.caller("rapid-care")
    receipt = await refer(world, nhs_number="9990548609")
    path = f"/referrals/{receipt['id']}"
    await route(world, receipt["id"], "rapid-care", "rapid-care")
    unvisited = await response_to(world, receipt["id"])
    await rapid.act(unvisited, "acceptance")

    await world.travel(day(1, "12:10"))
    await world.wait_until_drained()
    late = (await access.get("/referrals/work", section="receiver-at-risk"))["items"]
    assert [(item["id"], item["receiver_breached_at"] is not None) for item in late] == [(receipt["id"], True)]
    assert receipt["id"] in {each["referral_id"] for each in (await rapid.get("/rapid-care/responses", attention="breached"))["items"]}

    await access.act(path, "recall")
    await route(world, receipt["id"], "rapid-care", "rapid-care")
    rescued = await response_to(world, receipt["id"])
    assert rescued != unvisited
    assert (await rapid.get(unvisited))["status"] == "cancelled"
    await _visit(world, rescued, day(1, "12:20"))

    views = await agreed_views(world, receipt["person_id"])
    assert views.open_work["referrals"] == ["referral accepted"]
    assert views.open_work["rapid_care"] == ["response contacted"]
    assert (await access.get("/referrals/work", section="receiver-at-risk"))["items"] == []


async def test_night_referral_has_advice_until_the_morning(world: World) -> None:
    rapid, gp = world.caller("rapid-care"), world.caller("gp")
    await world.travel(day(2, "03:00"))

    receipt = await refer(world, nhs_number="9434765919")
    path = f"/referrals/{receipt['id']}"
    assert receipt["emergency_alternative"] == "out-of-hours-gp"
    await route(world, receipt["id"], "rapid-care", "rapid-care")
    held = await response_to(world, receipt["id"])
    await rapid.act(held, "acceptance")
    await world.wait_until_drained()
    accepted, response = await gp.get(path), await rapid.get(held)
    assert accepted["emergency_alternative"] == "out-of-hours-gp"
    assert accepted["clock_starts_at"] == response["clock_starts_at"]
    assert datetime.fromisoformat(accepted["opens_at"]) == datetime.fromisoformat(response["clock_starts_at"])

    await world.travel(day(2, "07:05"))
    await world.wait_until_drained()
    assert (await gp.get(path))["emergency_alternative"] is None
    await _visit(world, held, day(2, "08:30"))

    views = await agreed_views(world, receipt["person_id"])
    assert views.open_work["rapid_care"] == ["response contacted"]
    assert (await rapid.get(held))["clock"] == "met"


async def _visit(world: World, response: str, at: datetime) -> None:
    rapid = world.caller("rapid-care")
    if (await rapid.get(response))["status"] == "requested":
        await rapid.act(response, "acceptance")
    await rapid.act(response, "assignment", {"clinician_id": NURSE})
    await rapid.act(response, "departure")
    await world.travel(at)
    await rapid.act(response, "first-contact", {"contacted_at": at.isoformat(), "mode": "face-to-face"})
