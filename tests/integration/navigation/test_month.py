"""A month of work as planned (001:12756-12757): 120, 180 or 200 step-downs, and the actions of the weekly meeting."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from services.navigation.commands import FulfilTask
from services.navigation.domain.policy import Policy
from services.navigation.handlers import task as handlers
from services.navigation.store.navigator import roster
from services.navigation.store.tables import Tx
from shared.contracts.event import Event
from shared.contracts.navigation import TaskOutcome
from shared.kernel.actor import Actor
from shared.kernel.ids import new_id
from shared.kernel.target import Target
from shared.persistence.transaction import Cause, RequestContext
from tests.builders.context_app import arrived
from tests.builders.navigation import NAVIGATOR, OTHER, NavigationClient, a_step_down, an_action, an_agreed_plan

DAYS = 30
#: 4.5 discussions a week with three actions each.
ACTIONS = round(4.5 * 3 * DAYS / 7)
#: Navigators use the whole default time of five working days.
DURATION = timedelta(days=7)
COORDINATOR = Actor("navigation-coordinator", "CLCH", "coordinator", frozenset({"navigation:coordinate"}))


@asynccontextmanager
async def coordinating(client: NavigationClient) -> AsyncIterator[Tx]:
    """A transaction of a coordinator, whose writes are batched."""
    async with client.context.database.transaction(RequestContext(COORDINATOR, Cause("test"))) as tx:
        tx.start_batch()
        yield tx


async def arrive(client: NavigationClient, day: int, arrivals: int) -> None:
    """Consumes the step-downs and actions of a day as one batch. The month's actions are spread evenly over its arrivals."""
    due_on = (client.context.clock.at + DURATION).date()
    events: list[Event] = [
        an_agreed_plan([an_action(due_on=due_on)]) if number * ACTIONS // arrivals != (number + 1) * ACTIONS // arrivals else a_step_down()
        for number in range(arrivals * day // DAYS, arrivals * (day + 1) // DAYS)
    ]
    secrets = client.context.database.secrets
    await client.context.processor.apply([arrived(event, key=new_id(), subject=new_id(), secrets=secrets) for event in events])


async def work(client: NavigationClient) -> None:
    """Starts the tasks of today and fulfils those of a week ago."""
    database = client.context.database
    assigned = await database.pool.fetch("SELECT id, version FROM task WHERE status = 'assigned'")
    begun = "SELECT id, version FROM task WHERE status = 'begun' AND acknowledge_by < $1 ORDER BY id"
    finished = await database.pool.fetch(begun, client.context.clock.at - DURATION + timedelta(days=1))
    async with coordinating(client) as tx:
        for row in assigned:
            await handlers.acknowledge_task(Target(row["id"], row["version"]), tx=tx)
            await handlers.start_task(Target(row["id"], row["version"] + 1), tx=tx)
        for row in finished:
            await handlers.fulfil_task(Target(row["id"], row["version"]), FulfilTask(TaskOutcome.CHECKED_WELL), tx=tx)


async def work_a_month(client: NavigationClient, step_downs: int) -> tuple[list[int], list[int]]:
    """For each evening, the highest caseload and the number of tasks that wait."""
    caseloads, waiting = [], []
    for day in range(DAYS):
        await arrive(client, day, step_downs + ACTIONS)
        async with coordinating(client) as tx:
            caseloads.append(max(candidate.open_tasks for candidate in await roster(tx, "CLCH")))
        waiting.append(await client.context.database.pool.fetchval("SELECT count(*) FROM task WHERE status = 'unassigned'"))
        await work(client)
        client.context.clock.advance(timedelta(days=1))
    return caseloads, waiting


@pytest.mark.acceptance("navigation-10")
@pytest.mark.parametrize("step_downs", [120, 180, 200])
async def test_two_navigators_carry_a_month_within_cap(client: NavigationClient, step_downs: int) -> None:
    await client.register(NAVIGATOR, OTHER)

    caseloads, waiting = await work_a_month(client, step_downs)

    assert (step_downs + ACTIONS) * 6 // DAYS // 2 < max(caseloads) <= Policy().caseload_cap
    assert set(waiting) == {0}


@pytest.mark.acceptance("navigation-10")
async def test_single_navigator_is_capped_and_tasks_wait(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)

    caseloads, waiting = await work_a_month(client, 200)

    assert max(caseloads) == Policy().caseload_cap
    assert max(waiting) > 0
