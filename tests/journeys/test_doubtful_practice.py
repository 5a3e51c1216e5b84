"""A practice that refers a stranger as its own patient and withdraws the referral gains nothing, over HTTP and through Kafka."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from infra.demo.story import PRACTICE
from infra.demo.story_dates import day
from infra.demo.world import World
from tests.builders.journey import agreed_views, open_world, refer, route
from tests.builders.mdt import QUORUM, a_discussion, a_lead

pytestmark = pytest.mark.timeout(400)

_NUMBER = "9990548609"
_COMPLEX = {"nhs_number": _NUMBER, "reason": "complex-needs", "urgency": "routine"}


@pytest.fixture(scope="module")
async def world() -> AsyncIterator[World]:
    """On a Monday morning."""
    async with open_world("doubtful-practice", day(1, "10:00")) as world:
        yield world


async def test_practice_in_doubt_leads_and_reads_only_once_confirmed(world: World) -> None:
    access = world.caller("point-of-access")
    taken = await refer(world, **_COMPLEX)
    await world.caller("gp").act(f"/referrals/{taken['id']}", "cancellation", {"reason": "withdrawn"})
    sent = await access.create("/referrals", {**_COMPLEX, "source": "self-or-carer", "story": {"narrative": "She is afraid of falling."}})
    await route(world, sent["id"], "mdt", "mdt", urgency="routine", is_complex=True)
    await _discuss(world, sent["person_id"])
    before = [await _leads(world, sent["person_id"]), await _story_status(world, sent["person_id"])]

    person = f"/referrals/people/{sent['person_id']}"
    demographics = {name: value for name, value in (await access.get(person)).items() if name in _DEMOGRAPHICS}
    await access.change(person, f"{person}/record", {"demographics": demographics})
    await agreed_views(world, sent["person_id"])

    assert before == [["gp-unknown"], 404]
    assert [await _leads(world, sent["person_id"]), await _story_status(world, sent["person_id"])] == [[f"gp-{PRACTICE}"], 200]


_DEMOGRAPHICS = ("given_name", "family_name", "born_on", "address", "practice_code", "residence")


async def _discuss(world: World, person: str) -> None:
    """At the meeting for which the case is listed; its candidate has not answered yet."""
    meeting = world.caller("mdt-coordinator")
    [case] = (await meeting.get("/mdt/cases", person_id=person))["items"]
    path = f"/mdt/cases/{case['id']}"
    listed = await meeting.act(path, "screening", {"outcome": "eligible"})
    await world.travel(day(3, "13:30"))
    await meeting.act(f"/mdt/meetings/{listed['meeting_id']}", "attendance", {"attended": QUORUM})
    await meeting.act(path, "discussion", a_discussion(day(3, "13:30").date(), lead=a_lead(has_accepted=False)))
    await agreed_views(world, person)


async def _leads(world: World, person: str) -> list[str]:
    leads: list[dict[str, Any]] = await world.caller("mdt-coordinator").get(f"/mdt/people/{person}/leads")
    return [lead["professional_id"] for lead in leads if lead["status"] == "active"]


async def _story_status(world: World, person: str) -> int:
    """What the practice reads at the meeting."""
    bearer = world.product.keys.token(f"gp-{PRACTICE}", PRACTICE, "gp", ["mdt:lead", "mdt:read"])
    return (await world.http.get(f"/mdt/people/{person}/story", headers={"Authorization": f"Bearer {bearer}"})).status_code
