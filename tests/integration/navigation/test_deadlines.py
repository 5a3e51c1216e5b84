"""Deadlines of tasks, on the clock."""

from datetime import date, timedelta

import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.contracts.codes import Role
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
        await desk.bring(task["id"], "acknowledgement", "start")

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
        await desk.bring(task["id"], "acknowledgement", "start")

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


async def test_a_navigator_moves_a_due_time_within_limits_and_a_coordinator_beyond_them(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action())
        [task] = await desk.tasks()

        async def move(days: int, caller: dict[str, str]) -> tuple[int, str | None]:
            due_at = (at("12:00") + timedelta(days=days)).isoformat()
            answer = await desk.ask(task["id"], "due", caller, due_at=due_at, reason="person-asked")
            return answer.status_code, answer.json().get("code")

        own, coordinator = desk.navigator(), desk.coordinator
        assert await move(30, own) == (409, "reschedule-limit-exceeded")
        assert [await move(days, own) for days in (8, 9, 10)] == [(200, None), (200, None), (409, "reschedule-limit-exceeded")]
        assert await move(30, coordinator) == (200, None)
        assert len(await desk.context.published(TaskRescheduled)) == 3


async def test_what_stays_overdue_is_put_before_the_lead_and_again_each_week(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action(due_on=date(2015, 3, 5)))
        [task] = await desk.tasks()
        await desk.bring(task["id"], "acknowledgement", "start")

        await desk.context.let_pass(timedelta(days=5, hours=2))
        assert await desk.context.published(TaskEscalated) == []
        await desk.context.let_pass(timedelta(hours=2))
        found = await desk.read(f"tasks/{task['id']}")
        assert (found["status"], found["escalation"], found["escalated_at"]) == ("begun", "long-overdue", "2015-03-09T17:00:00Z")
        await desk.context.let_pass(timedelta(days=14))

        assert [event.reason for event in await desk.context.published(TaskEscalated)] == ["long-overdue"] * 3


async def test_no_open_task_is_ever_without_a_deadline(owner_url: str, keys: Keys) -> None:
    """Promise 2 of the README: whatever state it is in, and however long nobody does anything."""
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(*(an_action(due_on=date(2015, 3, 5)) for _ in range(3)), an_action(owner_role=Role.CASE_MANAGER))
        acknowledged, blocked, _ = await desk.tasks()
        for task in (acknowledged, blocked):
            await desk.bring(task["id"], "acknowledgement")
        await desk.ask(blocked["id"], "block", reason="funding")

        for _ in range(30):
            await desk.context.let_pass(timedelta(days=1))
            lost = "SELECT count(*) FROM task WHERE id NOT IN (SELECT subject FROM deadline WHERE state = 'pending')"
            assert await desk.context.database.pool.fetchval(lost) == 0
        assert await desk.context.database.pool.fetchval("SELECT count(*) FROM task WHERE ended_at IS NULL") == 4


async def test_what_is_done_or_moved_in_the_meantime_is_not_put_before_the_lead(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action(due_on=date(2015, 3, 5)), an_action(due_on=date(2015, 3, 5)))
        done, moved = await desk.tasks()
        for task in (done, moved):
            await desk.bring(task["id"], "acknowledgement", "start")
        await desk.context.let_pass(timedelta(days=2))

        await desk.ask(done["id"], "fulfilment", outcome="arranged")
        await desk.ask(moved["id"], "due", due_at=at("12:00", date(2015, 3, 12)).isoformat(), reason="service-date")
        await desk.context.let_pass(timedelta(days=5))

        assert await desk.context.published(TaskEscalated) == []


async def test_a_navigator_puts_a_worry_before_the_lead_and_works_on(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR, OTHER)
        await desk.plan(an_action())
        [task] = [*await desk.tasks(), *await desk.tasks(OTHER)]
        holder, colleague = (desk.navigator(code) for code in sorted((NAVIGATOR, OTHER), key=lambda code: code != task["navigator_id"]))
        await desk.bring(task["id"], "acknowledgement", caller=holder)

        refused = [
            await desk.ask(task["id"], "escalation", colleague, version=3, reason="safety-concern"),
            await desk.ask(task["id"], "escalation", holder, reason="no-clinician-available"),
        ]
        escalated = await desk.ask(task["id"], "escalation", holder, reason="safety-concern")

        assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [
            (403, "feed-access-denied"),
            (422, "validation-failed"),
        ]
        assert (escalated.status_code, escalated.json()["status"], escalated.json()["escalation"]) == (
            200,
            "acknowledged",
            "safety-concern",
        )
        assert [event.reason for event in await desk.context.published(TaskEscalated)] == ["safety-concern"]
        begun = await desk.ask(task["id"], "start", holder)
        assert begun.json()["escalation"] == "safety-concern"


async def test_a_late_timekeeper_acts_all_the_same(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action(due_on=date(2015, 3, 5)))

        desk.context.clock.advance(timedelta(days=30))
        await desk.context.timekeeper.process_due()
        await desk.context.timekeeper.process_due()

        assert [event.reason for event in await desk.context.published(TaskEscalated)] == ["not-acknowledged", "long-overdue"]
        assert len(await desk.context.published(TaskOverdue)) == 1
