"""Two records of one person are merged, and separated again: tasks stay under their id, and everyone sees the whole person."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.navigation import subscriptions
from shared.contracts.codes import RiskLevel, TaskKind
from shared.contracts.event import Event
from shared.contracts.mdt import LeadEnded, LeadHandedOver, RiskLevelCrossed
from shared.contracts.navigation import TaskCreated, TaskReassigned
from shared.contracts.persons import PersonChange, PersonDeceased, PersonMerged, PersonRestored, PersonSeparated
from shared.contracts.referral_codes import Reason
from shared.kernel.ids import new_id
from shared.messaging.event_processor import EventProcessor
from tests.builders.context_app import arrived
from tests.builders.navigation import (
    LEAD,
    NAVIGATOR,
    OTHER,
    WEDNESDAY,
    NavigationClient,
    a_routed_referral,
    a_step_down,
    an_action,
    an_activated_lead,
    at,
    mr_dales_record,
)

MERGED_AT = at("13:00")


def a_merge(into: UUID, merged_at: datetime = MERGED_AT) -> PersonMerged:
    return PersonMerged(into=into, merged_at=merged_at)


def a_separation(from_person: UUID) -> PersonSeparated:
    return PersonSeparated(from_person=from_person, merged_at=MERGED_AT, separated_at=at("13:30"))


def a_crossing(to_level: RiskLevel) -> RiskLevelCrossed:
    from_level = RiskLevel.LOW if to_level is RiskLevel.HIGH else RiskLevel.HIGH
    return RiskLevelCrossed(from_level=from_level, to_level=to_level, practice_code="W07", valid_from=WEDNESDAY, rule_version="2014-12")


async def _merge(client: NavigationClient, merged: UUID, into: UUID) -> None:
    await client.publish(a_merge(into), person=merged, subject=merged)


async def _a_known_person(client: NavigationClient, **lead: Any) -> UUID:
    """A person with a record, a plan with one task, and a lead."""
    person_id = new_id()
    await client.publish(mr_dales_record(), person=person_id, subject=person_id)
    await client.plan(an_action(), person=person_id)
    await client.publish(an_activated_lead(at("13:00"), **lead), person=person_id, subject=new_id())
    return person_id


async def test_task_shows_the_whole_person_until_separation(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    survivor, merged = await _a_known_person(client), new_id()
    await client.publish(a_step_down(), person=merged, subject=new_id())
    task = next(task for task in await client.tasks() if task["person_id"] == str(merged))
    assert (task["person"], task["lead"]) == (None, None)

    for _ in range(2):
        await _merge(client, merged, survivor)

    detail = await client.read(f"tasks/{task['id']}", client.navigator())
    assert (detail["person_id"], detail["person"]["family_name"], detail["lead"]["professional_id"]) == (str(merged), "Dale", LEAD)
    assert (detail["preferred_place_of_care"], detail["contacts"][0]["name"]) == ("home", "Louise")
    assert {each["person"]["family_name"] for each in await client.tasks()} == {"Dale"}
    for person_id in (merged, survivor):
        about = (await client.read(f"people/{person_id}/tasks"))["items"]
        assert {each["person_id"] for each in about} == {str(merged), str(survivor)}
    story = await client.read(f"people/{merged}/story")
    assert (story["person_id"], story["merged_into"]) == (str(merged), str(survivor))
    assert (await client.read(f"people/{survivor}/story"))["merged_into"] is None
    await client.advance(task["id"], "acknowledgement")

    for event in (a_separation(survivor), a_separation(survivor), a_merge(survivor)):
        await client.publish(event, person=merged, subject=merged)

    detail = await client.read(f"tasks/{task['id']}")
    assert (detail["status"], detail["person"], detail["lead"], detail["preferred_place_of_care"]) == ("acknowledged", None, None, None)
    assert {each["person_id"] for each in (await client.read(f"people/{survivor}/tasks"))["items"]} == {str(survivor)}


async def test_feeds_and_navigators_stay_through_merge_and_separation(client: NavigationClient) -> None:
    await client.register(NAVIGATOR, OTHER)
    survivor, merged = await _a_known_person(client), await _a_known_person(client)
    feeds = [await client.feed(code) for code in (NAVIGATOR, OTHER)]
    assert [entry["person_id"] for feed in feeds for entry in feed] == [str(survivor), str(merged)]

    await _merge(client, merged, survivor)
    for person_id in (survivor, merged):
        for code in (NAVIGATOR, OTHER):
            story = await client.read(f"people/{person_id}/story", client.navigator(code))
            assert story["story"]["narrative"] == mr_dales_record().story.narrative
    await client.publish(a_separation(survivor), person=merged, subject=merged)

    assert [await client.feed(code) for code in (NAVIGATOR, OTHER)] == feeds
    assert await client.context.published(TaskReassigned) == []
    refused = await client.context.http.get(f"/navigation/people/{survivor}/story", headers=client.navigator(OTHER))
    assert (refused.status_code, refused.json()["code"]) == (404, "person-record-not-found")


async def test_lead_is_the_last_activated_under_either_id(client: NavigationClient) -> None:
    survivor, merged = await _a_known_person(client), new_id()
    await _merge(client, merged, survivor)
    lead_id = new_id()
    await client.publish(an_activated_lead(at("14:00"), professional_id="nurse-8"), person=merged, subject=lead_id)
    assert (await client.read(f"people/{survivor}/story"))["lead"]["professional_id"] == "nurse-8"

    await client.publish(LeadEnded(reason="merged"), person=merged, subject=lead_id)
    assert (await client.read(f"people/{merged}/story"))["lead"]["professional_id"] == LEAD


async def test_handed_over_lead_does_not_return_with_a_separation(client: NavigationClient) -> None:
    survivor, merged, lead_id = new_id(), await _a_known_person(client), new_id()
    await client.publish(mr_dales_record(), person=survivor, subject=survivor)
    await client.know(survivor)
    await client.publish(an_activated_lead(at("12:00")), person=survivor, subject=lead_id)
    await _merge(client, merged, survivor)

    await client.publish(LeadHandedOver(to_lead_id=new_id()), person=survivor, subject=lead_id)
    await client.publish(a_separation(survivor), person=merged, subject=merged)

    assert (await client.read(f"people/{survivor}/story"))["lead"] is None


async def test_family_is_not_informed_of_an_unchanged_lead(client: NavigationClient) -> None:
    survivor, merged = await _a_known_person(client), new_id()
    await _merge(client, merged, survivor)

    await client.publish(an_activated_lead(at("14:00"), is_from_meeting=False), person=merged, subject=new_id())
    assert len(await client.context.published(TaskCreated)) == 1
    await client.publish(an_activated_lead(at("14:30"), professional_id="n-8", is_from_meeting=False), person=merged, subject=new_id())

    [_, informing] = await client.context.published(TaskCreated)
    assert informing.kind == "inform-person-and-family"
    assert {task["locality"] for task in await client.unassigned()} == {"west"}


async def test_highest_level_of_the_ids_decides(client: NavigationClient) -> None:
    survivor, merged = await _a_known_person(client), new_id()
    await client.publish(a_crossing(RiskLevel.HIGH), person=merged, subject=new_id())
    await _merge(client, merged, survivor)

    await client.publish(a_crossing(RiskLevel.LOW), person=survivor, subject=new_id())
    await client.publish(a_routed_referral(at("13:00"), reason=Reason.OTHER), person=survivor, subject=new_id())

    assert [event.kind for event in await client.context.published(TaskCreated)][1:] == ["care-coordination"]


async def test_one_home_check_follows_a_discharge_under_either_id(client: NavigationClient) -> None:
    survivor, merged = await _a_known_person(client), await _a_known_person(client)
    first = (await client.expect_home_check(merged, WEDNESDAY - timedelta(days=1))).json()
    await _merge(client, merged, survivor)

    again = await client.expect_home_check(survivor, WEDNESDAY - timedelta(days=1))

    assert (again.status_code, again.json()["id"]) == (201, first["id"])
    path = f"people/{survivor}/home-checks"
    assert [check["person_id"] for check in (await client.read(path))["items"]] == [str(merged)]
    headers = client.coordinator | {"If-Match": f'W/"{first["version"]}"'}
    body = {"reason": "created-in-error"}
    cancelled = await client.context.http.post(f"/navigation/{path}/{first['id']}/cancellation", headers=headers, json=body)
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")


async def test_death_ends_the_tasks_of_its_own_id(client: NavigationClient) -> None:
    survivor, merged = await _a_known_person(client), await _a_known_person(client)
    await _merge(client, merged, survivor)

    await client.publish(a_death(), person=survivor, subject=survivor)
    ended_first = [task["status"] for task in (await client.read(f"people/{merged}/tasks"))["items"] if task["person_id"] == str(survivor)]
    await client.publish(a_death(), person=merged, subject=merged)

    assert "cancelled" in ended_first
    assert [task["kind"] for task in await _open(client, merged)] == ["bereavement-support"]


async def _open(client: NavigationClient, person_id: UUID) -> list[dict[str, Any]]:
    """The open tasks of the person, under all their ids."""
    return [task for task in (await client.read(f"people/{person_id}/tasks"))["items"] if task["ended_at"] is None]


def a_death() -> PersonDeceased:
    return PersonDeceased(died_on=None, reported_by="gp", recorded_at=at("14:00"))


@pytest.mark.parametrize("is_survivor_first", [True, False], ids=["survivor first", "merged first"])
async def test_family_of_a_merged_person_is_called_once(client: NavigationClient, *, is_survivor_first: bool) -> None:
    """Also when the second record of the death arrives after the support was given."""
    await client.register(NAVIGATOR, OTHER)
    survivor, merged = await _a_known_person(client), await _a_known_person(client)
    await _merge(client, merged, survivor)
    first, second = (survivor, merged) if is_survivor_first else (merged, survivor)

    await client.publish(a_death(), person=first, subject=first)
    [task] = await _open_support(client, merged)
    await client.try_command(task["id"], "fulfilment", client.navigator(task["navigator_id"]), outcome="advice-given")
    await client.publish(a_death(), person=second, subject=second)

    assert task["person_id"] == str(survivor)
    assert await _open_support(client, merged) == []
    assert [event.kind for event in await client.context.published(TaskCreated)].count(TaskKind.BEREAVEMENT_SUPPORT) == 1


async def test_support_is_for_the_contact_a_record_names(client: NavigationClient) -> None:
    survivor, merged = new_id(), await _a_known_person(client)
    alone = mr_dales_record(story=mr_dales_record().story.model_copy(update={"contacts": ()}))
    await client.publish(alone, person=survivor, subject=survivor)
    await _merge(client, merged, survivor)

    for person_id in (survivor, merged):
        await client.publish(a_death(), person=person_id, subject=person_id)

    [task] = await _open_support(client, survivor)
    assert [contact["name"] for contact in (await client.read(f"tasks/{task['id']}"))["contacts"]] == ["Louise"]


async def test_separation_leaves_support_to_family_of_the_dead(client: NavigationClient) -> None:
    """The death was that of the merged record; the task was under the surviving one."""
    survivor, merged = await _a_known_person(client), await _a_known_person(client)
    await _merge(client, merged, survivor)
    for person_id in (survivor, merged):
        await client.publish(a_death(), person=person_id, subject=person_id)

    restored = PersonRestored(mistaken=PersonChange.DEATH, recorded_at=at("14:00"), restored_at=at("14:10"))
    await client.publish(restored, person=survivor, subject=survivor)
    for _ in range(2):
        await client.publish(a_separation(survivor), person=merged, subject=merged)

    assert [task["person_id"] for task in await _open_support(client, merged)] == [str(merged)]
    assert await _open_support(client, survivor) == []


async def _open_support(client: NavigationClient, person_id: UUID) -> list[dict[str, Any]]:
    return [task for task in await _open(client, person_id) if task["kind"] == "bereavement-support"]


async def test_concurrent_merge_and_separation_end_separated(client: NavigationClient) -> None:
    survivor, merged = await _a_known_person(client), await _a_known_person(client)
    secrets = client.context.database.secrets
    events: list[Event] = [a_merge(survivor), a_merge(survivor), a_separation(survivor), a_separation(survivor)]
    records = [arrived(event, key=merged, subject=merged, secrets=secrets) for event in events]
    consumers = [EventProcessor(client.context.database, subscriptions.SUBSCRIPTIONS) for _ in records]

    await asyncio.gather(*(consumer.apply([record]) for consumer, record in zip(consumers, records, strict=True)))

    assert {each["person_id"] for each in (await client.read(f"people/{survivor}/tasks"))["items"]} == {str(survivor)}
