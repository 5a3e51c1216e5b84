"""Feeds, read in pages by cursor."""

import pytest

from shared.kernel.ids import new_id
from shared.web.pagination import encode, encode_sequence
from tests.builders.navigation import NAVIGATOR, OTHER, NavigationClient, a_step_down, an_action


@pytest.mark.acceptance("navigation-2")
async def test_feed_resumes_at_cursor(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(*(an_action() for _ in range(5)))

    first = await client.read(f"navigators/{NAVIGATOR}/feed", limit=3)
    second = await client.read(f"navigators/{NAVIGATOR}/feed", limit=3, cursor=first["next"])
    await client.publish(a_step_down(), person=new_id(), subject=new_id())
    new = await client.read(f"navigators/{NAVIGATOR}/feed", limit=3, cursor=second["next"])
    none = await client.read(f"navigators/{NAVIGATOR}/feed", cursor=new["next"])
    view = await client.read(f"navigators/{NAVIGATOR}")

    sequences = [[entry["sequence"] for entry in page["items"]] for page in (first, second, new)]
    assert sequences == [[1, 2, 3], [4, 5], [6]]
    assert new["items"][0]["kind"] == "follow-up-check"
    assert none == {"items": [], "next": new["next"]}
    assert view["feed_cursor"] == new["next"]


async def test_feed_lists_every_change_in_order(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action())
    [task] = await client.tasks()

    await client.advance(task["id"], "acknowledgement", "start")
    await client.try_command(task["id"], "block", reason="funding")
    await client.advance(task["id"], "unblock")
    await client.try_command(task["id"], "fulfilment", outcome="arranged")

    assert [(entry["sequence"], entry["change"], entry["status"]) for entry in await client.feed()] == [
        (1, "assigned", "assigned"),
        (2, "changed", "acknowledged"),
        (3, "changed", "begun"),
        (4, "changed", "blocked"),
        (5, "changed", "begun"),
        (6, "changed", "fulfilled"),
    ]
    assert (await client.read(f"navigators/{NAVIGATOR}"))["feed_sequence"] == 6


async def test_refused_command_adds_no_feed_entry(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action())
    [task] = await client.tasks()

    await client.try_command(task["id"], "unblock")
    await client.try_command(task["id"], "reassignment", client.coordinator, navigator_id="unknown", reason="workload")

    assert len(await client.feed()) == 1


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"navigators/{NAVIGATOR}/feed?cursor={encode_sequence(2)}", 409, "cursor-beyond-end"),
        (f"navigators/{NAVIGATOR}/feed?cursor={encode(-1)}", 400, "cursor-malformed"),
        (f"navigators/{NAVIGATOR}/feed?cursor={encode(10**19)}", 400, "cursor-malformed"),
        (f"navigators/{NAVIGATOR}/feed?cursor={encode_sequence(2**63 - 1)}", 409, "cursor-beyond-end"),
        (f"navigators/{NAVIGATOR}/feed?cursor={encode(1, 2)}", 400, "cursor-malformed"),
        (f"navigators/{NAVIGATOR}/feed?limit=0", 422, "validation-failed"),
        (f"navigators/{NAVIGATOR}/tasks?cursor=here", 400, "cursor-malformed"),
        ("tasks?status=unassigned&cursor=here", 400, "cursor-malformed"),
    ],
)
async def test_invalid_cursor_is_refused(client: NavigationClient, path: str, status: int, code: str) -> None:
    await client.register(NAVIGATOR, OTHER)
    await client.plan(an_action())

    response = await client.context.http.get(f"/navigation/{path}", headers=client.coordinator)

    assert (response.status_code, response.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("last_event_id", "status", "code"),
    [
        ("yesterday", 400, "last-event-id-malformed"),
        ("-1", 400, "last-event-id-malformed"),
        ("1" * 5_000, 400, "last-event-id-malformed"),
        ("7", 409, "cursor-beyond-end"),
    ],
)
async def test_stream_refuses_invalid_last_event_id(client: NavigationClient, last_event_id: str, status: int, code: str) -> None:
    await client.register(NAVIGATOR)

    headers = client.navigator() | {"Last-Event-ID": last_event_id}
    response = await client.context.http.get(f"/navigation/navigators/{NAVIGATOR}/feed/stream", headers=headers)

    assert (response.status_code, response.json()["code"]) == (status, code)
