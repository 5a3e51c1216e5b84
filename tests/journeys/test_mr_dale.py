"""Mr Dale's six weeks through the whole running product: HTTP, Kafka, PostgreSQL, four services in their own processes."""

import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest

from infra.demo.calendar import day
from infra.demo.expected import EXPECTED
from infra.demo.observe import Observer
from infra.demo.story import CHAPTERS
from infra.demo.world import World
from infra.product import running

Disaster = Callable[[World], Awaitable[None]]


@asynccontextmanager
async def a_world(name: str) -> AsyncIterator[World]:
    async with (
        running(f"journey-{name}-{os.getpid()}", ephemeral=True, clock_at=day(-31, "09:00")) as product,
        httpx.AsyncClient(base_url=product.url, timeout=30) as http,
    ):
        owner = await asyncpg.connect(product.addresses.database_url)
        try:
            yield World(product, http, owner)
        finally:
            await owner.close()


async def lived(world: World, disasters: dict[int, Disaster]) -> Counter[str]:
    """Plays every chapter, with a disaster in the middle of those numbered; counts the events."""
    observer = Observer(world.owner)
    for number, chapter in enumerate(CHAPTERS):
        await world.travel(chapter.at)
        await chapter.act(world)
        if number in disasters:
            await disasters[number](world)
        await world.settle()
    return Counter(each.type for each in await observer.look())


def unexpected(counts: Counter[str]) -> dict[str, int]:
    return {kind: counts[kind] for kind, times in EXPECTED.items() if counts[kind] != times}


def numbered(title: str) -> int:
    return next(number for number, chapter in enumerate(CHAPTERS) if chapter.act.__name__ == title)


async def kill_every_worker(world: World) -> None:
    for context in ("referrals", "rapid_care", "mdt", "navigation"):
        pid = world.product.supervisor.pid(context)
        if pid:
            os.kill(pid, signal.SIGKILL)


async def wipe_the_broker(world: World) -> None:
    kafka = world.product.stack.kafka
    assert kafka is not None
    await kafka.wipe()
    await world.product.create_topics()


@pytest.mark.timeout(400)
async def test_six_weeks_as_the_documents_tell_them() -> None:
    async with a_world("plain") as world:
        assert unexpected(await lived(world, {})) == {}

        assert world.seen["minutes"] == 102
        assert world.seen["benefit_pounds"] == 2004
        assert world.seen["contact"]["role"] == "community-nurse"


@pytest.mark.timeout(400)
async def test_the_same_story_when_every_worker_is_killed_in_the_crisis() -> None:
    async with a_world("killed") as world:
        counts = await lived(world, {numbered("the_meeting_agrees"): kill_every_worker, numbered("louise_calls"): kill_every_worker})

        assert unexpected(counts) == {}
        assert world.seen["minutes"] == 102


@pytest.mark.timeout(400)
async def test_the_same_story_when_the_broker_is_wiped_in_the_middle() -> None:
    async with a_world("wiped") as world:
        counts = await lived(world, {numbered("the_meeting_agrees"): wipe_the_broker})

        assert unexpected(counts) == {}
        assert world.seen["minutes"] == 102
