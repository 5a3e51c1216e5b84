"""Concurrent changes on the real database: no task is created twice, no feed has a gap, no caseload is miscounted."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.navigation import subscriptions
from services.navigation.domain.policy import Policy
from shared.contracts.navigation import TaskAcknowledged, TaskAssigned, TaskCreated, TaskEscalated
from shared.kernel.ids import new_id
from shared.messaging.event_processor import EventProcessor
from tests.builders.context_app import arrived
from tests.builders.navigation import NAVIGATOR, OTHER, NavigationClient, a_step_down, an_action, an_agreed_plan

THIRD = "clch-navigator-3"


async def feeds_have_no_gap(client: NavigationClient) -> bool:
    """Every feed is numbered from 1 without a gap."""
    rows = await client.context.database.pool.fetch(
        "SELECT navigator_id, array_agg(sequence ORDER BY sequence) AS found FROM feed_entry GROUP BY navigator_id"
    )
    return all(row["found"] == list(range(1, len(row["found"]) + 1)) for row in rows)


def consumers(client: NavigationClient, count: int) -> list[EventProcessor]:
    """`count` consumers of navigation."""
    return [EventProcessor(client.context.database, subscriptions.SUBSCRIPTIONS) for _ in range(count)]


def a_record(client: NavigationClient, event: Any) -> Any:
    return arrived(event, key=new_id(), subject=new_id(), secrets=client.context.database.secrets)


async def test_concurrent_redeliveries_create_tasks_once(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    record = a_record(client, an_agreed_plan([an_action() for _ in range(4)]))

    await asyncio.gather(*(consumer.apply([record]) for consumer in consumers(client, 3)))

    assert len(await client.context.published(TaskCreated)) == 4
    assert len(await client.tasks()) == 4
    assert await feeds_have_no_gap(client)


async def test_concurrent_events_of_one_plan_create_tasks_once(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    plan, person_id, plan_id = an_agreed_plan([an_action() for _ in range(4)]), new_id(), new_id()
    secrets = client.context.database.secrets
    records = [arrived(plan, key=person_id, subject=plan_id, secrets=secrets) for _ in range(3)]

    await asyncio.gather(*(consumer.apply([record]) for consumer, record in zip(consumers(client, 3), records, strict=True)))

    assert len(await client.context.published(TaskCreated)) == 4
    assert await client.context.database.pool.fetchval("SELECT count(*) FROM inbox WHERE refused_code IS NOT NULL") == 0


async def test_concurrent_assignments_spread_evenly_without_feed_gaps(client: NavigationClient) -> None:
    await client.register(NAVIGATOR, OTHER, THIRD)
    records = [a_record(client, a_step_down()) for _ in range(30)]

    await asyncio.gather(*(consumer.apply(records[number::6]) for number, consumer in enumerate(consumers(client, 6))))

    had = Counter(event.navigator_id for event in await client.context.published(TaskAssigned))
    assert had == {NAVIGATOR: 10, OTHER: 10, THIRD: 10}
    assert await feeds_have_no_gap(client)


@pytest.mark.parametrize("policy", [Policy(caseload_cap=3)], ids=["capped at 3"])
async def test_cap_holds_under_concurrent_arrivals(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    records = [a_record(client, a_step_down()) for _ in range(8)]

    await asyncio.gather(*(consumer.apply([record]) for consumer, record in zip(consumers(client, 8), records, strict=True)))

    assert (len(await client.tasks()), len(await client.unassigned())) == (3, 5)


async def test_concurrent_acknowledgements_count_once(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action())
    [task] = await client.tasks()
    client.navigator()

    responses = await asyncio.gather(*(client.try_command(task["id"], "acknowledgement", version=task["version"]) for _ in range(2)))

    assert [(response.status_code, response.json()["version"]) for response in responses] == [(200, 3)] * 2
    assert len(await client.context.published(TaskAcknowledged)) == 1
    assert len(await client.feed()) == 2


async def test_concurrent_work_and_absence_leave_one_navigator_per_task(client: NavigationClient) -> None:
    await client.register(NAVIGATOR, OTHER)
    await client.plan(*(an_action() for _ in range(6)))
    tasks = await client.tasks()
    records = [a_record(client, a_step_down()) for _ in range(12)]
    client.navigator()

    async def acknowledge(task: dict[str, Any]) -> httpx.Response:
        return await client.try_command(task["id"], "acknowledgement", version=task["version"])

    await asyncio.gather(
        *(consumer.apply(records[number::3]) for number, consumer in enumerate(consumers(client, 3))),
        *(acknowledge(task) for task in tasks),
        client.declare(NAVIGATOR, is_available=False),
    )

    open_tasks = await client.context.database.pool.fetch("SELECT id, navigator_id FROM task WHERE ended_at IS NULL")
    assert {row["navigator_id"] for row in open_tasks} == {OTHER}
    assert len(open_tasks) == 18
    assert await feeds_have_no_gap(client)
    assert await tasks_by_feed(client, NAVIGATOR) == set()
    assert await tasks_by_feed(client, OTHER) == {str(row["id"]) for row in open_tasks}


async def test_concurrent_acknowledgement_and_deadline_are_serialised(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action())
    [task] = await client.tasks()
    client.navigator()
    client.context.clock.advance(timedelta(days=1))

    response, _ = await asyncio.gather(
        client.try_command(task["id"], "acknowledgement", version=task["version"]), client.context.scheduler.process_due()
    )

    escalations = await client.context.published(TaskEscalated)
    assert (response.status_code, len(escalations)) in {(200, 0), (412, 1)}
    assert await feeds_have_no_gap(client)


async def tasks_by_feed(client: NavigationClient, code: str) -> set[str]:
    """The ids of a navigator's current tasks, computed from the feed alone."""
    found: set[str] = set()
    for entry in await client.feed(code):
        (found.discard if entry["change"] == "taken-away" else found.add)(entry["task_id"])
    return found
