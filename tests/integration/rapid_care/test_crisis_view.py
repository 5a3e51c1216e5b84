"""The crisis view opens a withheld story while the two-hour clock runs; before and afterwards a caller states a reason (G12)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from services.rapid_care.domain.response import Status
from services.rapid_care.queries.briefing import briefing
from services.rapid_care.store.responses import responses
from shared.access import Basis, Relationship
from shared.contracts.persons import SharingPreference
from shared.contracts.referrals import ReferralRecalled
from shared.kernel.ids import new_id
from shared.kernel.totality import total
from shared.persistence.relationships import PersonAccess
from tests.builders.faulty_database import FaultyDatabase
from tests.builders.rapid_care import RapidCareClient, a_routed_referral, at, mr_dale
from tests.timeouts import until

_OPENS_AT = at("15:00")
_SECOND = timedelta(seconds=1)
_SHOWN, _WITHHELD = (200, None), (403, "story-withheld")

Drive = Callable[[RapidCareClient, UUID], Awaitable[object]]


def _to(status: Status) -> Drive:
    return lambda team, response_id: team.advance(response_id, status)


async def _stay(_: RapidCareClient, __: UUID) -> None:
    """The status in which a response begins."""


async def _escalate(team: RapidCareClient, response_id: UUID) -> None:
    await team.advance(response_id, Status.ASSESSED)
    await team.command(response_id, "closure", outcome="admitted")


async def _decline(team: RapidCareClient, response_id: UUID) -> None:
    await team.command(response_id, "decline", reason="capacity")


async def _recall(team: RapidCareClient, response_id: UUID) -> None:
    referral_id = UUID((await team.read(response_id))["referral_id"])
    await team.context.deliver(ReferralRecalled(service_code="rapid-care", routing=1), key=new_id(), subject=referral_id)


#: For each status how a response reaches it, and whether its clock runs then.
_STATES: Mapping[Status, tuple[Drive, bool]] = total(
    Status,
    {
        Status.HELD: (_stay, False),
        Status.REQUESTED: (_stay, True),
        Status.ACCEPTED: (_to(Status.ACCEPTED), True),
        Status.ASSIGNED: (_to(Status.ASSIGNED), True),
        Status.EN_ROUTE: (_to(Status.EN_ROUTE), True),
        Status.CONTACTED: (_to(Status.CONTACTED), False),
        Status.ASSESSED: (_to(Status.ASSESSED), False),
        Status.PACKAGE_AGREED: (_to(Status.PACKAGE_AGREED), False),
        Status.STEPPED_DOWN: (_to(Status.STEPPED_DOWN), False),
        Status.ESCALATED: (_escalate, False),
        Status.DECLINED: (_decline, False),
        Status.CANCELLED: (_recall, False),
        Status.CLOSED: (_to(Status.CLOSED), False),
    },
)


async def _a_person(team: RapidCareClient) -> UUID:
    person_id = new_id()
    await team.context.deliver(mr_dale(sharing=SharingPreference.WITHHELD), key=person_id, subject=person_id)
    return person_id


async def _a_response(team: RapidCareClient, status: Status) -> tuple[UUID, UUID]:
    """The ids of a person who withholds the story, and of their response in the status."""
    person_id, drive = await _a_person(team), _STATES[status][0]
    starts: dict[str, Any] = {"clock_starts_at": _OPENS_AT} if status is Status.HELD else {}
    response_id = await team.receive_referral(person_id=person_id, **starts)
    await drive(team, response_id)
    assert (await team.read(response_id))["status"] == status
    return person_id, response_id


async def _seen(reader: RapidCareClient, person_id: UUID, response_id: UUID) -> tuple[Any, str | None, str | None]:
    """The answer of the story, its words, and those in the briefing, which comes first: it would open the story too."""
    briefing = await reader.get(f"responses/{response_id}/briefing")
    answer = await reader.context.http.get(f"/rapid-care/people/{person_id}/story", headers=reader.staff)
    body = answer.json()
    return (answer.status_code, body.get("code")), body.get("story", {}).get("narrative"), (briefing["story"] or {}).get("narrative")


async def _acts(team: RapidCareClient) -> list[tuple[str, str]]:
    """Who broke the glass, and why."""
    audit = team.context.token("rapid-care:audit", actor="guardian-1")
    acts = await team.context.http.get("/rapid-care/break-glass", headers=audit)
    return [(act["actor_id"], act["reason"]) for act in acts.json()["items"]]


async def _break_glass(reader: RapidCareClient, person_id: UUID) -> int:
    act = {"reason": "emergency", "explanation": "He is unconscious."}
    url, headers = f"/rapid-care/people/{person_id}/break-glass", reader.staff | {"Idempotency-Key": str(new_id())}
    return (await reader.context.http.post(url, headers=headers, json=act)).status_code


@pytest.fixture
def reader(team: RapidCareClient) -> RapidCareClient:
    """A clinician who has read nothing yet: whom a command has shown a briefing has acted already."""
    return team.as_clinician("nurse-2")


@pytest.mark.parametrize("status", Status)
async def test_withheld_story_opens_while_the_clock_runs(team: RapidCareClient, reader: RapidCareClient, status: Status) -> None:
    words = mr_dale().story.narrative
    person_id, response_id = await _a_response(team, status)

    seen = await _seen(reader, person_id, response_id)

    acts = [reason for actor, reason in await _acts(team) if actor == reader.actor]
    does_run = _STATES[status][1]
    assert seen == ((_SHOWN, words, words) if does_run else (_WITHHELD, None, None))
    assert acts == (["running-clock"] if does_run else [])


@pytest.mark.parametrize("status", Status)
async def test_stated_reason_opens_a_withheld_story_in_every_status(team: RapidCareClient, reader: RapidCareClient, status: Status) -> None:
    words = mr_dale().story.narrative
    person_id, response_id = await _a_response(team, status)

    broken = await _break_glass(reader, person_id)

    assert (broken, await _seen(reader, person_id, response_id)) == (201, (_SHOWN, words, words))
    assert [reason for actor, reason in await _acts(team) if actor == reader.actor] == ["emergency"]


async def test_early_acceptance_opens_no_withheld_story(team: RapidCareClient, reader: RapidCareClient) -> None:
    """A held response may be accepted and assigned before its clock starts."""
    person_id, response_id = await _a_response(team, Status.HELD)
    await team.advance(response_id, Status.ASSIGNED)

    team.context.clock.at = _OPENS_AT - _SECOND
    before, _, _ = await _seen(reader, person_id, response_id)
    team.context.clock.at = _OPENS_AT
    after, _, _ = await _seen(reader, person_id, response_id)

    assert (before, after) == (_WITHHELD, _SHOWN)


async def test_clock_runs_from_opening_before_its_deadline_fires(team: RapidCareClient, reader: RapidCareClient) -> None:
    person_id, response_id = await _a_response(team, Status.HELD)
    team.context.clock.at = _OPENS_AT

    seen, _, _ = await _seen(reader, person_id, response_id)

    assert (seen, (await team.read(response_id))["status"]) == (_SHOWN, "held-until-opening")


async def test_overdue_clock_still_opens_a_withheld_story(team: RapidCareClient, reader: RapidCareClient) -> None:
    person_id, response_id = await _a_response(team, Status.REQUESTED)
    await team.context.let_pass(timedelta(hours=3))

    seen, _, _ = await _seen(reader, person_id, response_id)

    assert (seen, (await team.read(response_id))["clock"]) == (_SHOWN, "overdue")


async def test_clock_that_a_closed_door_stopped_opens_nothing(team: RapidCareClient, reader: RapidCareClient) -> None:
    """The referral comes back on the same clock, which the visit without access has stopped for good (G44)."""
    person_id, referral_id, received_at = await _a_person(team), new_id(), team.context.clock.at
    first = await team.receive_referral(person_id=person_id, referral_id=referral_id)
    await team.advance(first, Status.CONTACTED, mode="no-access")
    await team.command(first, "decline", reason="capacity")
    await team.context.deliver(a_routed_referral(received_at, routing=2), key=person_id, subject=referral_id, sequence=2)
    second = UUID((await team.get("responses", referral_id=str(referral_id)))["items"][0]["id"])

    seen, _, _ = await _seen(reader, person_id, second)

    assert ((await team.read(second))["status"], seen) == ("requested", _WITHHELD)


async def test_clock_of_another_response_opens_the_story(team: RapidCareClient, reader: RapidCareClient) -> None:
    person_id, ended = await _a_response(team, Status.DECLINED)
    await team.receive_referral(person_id=person_id)

    assert (await _seen(reader, person_id, ended))[0] == _SHOWN


async def test_crisis_view_ends_an_hour_after_it_began(team: RapidCareClient) -> None:
    """The clinician at the bedside keeps the story for the rest of the act, and then states a reason."""
    person_id, response_id = await _a_response(team, Status.EN_ROUTE)
    began_at = team.context.clock.at
    await team.get(f"responses/{response_id}/briefing")
    await team.advance(response_id, Status.CONTACTED)

    team.context.clock.at = began_at + timedelta(minutes=60) - _SECOND
    during, _, _ = await _seen(team, person_id, response_id)
    team.context.clock.at = began_at + timedelta(minutes=60)
    afterwards, _, _ = await _seen(team, person_id, response_id)

    assert (during, afterwards) == (_SHOWN, _WITHHELD)


class _SlowDatabase(FaultyDatabase):
    """Acts are committed late."""

    async def has_two_waiting(self) -> bool:
        return await self.count("pg_stat_activity", "datname = current_database() AND wait_event = 'advisory'") == 2


async def test_reads_at_once_are_one_act(team: RapidCareClient, reader: RapidCareClient, owner_url: str) -> None:
    person_id, response_id = await _a_response(team, Status.ACCEPTED)
    database = _SlowDatabase()
    database.owner = await asyncpg.connect(owner_url)

    async with database.slow_commits("rapid_care.break_glass", "true"):
        reads = [asyncio.create_task(_seen(reader, person_id, response_id)) for _ in range(2)]
        await until(database.has_two_waiting)
    answers = await asyncio.gather(*reads)
    await database.owner.close()

    assert {status for (status, _), *_ in answers} == {200}
    assert [reason for actor, reason in await _acts(team) if actor == "nurse-2"] == ["running-clock"]


async def test_briefing_shows_no_record_that_shares_less(team: RapidCareClient) -> None:
    """A command has read the preference before the record changed."""
    _, response_id = await _a_response(team, Status.ACCEPTED)
    judged = PersonAccess([Relationship(Basis.RESPONSE, "CLCH")], SharingPreference.DIRECT_CARE, lambda _: None)
    async with team.context.api_database.transaction() as tx:
        shown = await briefing(tx, await responses.load(tx, response_id), judged)

    assert shown.person is not None
    assert shown.story is None
