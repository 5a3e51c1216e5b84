"""A safeguarding concern from each service, through Kafka to the council, beside care that goes on (S22, IG13)."""

from datetime import timedelta
from typing import Any

import pytest

from infra.demo.story_dates import day
from infra.demo.world import StoryBroken, World
from tests.builders.journey import NURSE, agreed_views, in_care_of_all_four
from tests.builders.safeguarding import WORDS, a_concern

pytestmark = pytest.mark.timeout(400)

_NUMBER = "9990548609"
_CONCERNS = "/referrals/safeguarding-concerns"
#: Who raises the concern in which service.
_RAISERS = {"gp": "/referrals", "rapid-care": "/rapid-care", "mdt-coordinator": "/mdt", "navigation-coordinator": "/navigation"}


async def test_concern_from_each_service_is_one_beside_care(world: World) -> None:
    person, response = await in_care_of_all_four(world, _NUMBER)
    council, rapid = world.caller("council"), world.caller("rapid-care")
    before = await agreed_views(world, person)

    receipts = [await _raise(world, name, person, is_urgent=name == "gp") for name in _RAISERS]
    await world.wait_until_drained()

    [listed] = (await council.get(_CONCERNS))["items"]
    concern = await council.get(f"{_CONCERNS}/{listed['id']}")
    assert {each["reference"] for each in concern["accounts"]} == {each["reference"] for each in receipts}
    assert {each["service"] for each in concern["accounts"]} == {prefix.removeprefix("/") for prefix in _RAISERS.values()}
    assert {each["account"] for each in concern["accounts"]} == {WORDS}
    assert {frozenset(each) for each in receipts} == {frozenset({"reference", "received_at"})}

    after = await agreed_views(world, person)  # also that a replay of the log adds no account and leaves no parked record
    assert (after.facts, after.open_work) == (before.facts, before.open_work)
    await rapid.act(response, "assignment", {"clinician_id": NURSE})
    assert len((await council.get(f"{_CONCERNS}/{listed['id']}"))["accounts"]) == len(_RAISERS)

    await world.travel(day(1, "10:00") + timedelta(hours=5))
    await world.wait_until_drained()
    [escalated] = (await world.caller("safeguarding-lead").get(_CONCERNS, status="escalated"))["items"]
    await council.act(f"{_CONCERNS}/{escalated['id']}", "acknowledgement")
    closed = await council.act(f"{_CONCERNS}/{escalated['id']}", "closure", {"outcome": "enquiry-opened", "reason": "He agreed."})
    assert (closed["status"], escalated["id"]) == ("closed", listed["id"])


async def test_form_does_not_know_an_unknown_person(world: World) -> None:
    for name in _RAISERS:
        with pytest.raises(StoryBroken, match=r"404.*person-record-not-found"):
            await _raise(world, name, "0193a1f0-0000-7000-8000-00000000d1a1")


async def _raise(world: World, name: str, person: str, **changes: Any) -> Any:
    return await world.caller(name).create(f"{_RAISERS[name]}/safeguarding-concerns", a_concern(person, raiser_name=name, **changes))
