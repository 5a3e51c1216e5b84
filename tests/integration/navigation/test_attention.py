"""Tasks that need a coordinator's attention: blocked, escalated or overdue."""

from datetime import date, timedelta
from typing import Any

from shared.contracts.codes import Locality
from shared.contracts.mdt import CaseRedirected, Destination
from shared.kernel.ids import new_id
from tests.builders.navigation import NAVIGATOR, NavigationClient, a_step_down, an_action

FAR = "clch-navigator-9"


async def attention(client: NavigationClient, **query: Any) -> list[str]:
    return [task["id"] for task in (await client.read("tasks", status="needs-attention", **query))["items"]]


async def test_attention_lists_blocked_escalated_and_overdue_tasks(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(*(an_action(due_on=date(2015, 3, day)) for day in (5, 16, 17, 18, 19)))
    overdue, unacknowledged, concerning, blocked, normal = [task["id"] for task in await client.tasks()]
    assert await attention(client) == []
    for task_id in (overdue, concerning, blocked, normal):
        await client.advance(task_id, "acknowledgement", "start")

    await client.try_command(blocked, "block", reason="waiting-list")
    await client.try_command(concerning, "escalation", reason="safety-concern")
    await client.context.let_pass(timedelta(days=1, hours=4))

    assert await attention(client) == [overdue, unacknowledged, concerning, blocked]
    pages = [await client.read("tasks", status="needs-attention", limit=3)]
    pages.append(await client.read("tasks", status="needs-attention", limit=3, cursor=pages[0]["next"]))
    assert [[task["id"] for task in page["items"]] for page in pages] == [[overdue, unacknowledged, concerning], [blocked]]
    assert pages[1]["next"] is None


async def test_unblocked_or_ended_task_needs_no_attention(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action(due_on=date(2015, 3, 16)), an_action(due_on=date(2015, 3, 17)), an_action(due_on=date(2015, 3, 18)))
    first, second, third = [task["id"] for task in await client.tasks()]
    await client.context.let_pass(timedelta(days=1))
    assert await attention(client) == [first, second, third]

    await client.advance(first, "acknowledgement")
    await client.advance(second, "acknowledgement")
    await client.try_command(second, "block", reason="funding")
    await client.try_command(third, "cancellation", client.coordinator, reason="created-in-error")
    assert await attention(client) == [second]
    await client.advance(second, "unblock")

    assert await attention(client) == []


async def test_attention_is_filtered_by_locality(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.register(FAR, locality=Locality.LOCALITY_B)
    await client.publish(a_step_down(), person=new_id(), subject=new_id())
    await client.publish(a_step_down(locality=Locality.LOCALITY_B), person=new_id(), subject=new_id())
    await client.publish(CaseRedirected(referral_id=None, destination=Destination.GP, reason="social"), person=new_id(), subject=new_id())
    [near], [far], [nowhere] = await client.tasks(), await client.tasks(FAR), await client.unassigned()

    await client.context.let_pass(timedelta(days=1))

    assert sorted(await attention(client, locality="west")) == sorted(task["id"] for task in (near, nowhere))
    assert sorted(await attention(client, locality="locality-b")) == sorted(task["id"] for task in (far, nowhere))
    assert sorted(await attention(client)) == sorted(task["id"] for task in (near, far, nowhere))


async def test_attention_is_for_own_coordinators(client: NavigationClient) -> None:
    other = client.caller("navigation:coordinate", "navigation-coordinator", "HOUSING21")

    path = "/navigation/tasks?status=needs-attention"
    responses = [await client.context.http.get(path, headers=caller) for caller in (client.navigator(), other)]

    codes = [(response.status_code, response.json()["code"]) for response in responses]
    assert codes == [(403, "scope-missing"), (403, "organisation-not-involved")]
