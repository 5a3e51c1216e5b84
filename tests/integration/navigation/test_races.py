"""Two at once on the real database: nothing is made twice, no feed has a gap, no caseload is miscounted."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import httpx

from infra.dev_stack.dev_secrets import Keys
from services.navigation import subscriptions
from services.navigation.domain.policy import Policy
from shared.contracts.navigation import TaskAcknowledged, TaskAssigned, TaskCreated, TaskEscalated
from shared.kernel.ids import new_id
from shared.messaging.event_processor import EventProcessor
from tests.builders.context_app import arrived
from tests.builders.navigation import NAVIGATOR, OTHER, Navigation, a_step_down, an_action, an_agreed_plan, navigation

THIRD = "clch-navigator-3"


async def gap_free(desk: Navigation) -> bool:
    """Every feed is numbered from 1 without a gap."""
    rows = await desk.context.database.pool.fetch(
        "SELECT navigator_id, array_agg(sequence ORDER BY sequence) AS found FROM feed_entry GROUP BY navigator_id"
    )
    return all(row["found"] == list(range(1, len(row["found"]) + 1)) for row in rows)


def intakes(desk: Navigation, number: int) -> list[EventProcessor]:
    """So many consumers of navigation."""
    return [EventProcessor(desk.context.database, subscriptions.SUBSCRIPTIONS) for _ in range(number)]


def a_record(desk: Navigation, event: Any) -> Any:
    return arrived(event, key=new_id(), subject=new_id(), secrets=desk.context.database.secrets)


async def test_the_same_plan_applied_twice_at_once_makes_its_tasks_once(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        record = a_record(desk, an_agreed_plan([an_action() for _ in range(4)]))

        await asyncio.gather(*(intake.apply([record]) for intake in intakes(desk, 3)))

        assert len(await desk.context.published(TaskCreated)) == 4
        assert len(await desk.tasks()) == 4
        assert await gap_free(desk)


async def test_the_same_plan_told_by_two_events_at_once_makes_its_tasks_once(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        plan, person_id, plan_id = an_agreed_plan([an_action() for _ in range(4)]), new_id(), new_id()
        secrets = desk.context.database.secrets
        records = [arrived(plan, key=person_id, subject=plan_id, secrets=secrets) for _ in range(3)]

        await asyncio.gather(*(intake.apply([record]) for intake, record in zip(intakes(desk, 3), records, strict=True)))

        assert len(await desk.context.published(TaskCreated)) == 4
        assert await desk.context.database.pool.fetchval("SELECT count(*) FROM inbox WHERE refused_code IS NOT NULL") == 0


async def test_many_assignments_at_once_leave_no_gap_and_spread_evenly(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR, OTHER, THIRD)
        records = [a_record(desk, a_step_down()) for _ in range(30)]

        await asyncio.gather(*(intake.apply(records[number::6]) for number, intake in enumerate(intakes(desk, 6))))

        had = Counter(event.navigator_id for event in await desk.context.published(TaskAssigned))
        assert had == {NAVIGATOR: 10, OTHER: 10, THIRD: 10}
        assert await gap_free(desk)


async def test_the_cap_holds_when_everything_comes_at_once(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys, policy=Policy(caseload_cap=3)) as desk:
        await desk.register(NAVIGATOR)
        records = [a_record(desk, a_step_down()) for _ in range(8)]

        await asyncio.gather(*(intake.apply([record]) for intake, record in zip(intakes(desk, 8), records, strict=True)))

        assert (len(await desk.tasks()), len(await desk.unassigned())) == (3, 5)


async def test_two_screens_of_one_navigator_acknowledge_once(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action())
        [task] = await desk.tasks()
        desk.navigator()

        answers = await asyncio.gather(*(desk.ask(task["id"], "acknowledgement", version=task["version"]) for _ in range(2)))

        assert sorted(answer.status_code for answer in answers) == [200, 412]
        assert len(await desk.context.published(TaskAcknowledged)) == 1
        assert len(await desk.feed()) == 2


async def test_work_arrivals_and_an_absence_at_once_leave_every_task_with_exactly_one_navigator(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR, OTHER)
        await desk.plan(*(an_action() for _ in range(6)))
        tasks = await desk.tasks()
        records = [a_record(desk, a_step_down()) for _ in range(12)]
        desk.navigator()

        async def acknowledge(task: dict[str, Any]) -> httpx.Response:
            return await desk.ask(task["id"], "acknowledgement", version=task["version"])

        await asyncio.gather(
            *(intake.apply(records[number::3]) for number, intake in enumerate(intakes(desk, 3))),
            *(acknowledge(task) for task in tasks),
            desk.declare(NAVIGATOR, is_available=False),
        )

        open_tasks = await desk.context.database.pool.fetch("SELECT id, navigator_id FROM task WHERE ended_at IS NULL")
        assert {row["navigator_id"] for row in open_tasks} == {OTHER}
        assert len(open_tasks) == 18
        assert await gap_free(desk)
        assert await in_hand(desk, NAVIGATOR) == set()
        assert await in_hand(desk, OTHER) == {str(row["id"]) for row in open_tasks}


async def test_an_acknowledgement_and_its_deadline_at_once_are_told_in_one_order_or_the_other(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action())
        [task] = await desk.tasks()
        desk.navigator()
        desk.context.clock.advance(timedelta(days=1))

        answer, _ = await asyncio.gather(
            desk.ask(task["id"], "acknowledgement", version=task["version"]), desk.context.timekeeper.process_due()
        )

        escalations = await desk.context.published(TaskEscalated)
        assert (answer.status_code, len(escalations)) in {(200, 0), (412, 1)}
        assert await gap_free(desk)


async def in_hand(desk: Navigation, code: str) -> set[str]:
    """What somebody who reads only the feed believes to be in a navigator's hands."""
    found: set[str] = set()
    for entry in await desk.feed(code):
        (found.discard if entry["change"] == "taken-away" else found.add)(entry["task_id"])
    return found
