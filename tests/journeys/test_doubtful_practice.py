"""A practice that refers a stranger as its own patient gains nothing by a withdrawal, and keeps nothing after a doubt, in all services."""

from datetime import datetime
from typing import Any

import pytest

from infra.demo.story import PRACTICE
from infra.demo.story_dates import day
from infra.demo.world import World
from infra.operations.verify.report import verify
from tests.builders.journey import agreed_views, refer, route
from tests.builders.mdt import QUORUM, a_discussion, a_lead

pytestmark = pytest.mark.timeout(400)

_NUMBER, _OTHER_NUMBER = "9990548609", "9990548617"
_COMPLEX = {"nhs_number": _NUMBER, "reason": "complex-needs", "urgency": "routine"}


async def test_practice_in_doubt_leads_and_reads_only_once_confirmed(world: World) -> None:
    access = world.caller("point-of-access")
    taken = await refer(world, **_COMPLEX)
    await world.caller("gp").act(f"/referrals/{taken['id']}", "cancellation", {"reason": "withdrawn"})
    sent = await access.create("/referrals", {**_COMPLEX, "source": "self-or-carer", "story": {"narrative": "She is afraid of falling."}})
    await route(world, sent["id"], "mdt", "mdt", urgency="routine", is_complex=True)
    await _discuss(world, sent["person_id"], day(3, "13:30"))
    before = [await _leads(world, sent["person_id"]), await _story_status(world, sent["person_id"])]

    person = f"/referrals/people/{sent['person_id']}"
    demographics = {name: value for name, value in (await access.get(person)).items() if name in _DEMOGRAPHICS}
    await access.change(person, f"{person}/record", {"demographics": demographics})
    await agreed_views(world, sent["person_id"])

    assert before == [["gp-unknown"], 404]
    assert [await _leads(world, sent["person_id"]), await _story_status(world, sent["person_id"])] == [[f"gp-{PRACTICE}"], 200]


async def test_doubt_takes_the_lead_and_its_reads_away(world: World) -> None:
    """Finding: the GP of the practice stayed the lead, and read the story in three services."""
    sent = await refer(world, **_COMPLEX | {"nhs_number": _OTHER_NUMBER})
    await route(world, sent["id"], "mdt", "mdt", urgency="routine", is_complex=True)
    await _discuss(world, sent["person_id"], day(10, "13:45"))
    before = [await _leads(world, sent["person_id"]), await _statuses_of_lead(world, sent["person_id"])]

    again = await refer(world, **_COMPLEX | {"nhs_number": _OTHER_NUMBER, "reason": "falls"})
    await world.caller("point-of-access").act(f"/referrals/{again['id']}", "triage", _DOUBT)
    await agreed_views(world, sent["person_id"])

    assert before == [[f"gp-{PRACTICE}"], [200, 200, 200]]
    assert [await _leads(world, sent["person_id"]), await _statuses_of_lead(world, sent["person_id"])] == [["gp-unknown"], [404, 404, 404]]
    addresses, prefix = world.product.addresses, world.product.layout.prefix
    assert (await verify(addresses.database_url, addresses.kafka_bootstrap, prefix=prefix)).broken == []


_DOUBT = {"urgency": "routine", "is_complex": False, "reason": "She is not their patient.", "is_practice_confirmed": False}
_DEMOGRAPHICS = ("given_name", "family_name", "born_on", "address", "practice_code", "residence")


async def _discuss(world: World, person: str, at: datetime) -> None:
    """At the meeting for which the case is listed; its candidate has not answered yet.

    Notifications repeat at the time of day of an earlier meeting: this one has another time.
    """
    meeting = world.caller("mdt-coordinator")
    [case] = (await meeting.get("/mdt/cases", person_id=person))["items"]
    path = f"/mdt/cases/{case['id']}"
    listed = await meeting.act(path, "screening", {"outcome": "eligible"})
    await world.travel(at)
    await meeting.act(f"/mdt/meetings/{listed['meeting_id']}", "attendance", {"attended": QUORUM})
    await meeting.act(path, "discussion", a_discussion(at.date(), lead=a_lead(has_accepted=False)))
    await agreed_views(world, person)


async def _leads(world: World, person: str) -> list[str]:
    leads: list[dict[str, Any]] = await world.caller("mdt-coordinator").get(f"/mdt/people/{person}/leads")
    return [lead["professional_id"] for lead in leads if lead["status"] == "active"]


async def _story_status(world: World, person: str) -> int:
    """What the practice reads at the meeting."""
    return await _status(world, f"/mdt/people/{person}/story", "mdt:lead", "mdt:read")


async def _statuses_of_lead(world: World, person: str) -> list[int]:
    """What the GP of the practice reads as the lead."""
    paths = (f"/mdt/people/{person}/story", f"/referrals/people/{person}/timeline", f"/navigation/people/{person}/story")
    return [await _status(world, path, "mdt:lead") for path in paths]


async def _status(world: World, path: str, *scopes: str) -> int:
    bearer = world.product.keys.token(f"gp-{PRACTICE}", PRACTICE, "gp", list(scopes))
    return (await world.http.get(path, headers={"Authorization": f"Bearer {bearer}"})).status_code
