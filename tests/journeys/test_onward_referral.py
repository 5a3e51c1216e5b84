"""A Rapid Care response steps down to community nursing: over HTTP and through Kafka, until the receiver has answered."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from infra.demo.world import World
from shared.clock import LONDON
from tests.builders.journey import NURSE, agreed_views, refer, response_to, route

pytestmark = pytest.mark.timeout(400)


@dataclass(frozen=True)
class SteppedDown:
    """The referral of a GP, Rapid Care's response to it, and the onward referral of the step-down."""

    origin: dict[str, Any]
    response_path: str
    onward: dict[str, Any]

    @property
    def onward_path(self) -> str:
        return f"/referrals/{self.onward['id']}"


async def test_step_down_is_received_accepted_and_closed(world: World) -> None:
    stepped_down, team = await _step_down(world, "9990548609"), world.caller("locality-team")
    onward = stepped_down.onward

    assert (onward["service_code"], onward["status"]) == ("district-nursing", "routed")
    assert onward["received_at"] == stepped_down.origin["received_at"]
    assert onward["id"] in {item["id"] for item in (await team.get("/referrals/incoming"))["items"]}
    assert await _seen_by_rapid_care(world, stepped_down) == ["asked"]
    await team.act(stepped_down.onward_path, "acceptance")
    assert await _seen_by_rapid_care(world, stepped_down) == ["accepted"]
    await team.act(stepped_down.onward_path, "closure", {"outcome": "need-met"})
    assert await _seen_by_rapid_care(world, stepped_down) == ["closed"]
    timeline = await world.caller("point-of-access").get(f"/referrals/people/{stepped_down.origin['person_id']}/timeline")
    verbs = [entry["type"].split(".")[2] for entry in timeline["items"] if entry["subject"] == onward["id"]]
    assert verbs == ["received", "identified", "triaged", "routed", "accepted", "closed"]
    await agreed_views(world, stepped_down.origin["person_id"])


async def test_returned_step_down_goes_to_another_service(world: World) -> None:
    stepped_down, team, access = await _step_down(world, "9434765919"), world.caller("locality-team"), world.caller("point-of-access")

    await team.act(stepped_down.onward_path, "return", {"reason": "capacity"})

    assert await _seen_by_rapid_care(world, stepped_down) == ["returned"]
    assert stepped_down.onward["id"] in {item["id"] for item in (await access.get("/referrals/work"))["items"]}
    await access.act(stepped_down.onward_path, "triage", {"urgency": "routine", "is_complex": False, "reason": "Needs enablement."})
    await access.act(stepped_down.onward_path, "route", {"route": "service", "service_code": "enablement"})
    await world.wait_until_drained()
    response = await world.caller("rapid-care").get(stepped_down.response_path)
    assert [(each["service_code"], each["state"]) for each in response["onward"]] == [("enablement", "asked")]
    views = await agreed_views(world, stepped_down.origin["person_id"])
    assert views.open_work["referrals"] == ["referral routed"]


async def test_late_acknowledgement_is_shown_and_may_still_come(world: World) -> None:
    stepped_down, access = await _step_down(world, "9876543210"), world.caller("point-of-access")
    assert stepped_down.onward["id"] not in {item["id"] for item in (await access.get("/referrals/work"))["items"]}

    now = await world.owner.fetchval("SELECT now() + delta FROM referrals.clock_offset")
    await world.travel(now.astimezone(LONDON) + timedelta(days=5))

    overdue = await access.get("/referrals/work", section="overdue")
    assert stepped_down.onward["id"] in {item["id"] for item in overdue["items"]}
    await world.caller("locality-team").act(stepped_down.onward_path, "acceptance")
    assert await _seen_by_rapid_care(world, stepped_down) == ["accepted"]
    views = await agreed_views(world, stepped_down.origin["person_id"])
    assert views.open_work["referrals"] == ["referral accepted"]


async def _step_down(world: World, nhs_number: str) -> SteppedDown:
    """Refers the person urgently; Rapid Care visits, assesses and steps down to community nursing."""
    access, rapid = world.caller("point-of-access"), world.caller("rapid-care")
    origin = await refer(world, nhs_number=nhs_number)
    await route(world, origin["id"], "rapid-care", "rapid-care")
    response_path = await response_to(world, origin["id"])
    await rapid.act(response_path, "acceptance")
    await rapid.act(response_path, "assignment", {"clinician_id": NURSE})
    contacted_at = (await rapid.get(response_path))["received_at"]
    await rapid.act(response_path, "first-contact", {"contacted_at": contacted_at, "mode": "face-to-face"})
    await rapid.act(response_path, "assessment", {"health_needs": ["infection"], "social_needs": ["none"]})
    await rapid.act(response_path, "step-down", {"destination": "community-nursing"})
    await rapid.act(response_path, "closure", {"outcome": "admission-avoided"})
    await world.wait_until_drained()
    [found] = (await world.caller("gp").get("/referrals", reference=origin["reference"]))["items"]
    [onward] = found["onward"]
    return SteppedDown(origin, response_path, await access.get(f"/referrals/{onward['id']}"))


async def _seen_by_rapid_care(world: World, stepped_down: SteppedDown) -> list[str]:
    await world.wait_until_drained()
    response = await world.caller("rapid-care").get(stepped_down.response_path)
    return [each["state"] for each in response["onward"]]
