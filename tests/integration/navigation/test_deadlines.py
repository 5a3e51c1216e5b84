"""Deadlines of tasks, on the clock."""

from datetime import date, timedelta

import pytest

from infra.keys import Keys
from shared.contracts.navigation import TaskEscalated, TaskOverdue, TaskRescheduled
from tests.builders.navigation import NAVIGATOR, OTHER, an_action, at, navigation


async def test_what_is_not_acknowledged_within_a_working_day_is_put_before_the_lead_once(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action())

        await desk.context.let_pass(timedelta(days=1, seconds=-1))
        assert await desk.context.published(TaskEscalated) == []
        await desk.context.let_pass(timedelta(days=3))

        assert [event.reason for event in await desk.context.published(TaskEscalated)] == ["not-acknowledged"]
        [task] = await desk.tasks()
        assert task["escalated_at"] == "2015-03-05T14:00:00Z"
        assert (await desk.feed())[-1]["change"] == "changed"


async def test_what_is_acknowledged_in_time_is_not_escalated(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action())
        [task] = await desk.tasks()

        await desk.bring(task["id"], "acknowledgement")
        await desk.context.let_pass(timedelta(days=3))

        assert await desk.context.published(TaskEscalated) == []


async def test_a_new_navigator_has_a_working_day_of_their_own(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action())
        await desk.register(OTHER)
        [task] = await desk.tasks()
        await desk.context.let_pass(timedelta(hours=23))

        await desk.ask(task["id"], "reassignment", desk.coordinator, navigator_id=OTHER, reason="workload")
        await desk.context.let_pass(timedelta(hours=2))

        assert await desk.context.published(TaskEscalated) == []


@pytest.mark.acceptance("navigation-8")
async def test_a_task_becomes_overdue_once_for_each_due_time(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action(due_on=date(2015, 3, 5)))
        [task] = await desk.tasks()
        await desk.bring(task["id"], "acknowledgement", "beginning")

        await desk.context.let_pass(timedelta(days=5))
        assert len(await desk.context.published(TaskOverdue)) == 1
        assert (await desk.tasks())[0]["overdue_at"] is not None
        friday = at("12:00", date(2015, 3, 13))
        moved = await desk.ask(task["id"], "due", due_at=friday.isoformat(), reason="service-date")
        assert (moved.json()["due_at"], moved.json()["overdue_at"]) == ("2015-03-13T12:00:00Z", None)
        await desk.context.let_pass(timedelta(days=10))

        assert [event.due_at for event in await desk.context.published(TaskOverdue)] == [at("17:00", date(2015, 3, 5)), friday]
        assert [event.reason for event in await desk.context.published(TaskRescheduled)] == ["service-date"]


@pytest.mark.acceptance("navigation-8")
async def test_what_is_fulfilled_at_the_due_time_itself_was_in_time(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action(due_on=date(2015, 3, 5)))
        [task] = await desk.tasks()
        await desk.bring(task["id"], "acknowledgement", "beginning")

        await desk.context.let_pass(timedelta(days=1, hours=3))
        answer = await desk.ask(task["id"], "fulfilment", outcome="arranged")
        await desk.context.let_pass(timedelta(days=5))

        assert answer.json()["ended_at"] == "2015-03-05T17:00:00Z"
        assert await desk.context.published(TaskOverdue) == []


@pytest.mark.parametrize(
    ("due_at", "code"),
    [("2015-03-04T13:00:00Z", "due-time-passed"), ("2015-03-11T17:00:00Z", "due-time-unchanged")],
)
async def test_a_due_time_that_makes_no_sense_is_refused(owner_url: str, keys: Keys, due_at: str, code: str) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action())
        [task] = await desk.tasks()

        answer = await desk.ask(task["id"], "due", due_at=due_at, reason="person-asked")

        assert (answer.status_code, answer.json()["code"]) == (409, code)
        assert (await desk.tasks())[0] == task


async def test_a_late_timekeeper_acts_all_the_same(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action(due_on=date(2015, 3, 5)))

        desk.context.clock.advance(timedelta(days=30))
        await desk.context.timekeeper.act()
        await desk.context.timekeeper.act()

        assert len(await desk.context.published(TaskEscalated)) == 1
        assert len(await desk.context.published(TaskOverdue)) == 1
