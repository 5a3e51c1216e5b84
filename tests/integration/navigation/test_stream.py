"""Streams of feeds over real HTTP: nothing missed, nothing twice, whatever breaks off."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta

import pytest

from infra.dev_stack.dev_secrets import Keys
from infra.dev_stack.local.stack import StackAddresses
from services.navigation.api.streams import Streams
from shared.kernel.ids import new_id
from tests.builders.navigation import NAVIGATOR, OTHER, a_step_down, an_action, navigation
from tests.conftest import Common
from tests.integration.navigation.stream_server import Served, events, served
from tests.timeouts import LONGEST_WAIT

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
async def api(common: Common, addresses: StackAddresses, keys: Keys) -> AsyncIterator[Served]:
    """One for the module: it keeps nothing between tests."""
    async with served(common.url, addresses, keys, stream_heartbeat=0.2) as running:
        yield running


@pytest.mark.acceptance("navigation-2")
async def test_after_an_interruption_exactly_what_was_missed_comes_in_order(owner_url: str, api: Served, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action(), an_action())

        async with api.stream(NAVIGATOR, desk.navigator()) as lines:
            before = await events(lines, 2)
        await desk.plan(an_action(), an_action())
        [task, *_] = await desk.tasks()
        await desk.bring(task["id"], "acknowledgement")
        async with api.stream(NAVIGATOR, desk.navigator() | {"Last-Event-ID": str(before[-1].id)}) as lines:
            missed = await events(lines, 3)
            await desk.tell(a_step_down(), person=new_id(), subject=new_id())
            live = await events(lines, 1)

        assert [event.id for event in before] == [1, 2]
        assert [(event.id, event.name) for event in missed] == [(3, "assigned"), (4, "assigned"), (5, "changed")]
        assert [(event.id, event.data["kind"]) for event in live] == [(6, "follow-up-check")]
        assert [event.data for event in [*before, *missed, *live]] == await desk.feed()


@pytest.mark.acceptance("navigation-2")
async def test_a_new_task_is_on_the_screen_within_five_seconds(owner_url: str, api: Served, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        async with api.stream(NAVIGATOR, desk.navigator()) as lines:
            await desk.plan(an_action())
            began = asyncio.get_running_loop().time()

            [event] = await events(lines, 1)

            assert asyncio.get_running_loop().time() - began < 5
            assert event.data["task_id"] == (await desk.tasks())[0]["id"]


async def test_every_screen_follows_its_own_feed_from_where_it_wants(owner_url: str, api: Served, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR, OTHER)
        await desk.plan(*(an_action() for _ in range(6)))
        async with (
            api.stream(NAVIGATOR, desk.navigator()) as whole,
            api.stream(NAVIGATOR, desk.coordinator, after=2) as end,
            api.stream(OTHER, desk.navigator(OTHER), after=3) as other,
        ):
            await desk.tell(a_step_down(), person=new_id(), subject=new_id())
            await desk.tell(a_step_down(), person=new_id(), subject=new_id())

            found = await asyncio.gather(events(whole, 4), events(end, 2), events(other, 1))

        assert [[event.id for event in screen] for screen in found] == [[1, 2, 3, 4], [3, 4], [4]]


async def test_a_silent_stream_hints_when_to_come_back_and_beats(owner_url: str, api: Served, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        async with api.stream(NAVIGATOR, desk.navigator()) as lines, asyncio.timeout(LONGEST_WAIT):
            said = [await anext(lines) for _ in range(5)]

        assert said[0] == "retry: 2000"
        assert [line[:6] for line in said[1:]] == ["", ": ping", "", ": ping"]


async def test_a_stream_ends_after_its_time_so_that_its_reader_is_authorised_anew(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action())
        streams = Streams(desk.context.database)

        async with asyncio.timeout(LONGEST_WAIT):
            following = streams.follow(NAVIGATOR, after=0, lasts=timedelta(seconds=0.3), beat=HOUR)
            found = [entry.sequence async for portion in following for entry in portion]

        assert found == [1]


async def test_open_streams_end_cleanly_when_the_process_is_asked_to_end(owner_url: str, addresses: StackAddresses, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk, served(owner_url, addresses, keys) as own:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action())
        async with own.stream(NAVIGATOR, desk.navigator()) as lines:
            await events(lines, 1)

            said = await own.end()

            assert await events(lines, 1) == []
        assert own.process.returncode == -signal.SIGTERM
        assert {json.loads(line)["level"] for line in said.splitlines()} == {"info"}


async def test_one_poller_serves_all_streams_and_ends_with_the_last(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR, OTHER)
        streams = Streams(desk.context.database)

        async def follow(code: str, most: int) -> list[int]:
            found: list[int] = []
            async with aclosing(streams.follow(code, after=0, lasts=HOUR, beat=HOUR)) as portions:
                async for entries in portions:
                    found += [entry.sequence for entry in entries]
                    if len(found) >= most:
                        break
            return found

        following = [asyncio.create_task(follow(code, 5)) for code in [NAVIGATOR, OTHER] * 20]
        for _ in range(10):
            await desk.tell(a_step_down(), person=new_id(), subject=new_id())
        async with asyncio.timeout(LONGEST_WAIT):
            found = await asyncio.gather(*following)
            poller = streams._poller
            assert poller is not None
            await poller

        assert found == [[1, 2, 3, 4, 5]] * 40
        assert [task for task in asyncio.all_tasks() if task.get_name() == "feed poller"] == []


async def test_a_stream_ends_when_the_database_is_away_instead_of_staying_silent(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action())
        streams = Streams(desk.context.database)
        await desk.context.database.close()

        assert [portion async for portion in streams.follow(NAVIGATOR, after=0, lasts=HOUR, beat=HOUR)] == []
