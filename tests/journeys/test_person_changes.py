"""A death, a move and their reversal, over HTTP and through Kafka: whichever service records it, all four agree."""

from collections.abc import Awaitable, Callable

import pytest

from infra.demo.world import World
from tests.builders.journey import agreed_views, in_care_of_all_four

pytestmark = pytest.mark.timeout(400)

_SUPPORT = {"referrals": [], "rapid_care": [], "mdt": [], "navigation": ["task assigned"]}
_NOTHING: dict[str, list[str]] = {"referrals": [], "rapid_care": [], "mdt": [], "navigation": []}


async def _at_the_point_of_access(world: World, person: str, _: str) -> None:
    path = f"/referrals/people/{person}"
    await world.caller("point-of-access").change(f"{path}/life", f"{path}/death", {"died_on": "2026-09-07"})


async def _in_rapid_care(world: World, _: str, response: str) -> None:
    rapid = world.caller("rapid-care")
    await rapid.act(response, "assignment", {"clinician_id": "clch-enp-1"})
    await rapid.act(response, "closure", {"outcome": "died-elsewhere"})


async def _at_the_meeting(world: World, person: str, _: str) -> None:
    meeting = world.caller("mdt-coordinator")
    [case] = (await meeting.get("/mdt/cases", person_id=person))["items"]
    await meeting.act(f"/mdt/cases/{case['id']}", "closure", {"reason": "died"})


async def _in_care_navigation(world: World, person: str, _: str) -> None:
    navigation = world.caller("navigation-coordinator")
    [task] = (await navigation.get(f"/navigation/people/{person}/tasks"))["items"]
    await navigation.act(f"/navigation/tasks/{task['id']}", "fulfilment", {"outcome": "person-died"})


@pytest.mark.parametrize(
    ("nhs_number", "record"),
    [
        ("9990548609", _at_the_point_of_access),
        ("9434765919", _in_rapid_care),
        ("9876543210", _at_the_meeting),
        ("9990548617", _in_care_navigation),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_death_that_one_service_records_ends_all_care(
    world: World, nhs_number: str, record: Callable[[World, str, str], Awaitable[None]]
) -> None:
    person, response = await in_care_of_all_four(world, nhs_number)
    before = await agreed_views(world, person)
    assert all(before.open_work.values()), before

    await record(world, person, response)

    after = await agreed_views(world, person)
    assert set(after.facts["died or moved"].values()) == {"death"}
    assert after.open_work == _SUPPORT
    tasks = (await world.caller("navigation-coordinator").get(f"/navigation/people/{person}/tasks"))["items"]
    assert [task["kind"] for task in tasks if task["status"] == "assigned"] == ["bereavement-support"]


async def test_move_ends_care_and_its_reversal_restores_it(world: World) -> None:
    person, _ = await in_care_of_all_four(world, "9990548625")
    before, path = await agreed_views(world, person), f"/referrals/people/{person}"
    access = world.caller("point-of-access")

    await access.change(f"{path}/life", f"{path}/move", {"moved_on": "2026-09-07"})
    moved = await agreed_views(world, person)
    assert set(moved.facts["died or moved"].values()) == {"move"}
    assert moved.open_work == _NOTHING

    await access.change(f"{path}/life", f"{path}/restoration", {"reason": "It was her sister who moved."})
    restored = await agreed_views(world, person)
    assert set(restored.facts["died or moved"].values()) == {""}
    assert restored.open_work == before.open_work
