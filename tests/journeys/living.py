"""Living the story of domain.md §3.4 in the running product, with or without disasters."""

import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import httpx

from infra.demo.calendar import day
from infra.demo.expected import EXPECTED
from infra.demo.observe import Flowed, Observer
from infra.demo.story import CHAPTERS
from infra.demo.world import World
from infra.product import running

Disaster = Callable[[World], Awaitable[None]]


@dataclass(frozen=True)
class Lived:
    """The world after the story, and every event of it."""

    world: World
    events: list[Flowed]

    @property
    def unexpected(self) -> dict[str, int]:
        """Event types that did not happen as often as the documents tell, with how often they did."""
        counts = Counter(event.type for event in self.events)
        return {kind: counts[kind] for kind, times in EXPECTED.items() if counts[kind] != times}

    def of(self, kind: str) -> list[Flowed]:
        return [event for event in self.events if event.type == kind]


@asynccontextmanager
async def lived(name: str, disasters: dict[str, Disaster]) -> AsyncIterator[Lived]:
    """Plays every chapter; a disaster strikes after the chapter that it is named for, before anything has settled."""
    async with (
        running(f"journey-{name}-{os.getpid()}", ephemeral=True, clock_at=day(-31, "09:00")) as product,
        httpx.AsyncClient(base_url=product.url, timeout=30) as http,
    ):
        owner = await asyncpg.connect(product.addresses.database_url)
        try:
            world = World(product, http, owner)
            await _play(world, disasters)
            yield Lived(world, await Observer(owner).look())
        finally:
            await owner.close()


async def kill_every_worker(world: World) -> None:
    for context in ("referrals", "rapid_care", "mdt", "navigation"):
        if pid := world.product.supervisor.pid(context):
            os.kill(pid, signal.SIGKILL)


async def wipe_the_broker(world: World) -> None:
    """As the runbook says: a new broker at the same address, and `care topics`."""
    kafka = world.product.stack.kafka
    assert kafka is not None
    await kafka.wipe()
    await world.product.create_topics()


async def _play(world: World, disasters: dict[str, Disaster]) -> None:
    for chapter in CHAPTERS:
        await world.travel(chapter.at)
        await chapter.act(world)
        if disaster := disasters.get(chapter.act.__name__):
            await disaster(world)
        await world.settle()
