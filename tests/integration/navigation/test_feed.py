"""Feeds as pages by cursor."""

import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.kernel.ids import new_id
from tests.builders.navigation import NAVIGATOR, OTHER, a_step_down, an_action, navigation


@pytest.mark.acceptance("navigation-2")
async def test_a_feed_is_read_to_its_end_by_cursor_and_goes_on_where_it_was_left(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(*(an_action() for _ in range(5)))

        first = await desk.read(f"navigators/{NAVIGATOR}/feed", limit=3)
        second = await desk.read(f"navigators/{NAVIGATOR}/feed", limit=3, after=first["next"])
        await desk.tell(a_step_down(), person=new_id(), subject=new_id())
        news = await desk.read(f"navigators/{NAVIGATOR}/feed", limit=3, after=second["items"][-1]["sequence"])

        sequences = [[entry["sequence"] for entry in page["items"]] for page in (first, second, news)]
        assert sequences == [[1, 2, 3], [4, 5], [6]]
        assert (second.get("next"), news["items"][0]["kind"]) == (None, "follow-up-check")


async def test_the_feed_tells_every_change_in_order(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action())
        [task] = await desk.tasks()

        await desk.bring(task["id"], "acknowledgement", "start")
        await desk.ask(task["id"], "block", reason="funding")
        await desk.bring(task["id"], "unblock")
        await desk.ask(task["id"], "fulfilment", outcome="arranged")

        assert [(entry["sequence"], entry["change"], entry["status"]) for entry in await desk.feed()] == [
            (1, "assigned", "assigned"),
            (2, "changed", "acknowledged"),
            (3, "changed", "begun"),
            (4, "changed", "blocked"),
            (5, "changed", "begun"),
            (6, "changed", "fulfilled"),
        ]
        assert (await desk.read(f"navigators/{NAVIGATOR}"))["feed_sequence"] == 6


async def test_a_refused_command_tells_no_feed(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action())
        [task] = await desk.tasks()

        await desk.ask(task["id"], "start")
        await desk.ask(task["id"], "reassignment", desk.coordinator, navigator_id="nobody", reason="workload")

        assert len(await desk.feed()) == 1


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"navigators/{NAVIGATOR}/feed?after=2", 409, "cursor-beyond-end"),
        (f"navigators/{NAVIGATOR}/feed?after=-1", 422, "validation-failed"),
        (f"navigators/{NAVIGATOR}/feed?after=99999999999", 422, "validation-failed"),
        (f"navigators/{NAVIGATOR}/feed?limit=0", 422, "validation-failed"),
        (f"navigators/{NAVIGATOR}/feed/stream?after=2", 409, "cursor-beyond-end"),
        (f"navigators/{NAVIGATOR}/tasks?cursor=here", 400, "cursor-malformed"),
        ("tasks/unassigned?cursor=here", 400, "cursor-malformed"),
    ],
)
async def test_a_cursor_that_is_none_is_refused(owner_url: str, keys: Keys, path: str, status: int, code: str) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR, OTHER)
        await desk.plan(an_action())

        answer = await desk.context.http.get(f"/navigation/{path}", headers=desk.coordinator)

        assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("last_event_id", "status", "code"),
    [
        ("yesterday", 400, "last-event-id-malformed"),
        ("-1", 400, "last-event-id-malformed"),
        ("1" * 5_000, 400, "last-event-id-malformed"),
        ("7", 409, "cursor-beyond-end"),
    ],
)
async def test_a_stream_resumes_only_where_it_has_been(owner_url: str, keys: Keys, last_event_id: str, status: int, code: str) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)

        headers = desk.navigator() | {"Last-Event-ID": last_event_id}
        answer = await desk.context.http.get(f"/navigation/navigators/{NAVIGATOR}/feed/stream", headers=headers)

        assert (answer.status_code, answer.json()["code"]) == (status, code)
