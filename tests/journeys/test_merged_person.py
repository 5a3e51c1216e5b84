"""One person of two records: merged in the middle of everything, and separated again, over HTTP and through Kafka."""

from typing import Any

import pytest

from infra.demo.world import World
from tests.builders.journey import NURSE, agreed_views, in_care_of_all_four, refer, response_to, route

pytestmark = pytest.mark.timeout(400)

_NUMBER = "9990548609"


async def test_person_is_one_through_verification_and_separation(world: World) -> None:
    access, rapid = world.caller("point-of-access"), world.caller("rapid-care")
    known, _ = await in_care_of_all_four(world, _NUMBER)
    unverified = await refer(world)
    person, other = unverified["person_id"], f"/referrals/people/{unverified['person_id']}"
    await route(world, unverified["id"], "rapid-care", "rapid-care")
    response = await response_to(world, unverified["id"])
    await rapid.act(response, "acceptance")
    await rapid.act(response, "assignment", {"clinician_id": NURSE})

    found = await access.get(f"{other}/candidates")
    assert [(each["person"]["id"], "same-birthday-and-name" in each["reasons"]) for each in found] == [(known, True)]
    await access.change(f"{other}/identity", f"{other}/verification", {"nhs_number": _NUMBER})

    merged = await agreed_views(world, person)
    assert set(merged.facts["merged into"].values()) == {known}
    assert (await agreed_views(world, known)).facts == merged.facts
    assert await _references(world, unverified) == {"accepted"}
    assert await _stories(world, person) == await _stories(world, known)
    contacted_at = (await rapid.get(response))["received_at"]
    await rapid.act(response, "first-contact", {"contacted_at": contacted_at, "mode": "face-to-face"})

    await access.change(f"{other}/identity", f"{other}/separation", {"reason": "Another person of the same house."})
    separated = await agreed_views(world, person)
    assert set(separated.facts["merged into"].values()) == {""}
    assert separated.open_work == {
        "referrals": separated.open_work["referrals"],
        "rapid_care": ["response contacted"],
        "mdt": [],
        "navigation": [],
    }
    remaining = await agreed_views(world, known)
    assert all(remaining.open_work.values()), remaining
    assert "response contacted" not in remaining.open_work["rapid_care"]


async def _references(world: World, receipt: dict[str, Any]) -> set[str]:
    """The statuses that the referrer sees under the reference of its receipt."""
    return {item["status"] for item in (await world.caller("gp").get("/referrals", reference=receipt["reference"]))["items"]}


async def _stories(world: World, person: str) -> list[str]:
    """The narrative that each service shows for an id of the person."""
    readers = {"mdt-coordinator": "mdt", "rapid-care": "rapid-care", "navigation-coordinator": "navigation"}
    stories = [await world.caller(name).get(f"/{context}/people/{person}/story") for name, context in readers.items()]
    return [story["story"]["narrative"] for story in stories]
