"""Two records of one person are merged, and separated again: responses stay under their id, and everyone sees the whole person."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.rapid_care import subscriptions
from services.rapid_care.domain.response import Status
from shared.contracts.event import Event
from shared.contracts.mdt import LeadHandedOver
from shared.contracts.persons import PersonMerged, PersonSeparated, SharingPreference, Story
from shared.contracts.rapid_care import ResponseAssigned
from shared.kernel.ids import new_id
from shared.messaging.event_processor import EventProcessor
from tests.builders.context_app import arrived
from tests.builders.rapid_care import RapidCareClient, a_care_plan, a_lead, at, mr_dale

MERGED_AT, SEPARATED_AT = at("14:10"), at("14:20")


def a_merge(into: UUID, merged_at: datetime = MERGED_AT) -> PersonMerged:
    return PersonMerged(into=into, merged_at=merged_at.astimezone(UTC))


def a_separation(from_person: UUID) -> PersonSeparated:
    return PersonSeparated(from_person=from_person, merged_at=MERGED_AT, separated_at=SEPARATED_AT)


async def _deliver(team: RapidCareClient, person_id: UUID, event: Event, subject: UUID | None = None, sequence: int = 1) -> None:
    await team.context.deliver(event, key=person_id, subject=subject or person_id, sequence=sequence)


async def _a_planned_person(team: RapidCareClient, **plan: Any) -> UUID:
    """A person with a record, a plan and a lead."""
    person_id, recorded = new_id(), a_care_plan(**plan)
    await _deliver(team, person_id, mr_dale())
    await _deliver(team, person_id, recorded, recorded.care_plan_id)
    await _deliver(team, person_id, a_lead(), new_id())
    return person_id


async def _briefing(team: RapidCareClient, response_id: UUID) -> dict[str, Any]:
    briefing: dict[str, Any] = await team.get(f"responses/{response_id}/briefing")
    return briefing


async def test_briefing_shows_survivors_plan_and_lead_until_separation(team: RapidCareClient) -> None:
    survivor, merged = await _a_planned_person(team), new_id()
    response_id = await team.receive_referral(person_id=merged)
    assert (await _briefing(team, response_id))["lead"] is None
    assert [item["person"] for item in (await team.get("responses"))["items"]] == [None]

    await _deliver(team, merged, a_merge(survivor))
    await _deliver(team, merged, a_merge(survivor), sequence=2)

    briefing = await _briefing(team, response_id)
    assert briefing["crisis_plan"]["what_to_do"] == "Treat the infection at home"
    assert (briefing["lead"]["professional_id"], briefing["person"]["family_name"]) == ("nurse-7", "Dale")
    assert (await team.read(response_id))["person_id"] == str(merged)
    [listed] = (await team.get("responses"))["items"]
    name = {"given_name": mr_dale().given_name, "family_name": "Dale", "born_on": str(mr_dale().born_on)}
    assert (listed["person_id"], listed["person"]) == (str(merged), name)
    story = await team.get(f"people/{merged}/story")
    assert (story["person_id"], story["merged_into"]) == (str(merged), str(survivor))
    assert (await team.get(f"people/{survivor}/story"))["merged_into"] is None

    await _deliver(team, merged, a_separation(survivor))
    await _deliver(team, merged, a_separation(survivor), sequence=4)
    await _deliver(team, merged, a_merge(survivor), sequence=5)

    briefing = await _briefing(team, response_id)
    assert (briefing["crisis_plan"], briefing["lead"], briefing["person"]) == (None, None, None)


async def test_survivors_response_shows_plan_of_merged_record(team: RapidCareClient) -> None:
    merged, other, survivor = await _a_planned_person(team), new_id(), new_id()
    response_id = await team.receive_referral(person_id=survivor)

    for each in (merged, other):
        await _deliver(team, each, a_merge(survivor))

    assert (await _briefing(team, response_id))["crisis_plan"] is not None
    assert (await _briefing(team, await team.receive_referral(person_id=other)))["lead"]["professional_id"] == "nurse-7"


async def test_separation_that_arrives_first_ends_its_merge(team: RapidCareClient) -> None:
    survivor, merged = await _a_planned_person(team), new_id()
    response_id = await team.receive_referral(person_id=merged)

    await _deliver(team, merged, a_separation(survivor))
    await _deliver(team, merged, a_merge(survivor))
    assert (await _briefing(team, response_id))["lead"] is None

    await _deliver(team, merged, a_merge(survivor, at("14:30")))
    assert (await _briefing(team, response_id))["lead"] is not None


async def test_briefing_shows_both_crisis_plans_and_the_other_response(team: RapidCareClient) -> None:
    survivor, merged = await _a_planned_person(team, crisis=None), await _a_planned_person(team)
    second = await _a_planned_person(team)
    responses = [await team.receive_referral(person_id=each) for each in (survivor, merged)]
    for each in (merged, second):
        await _deliver(team, each, a_merge(survivor))

    briefing = await _briefing(team, responses[0])

    assert briefing["crisis_plan"] is not None
    assert len(briefing["other_crisis_plans"]) == 1
    assert briefing["other_open_responses"] == [str(responses[1])]


async def test_assignment_names_crisis_plan_of_the_other_record(team: RapidCareClient) -> None:
    survivor, merged = await _a_planned_person(team), new_id()
    await _deliver(team, merged, a_merge(survivor))

    await team.advance(await team.receive_referral(person_id=merged), Status.ASSIGNED)

    assert [event.care_plan_version for event in await team.context.published(ResponseAssigned)] == [1]


async def test_lead_of_either_record_follows_a_hand_over(team: RapidCareClient) -> None:
    survivor, merged, lead_id = await _a_planned_person(team), new_id(), new_id()
    response_id = await team.receive_referral(person_id=survivor)
    await _deliver(team, merged, a_merge(survivor))

    await _deliver(team, merged, a_lead(professional_id="nurse-8", activated_at=at("14:15")), lead_id)
    assert (await _briefing(team, response_id))["lead"]["professional_id"] == "nurse-8"

    await _deliver(team, merged, LeadHandedOver(to_lead_id=new_id()), lead_id, 2)
    assert (await _briefing(team, response_id))["lead"]["professional_id"] == "nurse-7"


async def test_crisis_of_either_record_shows_a_withheld_story(team: RapidCareClient) -> None:
    survivor, merged = new_id(), new_id()
    withheld = mr_dale(sharing=SharingPreference.WITHHELD, story=Story(narrative="Lives alone."))
    await _deliver(team, survivor, withheld)
    await _deliver(team, merged, a_merge(survivor))
    await team.receive_referral(person_id=merged)

    assert (await team.get(f"people/{survivor}/story"))["story"]["narrative"] == "Lives alone."


async def test_concurrent_merge_and_separation_end_separated(team: RapidCareClient) -> None:
    survivor, merged = await _a_planned_person(team), new_id()
    response_id = await team.receive_referral(person_id=merged)
    secrets = team.context.database.secrets
    events: list[Event] = [a_merge(survivor), a_merge(survivor), a_separation(survivor), a_separation(survivor)]
    records = [arrived(event, key=merged, subject=merged, secrets=secrets) for event in events]
    consumers = [EventProcessor(team.context.database, subscriptions.SUBSCRIPTIONS) for _ in records]

    await asyncio.gather(*(consumer.apply([record]) for consumer, record in zip(consumers, records, strict=True)))

    assert (await _briefing(team, response_id))["lead"] is None
    assert await team.context.database.pool.fetchval("SELECT count(*) FROM inbox") == len(records) + 4
