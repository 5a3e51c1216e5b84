"""Deadlines of tasks as time passes."""

from datetime import date, timedelta

import pytest

from shared.contracts.codes import Role
from shared.contracts.navigation import NavigatorReturnUnknown, TaskEscalated, TaskOverdue, TaskRescheduled
from tests.builders.navigation import NAVIGATOR, OTHER, NavigationClient, an_action, at


async def test_unacknowledged_task_escalates_each_working_day(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action())

    await client.context.let_pass(timedelta(days=1, seconds=-1))
    assert await client.context.published(TaskEscalated) == []
    await client.context.let_pass(timedelta(days=3))
    assert [event.reason for event in await client.context.published(TaskEscalated)] == ["not-acknowledged"] * 2
    [task] = await client.tasks()
    assert task["escalated_at"] == "2015-03-06T14:00:00Z"
    assert (await client.feed())[-1]["change"] == "changed"

    await client.advance(task["id"], "acknowledgement")
    await client.context.let_pass(timedelta(days=2))
    assert len(await client.context.published(TaskEscalated)) == 2


async def test_blocked_task_escalates_again_each_week(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action(due_on=date(2015, 6, 1)))
    [task] = await client.tasks()
    await client.try_command(task["id"], "block", reason="waiting-list")

    await client.context.let_pass(timedelta(days=15))
    assert [event.reason for event in await client.context.published(TaskEscalated)] == ["waiting-list"] * 3
    await client.advance(task["id"], "unblock")
    await client.context.let_pass(timedelta(days=15))

    assert len(await client.context.published(TaskEscalated)) == 3


async def test_coordinator_is_asked_for_an_unknown_return(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.declare(NAVIGATOR, is_available=False)

    await client.context.let_pass(timedelta(days=15))

    assert len(await client.context.published(NavigatorReturnUnknown)) == 2
    [listed] = (await client.read("navigators"))["items"]
    assert (listed["presence"], listed["return_unknown_at"]) == ("away", "2015-03-18T14:00:00Z")
    confirmed = await client.declare(NAVIGATOR, is_available=False)
    assert (confirmed.status_code, confirmed.json()["return_unknown_at"]) == (200, None)
    await client.declare(NAVIGATOR, is_available=True)
    await client.context.let_pass(timedelta(days=15))
    assert len(await client.context.published(NavigatorReturnUnknown)) == 2


async def test_acknowledged_task_does_not_escalate(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action())
    [task] = await client.tasks()

    await client.advance(task["id"], "acknowledgement")
    await client.context.let_pass(timedelta(days=3))

    assert await client.context.published(TaskEscalated) == []


async def test_reassigned_task_has_a_new_working_day(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action())
    await client.register(OTHER)
    [task] = await client.tasks()
    await client.context.let_pass(timedelta(hours=23))

    await client.try_command(task["id"], "reassignment", client.coordinator, navigator_id=OTHER, reason="workload")
    await client.context.let_pass(timedelta(hours=2))

    assert await client.context.published(TaskEscalated) == []


@pytest.mark.acceptance("navigation-8")
async def test_task_is_overdue_once_per_due_time(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action(due_on=date(2015, 3, 5)))
    [task] = await client.tasks()
    await client.advance(task["id"], "acknowledgement", "start")

    await client.context.let_pass(timedelta(days=5))
    assert len(await client.context.published(TaskOverdue)) == 1
    assert (await client.tasks())[0]["overdue_at"] is not None
    friday = at("12:00", date(2015, 3, 13))
    moved = await client.try_command(task["id"], "due-date", due_at=friday.isoformat(), reason="service-date")
    assert (moved.json()["due_at"], moved.json()["overdue_at"]) == ("2015-03-13T12:00:00Z", None)
    await client.context.let_pass(timedelta(days=10))

    assert [event.due_at for event in await client.context.published(TaskOverdue)] == [at("17:00", date(2015, 3, 5)), friday]
    assert [event.reason for event in await client.context.published(TaskRescheduled)] == ["service-date"]


@pytest.mark.acceptance("navigation-8")
async def test_task_fulfilled_at_due_time_is_not_overdue(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action(due_on=date(2015, 3, 5)))
    [task] = await client.tasks()
    await client.advance(task["id"], "acknowledgement", "start")

    await client.context.let_pass(timedelta(days=1, hours=3))
    response = await client.try_command(task["id"], "fulfilment", outcome="arranged")
    await client.context.let_pass(timedelta(days=5))

    assert response.json()["ended_at"] == "2015-03-05T17:00:00Z"
    assert await client.context.published(TaskOverdue) == []


@pytest.mark.parametrize(
    ("due_at", "code"),
    [("2015-03-04T13:00:00Z", "due-time-passed"), ("2015-03-04T14:00:00Z", "due-time-passed")],
)
async def test_invalid_due_time_is_refused(client: NavigationClient, due_at: str, code: str) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action())
    [task] = await client.tasks()

    response = await client.try_command(task["id"], "due-date", due_at=due_at, reason="person-asked")

    assert (response.status_code, response.json()["code"]) == (422, code)
    assert (await client.tasks())[0] == task


async def test_navigator_reschedules_within_limits_and_coordinator_beyond(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action())
    [task] = await client.tasks()

    async def move(days: int, caller: dict[str, str]) -> tuple[int, str | None]:
        due_at = (at("12:00") + timedelta(days=days)).isoformat()
        response = await client.try_command(task["id"], "due-date", caller, due_at=due_at, reason="person-asked")
        return response.status_code, response.json().get("code")

    own, coordinator = client.navigator(), client.coordinator
    assert await move(30, own) == (409, "reschedule-limit-exceeded")
    assert [await move(days, own) for days in (8, 9, 10)] == [(200, None), (200, None), (409, "reschedule-limit-exceeded")]
    assert await move(30, coordinator) == (200, None)
    assert len(await client.context.published(TaskRescheduled)) == 3


async def test_overdue_task_escalates_again_each_week(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action(due_on=date(2015, 3, 5)))
    [task] = await client.tasks()
    await client.advance(task["id"], "acknowledgement", "start")

    await client.context.let_pass(timedelta(days=5, hours=2))
    assert await client.context.published(TaskEscalated) == []
    await client.context.let_pass(timedelta(hours=2))
    found = await client.read(f"tasks/{task['id']}")
    assert (found["status"], found["escalation"], found["escalated_at"]) == ("begun", "long-overdue", "2015-03-09T17:00:00Z")
    await client.context.let_pass(timedelta(days=14))

    assert [event.reason for event in await client.context.published(TaskEscalated)] == ["long-overdue"] * 3


async def test_every_open_task_has_a_deadline(client: NavigationClient) -> None:
    """Every open task has a deadline, in any state, and for any time without work on it (promise 2 of the README)."""
    await client.register(NAVIGATOR)
    await client.plan(*(an_action(due_on=date(2015, 3, 5)) for _ in range(3)), an_action(owner_role=Role.CASE_MANAGER))
    acknowledged, blocked, _ = await client.tasks()
    for task in (acknowledged, blocked):
        await client.advance(task["id"], "acknowledgement")
    await client.try_command(blocked["id"], "block", reason="funding")

    for _ in range(30):
        await client.context.let_pass(timedelta(days=1))
        without_deadline = "SELECT count(*) FROM task WHERE id NOT IN (SELECT subject FROM deadline WHERE state = 'pending')"
        assert await client.context.database.pool.fetchval(without_deadline) == 0
    assert await client.context.database.pool.fetchval("SELECT count(*) FROM task WHERE ended_at IS NULL") == 4


async def test_fulfilled_or_rescheduled_task_does_not_escalate(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action(due_on=date(2015, 3, 5)), an_action(due_on=date(2015, 3, 5)))
    done, moved = await client.tasks()
    for task in (done, moved):
        await client.advance(task["id"], "acknowledgement", "start")
    await client.context.let_pass(timedelta(days=2))

    await client.try_command(done["id"], "fulfilment", outcome="arranged")
    await client.try_command(moved["id"], "due-date", due_at=at("12:00", date(2015, 3, 12)).isoformat(), reason="service-date")
    await client.context.let_pass(timedelta(days=5))

    assert await client.context.published(TaskEscalated) == []


async def test_escalated_concern_stays_while_work_continues(client: NavigationClient) -> None:
    await client.register(NAVIGATOR, OTHER)
    await client.plan(an_action())
    [task] = [*await client.tasks(), *await client.tasks(OTHER)]
    assigned, colleague = (client.navigator(code) for code in sorted((NAVIGATOR, OTHER), key=lambda code: code != task["navigator_id"]))
    await client.advance(task["id"], "acknowledgement", caller=assigned)

    refused = [
        await client.try_command(task["id"], "escalation", colleague, version=3, reason="safety-concern"),
        await client.try_command(task["id"], "escalation", assigned, reason="no-navigator-available"),
    ]
    escalated = await client.try_command(task["id"], "escalation", assigned, reason="safety-concern")

    assert [(response.status_code, response.json()["code"]) for response in refused] == [
        (404, "task-not-found"),
        (422, "validation-failed"),
    ]
    assert (escalated.status_code, escalated.json()["status"], escalated.json()["escalation"]) == (
        200,
        "acknowledged",
        "safety-concern",
    )
    assert [event.reason for event in await client.context.published(TaskEscalated)] == ["safety-concern"]
    started = await client.try_command(task["id"], "start", assigned)
    assert started.json()["escalation"] == "safety-concern"


async def test_late_scheduler_fires_every_deadline(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action(due_on=date(2015, 3, 5)))

    client.context.clock.advance(timedelta(days=30))
    await client.context.scheduler.process_due()
    await client.context.scheduler.process_due()

    assert [event.reason for event in await client.context.published(TaskEscalated)] == ["not-acknowledged", "long-overdue"]
    assert len(await client.context.published(TaskOverdue)) == 1
