"""Commands repeat safely, and one call fulfils a task (D7)."""

from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.mdt import CaseRedirected, Destination
from shared.contracts.navigation import TaskAcknowledged, TaskBegun, TaskEscalated, TaskFulfilled
from shared.kernel.ids import new_id
from tests.builders.navigation import NAVIGATOR, OTHER, NavigationClient, an_action, at

DUE_AT = (at("12:00") + timedelta(days=3)).isoformat()


async def a_task_of(client: NavigationClient) -> dict[str, Any]:
    await client.register(NAVIGATOR)
    await client.plan(an_action())
    [task] = await client.tasks()
    return task


async def count_events(client: NavigationClient) -> int:
    return len(await client.context.log())


async def test_one_call_fulfils_assigned_task(client: NavigationClient) -> None:
    task = await a_task_of(client)

    response = await client.try_command(task["id"], "fulfilment", version=task["version"], outcome="arranged")

    assert (response.status_code, response.json()["status"], response.json()["version"]) == (200, "fulfilled", task["version"] + 3)
    history = await client.read(f"tasks/{task['id']}/history", client.navigator())
    assert [step["type"].split(".")[2] for step in history] == ["created", "assigned", "acknowledged", "begun", "fulfilled"]
    for kind in (TaskAcknowledged, TaskBegun, TaskFulfilled):
        assert len(await client.context.published(kind)) == 1
    assert await client.context.database.pool.fetchval("SELECT count(*) FROM deadline WHERE state = 'pending'") == 0


@pytest.mark.parametrize(
    ("before", "verb", "body"),
    [
        ((), "acknowledgement", {}),
        ((), "start", {}),
        ((), "fulfilment", {"outcome": "arranged"}),
        ((), "block", {"reason": "funding"}),
        ((), "escalation", {"reason": "carer-strain"}),
        (("block",), "unblock", {}),
        ((), "due-date", {"due_at": DUE_AT, "reason": "service-date"}),
    ],
)
async def test_repeated_command_returns_the_present_task(
    client: NavigationClient, before: tuple[str, ...], verb: str, body: dict[str, Any]
) -> None:
    task = await a_task_of(client)
    for earlier in before:
        task = (await client.try_command(task["id"], earlier, reason="funding")).json()

    first = await client.try_command(task["id"], verb, version=task["version"], **body)
    events = await count_events(client)
    again = await client.try_command(task["id"], verb, version=task["version"], **body)

    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert again.headers["etag"] == first.headers["etag"]
    assert await count_events(client) == events


@pytest.mark.parametrize(
    ("verb", "body"), [("cancellation", {"reason": "duplicate"}), ("reassignment", {"navigator_id": OTHER, "reason": "workload"})]
)
async def test_repeated_command_of_a_coordinator_returns_the_present_task(
    client: NavigationClient, verb: str, body: dict[str, Any]
) -> None:
    task = await a_task_of(client)
    await client.register(OTHER)

    responses = [await client.try_command(task["id"], verb, client.coordinator, version=task["version"], **body) for _ in range(2)]
    events = await count_events(client)
    current = await client.try_command(task["id"], verb, client.coordinator, **body)

    assert {response.status_code for response in (*responses, current)} == {200}
    assert responses[0].json() == responses[1].json() == current.json()
    assert await count_events(client) == events


async def test_other_content_with_a_stale_version_is_refused(client: NavigationClient) -> None:
    task = await a_task_of(client)
    await client.try_command(task["id"], "fulfilment", outcome="arranged")

    stale = await client.try_command(task["id"], "fulfilment", version=task["version"], outcome="not-needed")
    current = await client.try_command(task["id"], "fulfilment", outcome="not-needed")

    assert (stale.status_code, stale.json()["code"]) == (412, "version-conflict")
    assert (current.status_code, current.json()["code"]) == (409, "illegal-transition")


async def test_second_escalation_on_the_present_version_is_published(client: NavigationClient) -> None:
    task = await a_task_of(client)

    for _ in range(2):
        await client.try_command(task["id"], "escalation", reason="safety-concern")

    assert len(await client.context.published(TaskEscalated)) == 2


async def test_repeated_absence_returns_the_present_navigator(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    headers = client.navigator() | {"If-Match": 'W/"1"'}
    path = f"/navigation/navigators/{NAVIGATOR}/availability"

    responses = [await client.context.http.post(path, headers=headers, json={"is_available": False}) for _ in range(2)]
    back = await client.context.http.post(path, headers=headers, json={"is_available": True})

    assert [(response.status_code, response.json()["version"]) for response in responses] == [(200, 2)] * 2
    assert (back.status_code, back.json()["code"]) == (412, "version-conflict")


async def test_repetition_by_another_navigator_is_refused(client: NavigationClient) -> None:
    task = await a_task_of(client)
    await client.register(OTHER)
    await client.advance(task["id"], "acknowledgement")

    response = await client.try_command(task["id"], "acknowledgement", client.navigator(OTHER), version=task["version"])

    assert (response.status_code, response.json()["code"]) == (404, "task-not-found")


BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "AssignTask": ("assignment", {"navigator_id": OTHER}),
    "AcknowledgeTask": ("acknowledgement", {}),
    "StartTask": ("start", {}),
    "FulfilTask": ("fulfilment", {"outcome": "arranged"}),
    "BlockTask": ("block", {"reason": "waiting-list"}),
    "EscalateTask": ("escalation", {"reason": "safety-concern"}),
    "UnblockTask": ("unblock", {}),
    "ReassignTask": ("reassignment", {"navigator_id": OTHER, "reason": "workload"}),
    "RescheduleTask": ("due-date", {"due_at": DUE_AT, "reason": "service-date"}),
    "CancelTask": ("cancellation", {"reason": "no-longer-needed"}),
}
#: The verbs that lead to each state, and their bodies.
PATHS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "assigned": [],
    "acknowledged": [("acknowledgement", {})],
    "begun": [("start", {})],
    "blocked": [("block", {"reason": "funding"})],
    "fulfilled": [("fulfilment", {"outcome": "advice-given"})],
}


@pytest.mark.parametrize("status", [*PATHS, "unassigned", "cancelled"])
@pytest.mark.parametrize("scope", ["navigation:work", "navigation:coordinate"])
async def test_actions_offer_exactly_what_is_not_refused(client: NavigationClient, scope: str, status: str) -> None:
    """A command that is not offered is refused, or answered without a change because it is done."""
    for command, (verb, body) in BODIES.items():
        task_id = await _task_in(client, status)
        caller = client.navigator() if scope == "navigation:work" else client.coordinator
        offered = await client.context.http.get(f"/navigation/tasks/{task_id}/actions", headers=caller)
        names = [action["name"] for action in offered.json()] if offered.status_code == 200 else []
        events = await count_events(client)

        response = await client.try_command(task_id, verb, caller, **body)

        has_changed = await count_events(client) > events
        assert (command in names) is has_changed, (command, status, response.text)
        assert has_changed or response.status_code in {200, 403, 404, 409}


async def _task_in(client: NavigationClient, status: str) -> str:
    """A new task in this state. OTHER is available, and NAVIGATOR has the task unless it waits for a coordinator."""
    for code in (NAVIGATOR, OTHER):
        address, registration = f"/navigation/navigators/{code}", {"locality": "west", "role": "care-navigator"}
        await client.context.http.put(address, headers=client.coordinator, json=registration)
    if status == "unassigned":
        person_id = new_id()
        await client.publish(
            CaseRedirected(referral_id=None, destination=Destination.GP, reason="social"), person=person_id, subject=new_id()
        )
        return str(await client.context.database.pool.fetchval("SELECT id FROM task WHERE person_id = $1", person_id))
    person_id, _ = await client.plan(an_action())
    task_id = str(await client.context.database.pool.fetchval("SELECT id FROM task WHERE person_id = $1", person_id))
    await client.try_command(task_id, "reassignment", client.coordinator, navigator_id=NAVIGATOR, reason="workload")
    if status == "cancelled":
        await client.try_command(task_id, "cancellation", client.coordinator, reason="duplicate")
    for verb, body in PATHS.get(status, []):
        await client.try_command(task_id, verb, **body)
    return task_id
