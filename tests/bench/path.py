"""How quick the way of an event is: `python -m tests.bench.path`.

On a stack of its own, durability on. Each figure is of the whole: a relay that drains a backlog; an intake that applies batches; the two
ends as processes of their own with real Kafka between, under light load, from the record in one log to the effect in the other context.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter

from rich.console import Console

from infra.environment import environment
from infra.keys import Keys, make
from infra.local.progress import StatusLines
from infra.local.stack import Stack, StackAddresses
from infra.migrate import migrate
from shared.clock import wall_clock
from shared.messaging import topics
from shared.messaging.consumer import BATCH
from shared.messaging.relay import Relay
from shared.messaging.topics import Layout, TopicDeclaration
from tests.integration.platform import parcels
from tests.integration.platform.parcels import TOPIC
from tests.integration.platform.post import Post, make_tables, opened
from tests.integration.platform.workers import working

_BACKLOG, _AT_ONCE, _PER_SECOND, _SECONDS = 20_000, 500, 20, 30
_PERCENTILES = """
SELECT percentile_cont(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM at - recorded_at) * 1000)
FROM rapid_care.event JOIN navigation.effect ON event_id = event.id WHERE recorded_at > $1"""


async def run(progress: StatusLines) -> dict[str, float]:
    async with Stack(name=f"bench-{os.getpid()}", ephemeral=True, progress=progress) as addresses:
        keys = make()
        await migrate(addresses.database_url, keys.roles)
        await make_tables(addresses.database_url, keys.roles)
        await topics.create(addresses.kafka_bootstrap, [TopicDeclaration(TOPIC, is_compacted=False, retention_days=1)], Layout())
        async with opened(addresses.database_url, keys) as post:
            post.sender.clock.at = wall_clock()
            await _fill(post)
            figures = {"relay, events/s": await _drain(post, addresses), "intake, events/s": await _apply(post)}
            return figures | await _light_load(post, addresses, keys)


async def _fill(post: Post) -> None:
    for _ in range(_BACKLOG // _AT_ONCE):
        async with post.sender.database.transaction() as tx:
            for _ in range(_AT_ONCE):
                await parcels.send(tx, parcels.a_parcel(tx.now))


async def _drain(post: Post, addresses: StackAddresses) -> float:
    async with _relaying(post, addresses):
        while await post.count("rapid_care.outbox") == _BACKLOG:
            await asyncio.sleep(0.001)
        began, left = perf_counter(), await post.count("rapid_care.outbox")
        while await post.count("rapid_care.outbox"):
            await asyncio.sleep(0.005)
        return left / (perf_counter() - began)


@asynccontextmanager
async def _relaying(post: Post, addresses: StackAddresses) -> AsyncIterator[None]:
    task = asyncio.create_task(Relay(post.sender.database, "rapid_care", addresses.kafka_bootstrap).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _apply(post: Post) -> float:
    records = await post.records()
    began = perf_counter()
    for start in range(0, len(records), BATCH):
        await post.receiver.intake.apply(records[start : start + BATCH])
    return len(records) / (perf_counter() - began)


async def _light_load(post: Post, addresses: StackAddresses, keys: Keys) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        async with working(environment(addresses.database_url, addresses.kafka_bootstrap, keys), Path(folder) / "log") as workers:
            await asyncio.gather(workers.start("sender"), workers.start("receiver"))
            await _until_caught_up(post)
            began = await post.owner.fetchval("SELECT clock_timestamp()")
            for _ in range(_PER_SECOND * _SECONDS):
                await asyncio.gather(post.send(), asyncio.sleep(1 / _PER_SECOND))
            await _until_caught_up(post)
            found = await post.owner.fetchval(_PERCENTILES, began)
    return dict(zip(("applied after, ms, p50", "p90", "p99"), found, strict=True))


async def _until_caught_up(post: Post) -> None:
    await post.send()
    while await post.count("rapid_care.outbox") or await post.events_without_their_one_effect():
        await asyncio.sleep(0.2)


def main() -> None:
    out = Console(stderr=True)
    with StatusLines(out) as progress:
        figures = asyncio.run(run(progress))
    sys.stdout.write(json.dumps({name: round(value, 1) for name, value in figures.items()}) + "\n")


if __name__ == "__main__":
    main()
