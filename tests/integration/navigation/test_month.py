"""A month of work as the plan expects it (domain.md §2.5): 120, 180 or 200 step-downs, and the actions of the weekly meeting."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from infra.dev_stack.dev_secrets import Keys
from services.navigation.commands import FulfilTask
from services.navigation.domain.policy import Policy
from services.navigation.handlers import task as handlers
from services.navigation.store.navigator import roster
from services.navigation.store.tables import Tx
from shared.contracts.navigation import TaskOutcome
from shared.kernel.actor import Actor
from shared.kernel.ids import new_id
from shared.kernel.target import Target
from shared.persistence.transaction import Cause
from tests.builders.navigation import NAVIGATOR, OTHER, Navigation, a_step_down, an_action, navigation

DAYS = 30
#: 4.5 discussions a week with three actions each.
ACTIONS = round(4.5 * 3 * DAYS / 7)
#: The usual five working days: everybody takes all the time there is.
TAKES = timedelta(days=7)
COORDINATOR = Actor("navigation-coordinator", "CLCH", "coordinator", frozenset({"navigation:coordinate"}))


@asynccontextmanager
async def working(desk: Navigation) -> AsyncIterator[Tx]:
    async with desk.context.database.transaction(COORDINATOR, Cause("test", None, None)) as tx:
        yield tx


async def arrive(desk: Navigation, day: int, arrivals: int) -> None:
    """The share of a day: as many step-downs and actions as keep pace with the month."""
    for number in range(arrivals * day // DAYS, arrivals * (day + 1) // DAYS):
        is_action = number * ACTIONS // arrivals != (number + 1) * ACTIONS // arrivals
        if is_action:
            await desk.plan(an_action(due_on=(desk.context.clock.at + TAKES).date()))
        else:
            await desk.tell(a_step_down(), person=new_id(), subject=new_id())


async def work(desk: Navigation) -> None:
    """What came today is acknowledged and begun; what came a week ago is done."""
    async with working(desk) as tx:
        for row in await tx.connection.fetch("SELECT id, version FROM task WHERE status = 'assigned'"):
            await handlers.acknowledge_task(Target(row["id"], row["version"]), tx=tx)
            await handlers.begin_task(Target(row["id"], row["version"] + 1), tx=tx)
        begun = "SELECT id, version FROM task WHERE status = 'begun' AND acknowledge_by < $1 ORDER BY id"
        for row in await tx.connection.fetch(begun, tx.now - TAKES + timedelta(days=1)):
            await handlers.fulfil_task(Target(row["id"], row["version"]), FulfilTask(TaskOutcome.CHECKED_WELL), tx=tx)


async def a_month(desk: Navigation, step_downs: int) -> tuple[list[int], list[int]]:
    """The highest caseload and how many wait, evening by evening."""
    caseloads, waiting = [], []
    for day in range(DAYS):
        await arrive(desk, day, step_downs + ACTIONS)
        async with working(desk) as tx:
            caseloads.append(max(candidate.open_tasks for candidate in await roster(tx, "CLCH")))
            waiting.append(await tx.connection.fetchval("SELECT count(*) FROM task WHERE status = 'unassigned'"))
        await work(desk)
        desk.context.clock.advance(timedelta(days=1))
    return caseloads, waiting


@pytest.mark.acceptance("navigation-10")
@pytest.mark.parametrize("step_downs", [120, 180, 200])
async def test_two_navigators_carry_a_month_within_the_cap_and_nobody_waits(owner_url: str, keys: Keys, step_downs: int) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR, OTHER)

        caseloads, waiting = await a_month(desk, step_downs)

        assert (step_downs + ACTIONS) * 6 // DAYS // 2 < max(caseloads) <= Policy().caseload_cap
        assert set(waiting) == {0}


@pytest.mark.acceptance("navigation-10")
async def test_one_navigator_alone_is_never_given_more_than_the_cap_and_the_rest_waits(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)

        caseloads, waiting = await a_month(desk, 200)

        assert max(caseloads) == Policy().caseload_cap
        assert max(waiting) > 0
