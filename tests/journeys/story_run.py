"""Plays the story of `infra/demo/story.py` in the running product, with or without failures."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import cast

import asyncpg
import httpx
from aiokafka.admin import AIOKafkaAdminClient

from infra.contexts import CONTEXTS
from infra.demo.assertions import deviations
from infra.demo.observe import ObservedEvent, Observer
from infra.demo.story import CHAPTERS
from infra.demo.story_dates import day
from infra.demo.world import Call, World
from infra.dev_stack.product import run_product
from tests.timeouts import LONGEST_WAIT

Failure = Callable[[World], Awaitable[None]]


@dataclass(frozen=True)
class StoryRun:
    """The world after the story, with all events and calls."""

    world: World
    events: list[ObservedEvent]
    calls: list[Call]

    @property
    def deviations(self) -> list[str]:
        """The deviations from the documents."""
        return deviations(self.events, self.world.seen)

    def of(self, kind: str) -> list[ObservedEvent]:
        """The events of one type."""
        return [event for event in self.events if event.type == kind]


@asynccontextmanager
async def play_story(name: str, failures: dict[str, Failure]) -> AsyncIterator[StoryRun]:
    """Plays every chapter. A failure follows the chapter that is its key, before the events of the chapter are drained."""
    async with (
        run_product(f"journey-{name}-{os.getpid()}", ephemeral=True, clock_at=day(-31, "09:00")) as product,
        httpx.AsyncClient(base_url=product.url, timeout=LONGEST_WAIT) as http,
    ):
        owner = await asyncpg.connect(product.addresses.database_url)
        try:
            world = World(product, http, owner)
            await _play(world, failures)
            yield StoryRun(world, await Observer(owner).new_events(), list(world.calls))
        finally:
            await owner.close()


async def kill_every_worker(world: World) -> None:
    """Kills the worker of each context, and waits until each runs again as another process."""
    async with asyncio.timeout(LONGEST_WAIT):
        while None in (before := _workers(world)).values():
            await asyncio.sleep(0.05)
        for pid in before.values():
            with suppress(ProcessLookupError):  # it ended after the wipe by itself
                os.kill(cast("int", pid), signal.SIGKILL)
        while any(now in {None, before[context]} for context, now in _workers(world).items()):
            await asyncio.sleep(0.05)


async def wipe_the_broker(world: World) -> None:
    """Replaces the broker by an empty one at the same address and creates the topics, as the runbook says. The cluster id changes."""
    kafka = world.product.stack.kafka
    assert kafka is not None
    before = await _cluster(kafka.bootstrap)
    await kafka.wipe()
    assert await _cluster(kafka.bootstrap) != before
    await world.product.create_topics()


def _workers(world: World) -> dict[str, int | None]:
    return {context: world.product.supervisor.pid(context) for context in CONTEXTS}


async def _cluster(bootstrap: str) -> str:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        return str((await admin.describe_cluster())["cluster_id"])
    finally:
        await admin.close()


async def _play(world: World, failures: dict[str, Failure]) -> None:
    for chapter in CHAPTERS:
        await world.travel(chapter.at)
        await chapter.act(world)
        if failure := failures.get(chapter.act.__name__):
            await failure(world)
        await world.wait_until_drained()
