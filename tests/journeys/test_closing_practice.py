"""Practices close, with and without a successor: over HTTP and through Kafka, until the four services agree (B11)."""

from dataclasses import dataclass
from typing import Any

import pytest

from infra.demo.story_dates import day
from infra.demo.world import Caller, World
from infra.reference.load import load
from tests.builders.journey import NURSE, agreed_views, response_to, route
from tests.builders.practices import a_practice_entry, write

pytestmark = pytest.mark.timeout(400)

_CLOSING = day(8, "00:00").date()
_TRIAGED = {"urgency": "routine", "is_complex": True, "reason": "Standard measures have not kept him well."}


@dataclass(frozen=True)
class ShownPractice:
    """The professional to contact and the locality of one person, as each of the four services shows them."""

    contacts: dict[str, str | None]
    localities: dict[str, str | None]

    @classmethod
    async def of(cls, world: World, person_id: str, response_path: str) -> "ShownPractice":
        access, meeting = world.caller("point-of-access"), world.caller("mdt-coordinator")
        rapid, navigation = world.caller("rapid-care"), world.caller("navigation-coordinator")
        leads = await meeting.get(f"/mdt/people/{person_id}/leads")
        briefing = await rapid.get(f"{response_path}/briefing")
        [*_, task] = (await navigation.get(f"/navigation/people/{person_id}/tasks"))["items"]
        contacts = {
            "referrals": (await access.get(f"/referrals/people/{person_id}/contact"))["professional_id"],
            "mdt": next(lead["professional_id"] for lead in leads if lead["status"] == "active"),
            "rapid-care": briefing["lead"]["professional_id"] if briefing["lead"] else None,
            "navigation": task["contact"]["professional_id"] if task["contact"] else None,
        }
        stories = {
            "mdt": await meeting.get(f"/mdt/people/{person_id}/story"),
            "rapid-care": await rapid.get(f"/rapid-care/people/{person_id}/story"),
            "navigation": await navigation.get(f"/navigation/people/{person_id}/story"),
            "referrals": await access.get(f"/referrals/people/{person_id}"),
        }
        return cls(contacts, {service: story["locality"] for service, story in stories.items()})


@pytest.fixture(scope="module")
async def world(world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The served product on a Monday morning: W07 will merge into B01, and W09 will close, on the Monday after."""
    merged, closed = a_practice_entry("W07", closed=_CLOSING, successor="B01"), a_practice_entry("W09", closed=_CLOSING)
    entries = write(tmp_path_factory.mktemp("practices") / "all.csv", merged, closed)
    await load(world.product.addresses.database_url, entries)
    return world


async def test_four_services_follow_closing_practices(world: World) -> None:
    access = world.caller("point-of-access")
    left = await _sent(world, "9434765919", "W09", urgency="routine", reason="community-nursing")
    await access.act(f"/referrals/{left['id']}", "triage", _TRIAGED | {"is_complex": False})
    await access.act(f"/referrals/{left['id']}", "route", {"route": "service", "service_code": "district-nursing"})
    person_id, response_path = await _led_by_gp(world, "9990548609")

    await world.travel(day(7, "23:30"))
    before = await ShownPractice.of(world, person_id, response_path)
    assert set(before.contacts.values()) == {"gp-W07"}, before
    assert set(before.localities.values()) == {"west"}, before
    assert await _registered(world, "B01") == set()
    assert await _agreed(world, person_id) == ({"W07"}, {"gp-W07"})

    await world.travel(day(8, "00:10"))

    assert await _agreed(world, person_id) == ({"W07"}, {"gp-B01"})
    after = await ShownPractice.of(world, person_id, response_path)
    assert set(after.contacts.values()) == {"gp-B01"}, after
    assert set(after.localities.values()) == {"locality-b"}, after
    assert person_id in await _registered(world, "B01")
    assert await _registered(world, "W07") == set()
    kinds = {task["kind"] for task in (await world.caller("navigation-coordinator").get(f"/navigation/people/{person_id}/tasks"))["items"]}
    assert "inform-person-and-family" in kinds
    await _is_asked_about(world, left)


async def _agreed(world: World, person_id: str) -> tuple[set[str], set[str]]:
    """The recorded practices, which a closure does not change, and the leads that the four services have of a person."""
    facts = (await agreed_views(world, person_id)).facts
    return set(facts["practice"].values()), set(facts["lead"].values())


async def _is_asked_about(world: World, left: dict[str, Any]) -> None:
    """The person of the practice without a successor: the Community Point of Access has the question, asks, and records the answer."""
    access, path = world.caller("point-of-access"), f"/referrals/people/{left['person_id']}"
    waiting = (await access.get("/referrals/work", section="discrepancies"))["items"]
    assert [(item["id"], item["discrepancies"]) for item in waiting] == [(left["id"], ["practice-unknown"])]
    assert (await access.get(f"{path}/contact"))["professional_id"] == "community-point-of-access"
    assert (await access.get(path))["locality"] is None
    assert await _agreed(world, left["person_id"]) == ({"W09"}, {""})

    await access.act(path, "record", {"demographics": _demographics("W10")})

    assert await _agreed(world, left["person_id"]) == ({"W10"}, {""})
    assert (await access.get(f"{path}/contact"))["professional_id"] == "gp-W10"
    assert (await access.get("/referrals/work", section="discrepancies"))["items"] == []
    assert (await access.get(path))["locality"] == "west"


async def _led_by_gp(world: World, nhs_number: str) -> tuple[str, str]:
    """A person with a crisis that Rapid Care has closed, and a plan that the GP leads; their id and the path of the response."""
    rapid, meeting = world.caller("rapid-care"), world.caller("mdt-coordinator")
    urgent = await _sent(world, nhs_number, "W07", urgency="urgent", reason="urgent-deterioration", condition="pneumonia")
    await route(world, urgent["id"], "rapid-care", "rapid-care")
    response_path = await response_to(world, urgent["id"])
    await rapid.act(response_path, "acceptance")
    await rapid.act(response_path, "assignment", {"clinician_id": NURSE})
    contacted_at = (await rapid.get(response_path))["received_at"]
    await rapid.act(response_path, "first-contact", {"contacted_at": contacted_at, "mode": "face-to-face"})
    await rapid.act(response_path, "assessment", {"health_needs": ["infection"], "social_needs": ["none"]})
    await rapid.act(response_path, "closure", {"outcome": "admission-avoided"})

    complex_needs = await _sent(world, nhs_number, "W07", urgency="routine", reason="complex-needs")
    await route(world, complex_needs["id"], "mdt", "mdt", **_TRIAGED)
    [case] = (await meeting.get("/mdt/cases", person_id=urgent["person_id"]))["items"]
    path = f"/mdt/cases/{case['id']}"
    await meeting.act(path, "screening", {"outcome": "eligible"})
    await world.travel(day(3, "13:30"))
    meeting_id = (await meeting.get(path))["meeting_id"]
    await meeting.act(f"/mdt/meetings/{meeting_id}", "attendance", {"attended": ["gp", "social-worker", "community-nurse"]})
    await meeting.act(path, "discussion", _discussion())
    await world.wait_until_drained()
    return urgent["person_id"], response_path


async def _sent(world: World, nhs_number: str, practice: str, **request: Any) -> dict[str, Any]:
    story = {"narrative": "Lives alone; short of breath since this morning."}
    body = {"nhs_number": nhs_number, "source": "gp", "demographics": _demographics(practice), "story": story, **request}
    sent: dict[str, Any] = await _gp(world, practice).create("/referrals", body)
    return sent


async def _registered(world: World, practice: str) -> set[str]:
    """The people whose referrals the practice sees."""
    pages = [await _gp(world, practice).get("/referrals", whose="registered", status=status) for status in ("open", "closed")]
    return {item["person_id"] for page in pages for item in page["items"]}


def _gp(world: World, practice: str) -> Caller:
    token = world.product.keys.token(f"gp-{practice}", practice, "gp", ["referrals:refer"])
    return Caller(f"gp-{practice}", world.http, token, world.calls)


def _demographics(practice: str) -> dict[str, Any]:
    name = {"given_name": "Person", "family_name": "Synthetic"}
    return {**name, "born_on": "1940-02-02", "address": "Oakleigh", "practice_code": practice, "residence": "LBB"}


def _discussion() -> dict[str, Any]:
    crisis = {"warning_signs": "Sudden confusion.", "what_to_do": "Treat at home first.", "whom_to_call": "Rapid Care."}
    plan = {"what_matters": "To stay at home.", "preferred_place_of_care": "home", "problems": ["falls"], "crisis": crisis}
    due_on = day(40, "09:00").date().isoformat()
    action = {"kind": "arrange-social-care-assessment", "owner_role": "care-navigator", "due_on": due_on}
    lead = {"candidate": {"professional_id": "gp-W07", "role": "gp", "organisation": "W07"}, "has_accepted": True}
    return {"joint_plan": plan, "actions": [action], "lead": lead, "is_agreed_by_person": True}
