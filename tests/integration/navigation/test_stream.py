"""Streams of feeds over HTTP: each entry arrives once, and streams end in order."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from datetime import timedelta
from typing import Any

import pytest

from infra.dev_stack.dev_secrets import Keys
from services.navigation.api.streams import Streams
from services.navigation.domain.navigator import id_of
from shared.kernel.ids import new_id
from tests.builders.navigation import NAVIGATOR, OTHER, NavigationClient, a_step_down, an_action, navigation
from tests.builders.programs import Programs
from tests.integration.navigation.stream_server import ApiProcess, events, run_api
from tests.timeouts import LONGEST_WAIT

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
async def api(common_database: Any, programs: Programs, keys: Keys) -> AsyncIterator[ApiProcess]:
    """The API in another process. The process keeps no state between tests."""
    async with run_api(programs, common_database.url, keys, stream_heartbeat="PT0.2S") as process:
        yield process


@pytest.fixture
async def closable_client(client: NavigationClient, keys: Keys, common_database: Any) -> AsyncIterator[NavigationClient]:  # noqa: ARG001  it empties the tables
    """A second client on the same tables, whose database a test may close."""
    async with navigation(common_database.url, keys) as another:
        yield another


@pytest.mark.acceptance("navigation-2")
async def test_stream_resumes_with_exactly_missed_entries(client: NavigationClient, api: ApiProcess) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action(), an_action())

    async with api.stream(NAVIGATOR, client.navigator()) as lines:
        before = await events(lines, 2)
    await client.plan(an_action(), an_action())
    [task, *_] = await client.tasks()
    await client.advance(task["id"], "acknowledgement")
    async with api.stream(NAVIGATOR, client.navigator() | {"Last-Event-ID": str(before[-1].id)}) as lines:
        missed = await events(lines, 3)
        await client.publish(a_step_down(), person=new_id(), subject=new_id())
        live = await events(lines, 1)

    assert [event.id for event in before] == [1, 2]
    assert [(event.id, event.name) for event in missed] == [(3, "assigned"), (4, "assigned"), (5, "changed")]
    assert [(event.id, event.data["kind"]) for event in live] == [(6, "follow-up-check")]
    assert [event.data for event in [*before, *missed, *live]] == await client.feed()


async def test_stream_audits_each_person_once_a_connection(client: NavigationClient, api: ApiProcess) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action(), an_action())
    await client.publish(a_step_down(), person=new_id(), subject=new_id())

    async with api.stream(NAVIGATOR, client.navigator()) as lines:
        sent = await events(lines, 3)
        present = await _audited(client)
        await client.publish(a_step_down(), person=(late := new_id()), subject=new_id())
        sent += await events(lines, 1)
        both = await _audited(client)
    async with api.stream(NAVIGATOR, client.navigator() | {"Last-Event-ID": "3"}) as lines:
        await events(lines, 1)

    people = [event.data["person_id"] for event in sent]
    assert sorted(str(each) for _, each in present) == sorted(set(people[:3]))
    assert len({at for at, _ in present}) == 1
    assert sorted(str(each) for _, each in both) == sorted(set(people))
    assert [each for _, each in (await _audited(client))[len(both) :]] == [late]


async def test_streams_at_once_are_audited_under_their_own_callers(client: NavigationClient, api: ApiProcess) -> None:
    await client.register(NAVIGATOR)
    callers = [client.navigator(), client.coordinator] * 3
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(api.stream(NAVIGATOR, caller)) for caller in callers]
        await client.publish(a_step_down(), person=(person := new_id()), subject=new_id())
        for lines in streams:
            [event] = await events(lines, 1)
            assert event.data["person_id"] == str(person)

    query = "SELECT actor_id FROM audit WHERE action = 'follow_feed' AND subject = $1"
    found = [row["actor_id"] for row in await client.context.database.pool.fetch(query, person)]
    assert Counter(found) == {NAVIGATOR: 3, "navigation-coordinator": 3}


async def _audited(client: NavigationClient) -> list[tuple[Any, Any]]:
    """When and of whom the streams of the navigator have audit entries, without those of the feed itself."""
    query = "SELECT at, subject FROM audit WHERE action = 'follow_feed' AND subject <> $1 ORDER BY id"
    return [tuple(row) for row in await client.context.database.pool.fetch(query, id_of(NAVIGATOR))]


@pytest.mark.acceptance("navigation-2")
async def test_new_task_is_streamed_within_five_seconds(client: NavigationClient, api: ApiProcess) -> None:
    await client.register(NAVIGATOR)
    async with api.stream(NAVIGATOR, client.navigator()) as lines:
        await client.plan(an_action())
        began = asyncio.get_running_loop().time()

        [event] = await events(lines, 1)

        assert asyncio.get_running_loop().time() - began < 5
        assert event.data["task_id"] == (await client.tasks())[0]["id"]


async def test_each_stream_follows_its_own_feed(client: NavigationClient, api: ApiProcess) -> None:
    await client.register(NAVIGATOR, OTHER)
    await client.plan(*(an_action() for _ in range(6)))
    async with (
        api.stream(NAVIGATOR, client.navigator()) as whole,
        api.stream(NAVIGATOR, client.coordinator | {"Last-Event-ID": "2"}) as end,
        api.stream(OTHER, client.navigator(OTHER) | {"Last-Event-ID": "3"}) as other,
    ):
        await client.publish(a_step_down(), person=new_id(), subject=new_id())
        await client.publish(a_step_down(), person=new_id(), subject=new_id())

        found = await asyncio.gather(events(whole, 4), events(end, 2), events(other, 1))

    assert [[event.id for event in stream] for stream in found] == [[1, 2, 3, 4], [3, 4], [4]]


async def test_idle_stream_sends_retry_hint_and_heartbeats(client: NavigationClient, api: ApiProcess) -> None:
    await client.register(NAVIGATOR)
    async with api.stream(NAVIGATOR, client.navigator()) as lines, asyncio.timeout(LONGEST_WAIT):
        received = [await anext(lines) for _ in range(5)]

    assert received[0] == "retry: 2000"
    assert [line[:6] for line in received[1:]] == ["", ": ping", "", ": ping"]


async def test_stream_ends_after_its_lifetime(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action())
    streams = Streams(client.context.database)

    async with asyncio.timeout(LONGEST_WAIT):
        following = streams.follow(NAVIGATOR, after=0, duration=timedelta(seconds=0.3), heartbeat=HOUR, is_permitted=lambda: True)
        found = [entry.sequence async for portion in following for entry in portion]

    assert found == [1]


async def test_one_poller_serves_all_streams(client: NavigationClient) -> None:
    await client.register(NAVIGATOR, OTHER)
    streams = Streams(client.context.database)

    async def follow(code: str, count: int) -> list[int]:
        found: list[int] = []
        async with aclosing(streams.follow(code, after=0, duration=HOUR, heartbeat=HOUR, is_permitted=lambda: True)) as portions:
            async for entries in portions:
                found += [entry.sequence for entry in entries]
                if len(found) >= count:
                    break
        return found

    following = [asyncio.create_task(follow(code, 5)) for code in [NAVIGATOR, OTHER] * 20]
    for _ in range(10):
        await client.publish(a_step_down(), person=new_id(), subject=new_id())
    async with asyncio.timeout(LONGEST_WAIT):
        found = await asyncio.gather(*following)
        poller = streams._poller
        assert poller is not None
        await poller

    assert found == [[1, 2, 3, 4, 5]] * 40
    assert [task for task in asyncio.all_tasks() if task.get_name() == "feed poller"] == []


async def test_stream_ends_when_database_is_unavailable(closable_client: NavigationClient) -> None:
    await closable_client.register(NAVIGATOR)
    await closable_client.plan(an_action())
    streams = Streams(closable_client.context.database)
    await closable_client.context.database.close()

    assert [portion async for portion in streams.follow(NAVIGATOR, after=0, duration=HOUR, heartbeat=HOUR, is_permitted=lambda: True)] == []


async def test_shutdown_ends_open_streams(client: NavigationClient, api: ApiProcess) -> None:
    """Must be the last test: it stops the module's API process."""
    await client.register(NAVIGATOR)
    await client.plan(an_action())
    async with api.stream(NAVIGATOR, client.navigator()) as lines:
        await events(lines, 1)

        log = await api.stop()

        assert await events(lines, 1) == []
    assert api.process.returncode == -signal.SIGTERM
    assert {json.loads(line)["level"] for line in log.splitlines()} == {"info"}
