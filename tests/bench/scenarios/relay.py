"""The rate at which the relay sends a backlog."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from time import perf_counter

from infra.dev_stack.local.progress import timed
from tests.bench import plain_delivery
from tests.bench.bulk_rows import copies, unsent, upto, uuid
from tests.bench.figures import Figure, Run
from tests.bench.processes import spending
from tests.bench.product_under_test import Bench, ProductUnderTest
from tests.bench.scenario import Scenario
from tests.bench.scenarios.delivery import TOPIC, one_event

_HAS_ROWS = "SELECT EXISTS (SELECT FROM referrals.outbox)"
_PORTION = 100_000


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    async with bench.start_product() as product:
        await product.owner.execute(_one_row(await one_event(product)))
        await product.wait_until_drained()
        count = bench.pick(20_000, 200_000, 1_000_000)
        for number in range(bench.runs):
            async with bench.bare(product.database_url) as bare, _plain(bench, product, min(count, _PORTION)) as plain:
                with spending(product.running) as spent:
                    seconds = await _drain(product, f"backlog {number}", count)
            yield {"events per second": count / seconds, "seconds": seconds, **spent.cores(seconds), **plain, **bare}
            await product.prepare("Vacuuming")


def _plain(bench: Bench, product: ProductUnderTest, count: int) -> AbstractAsyncContextManager[dict[str, float]]:
    return bench.in_turn(lambda: plain_delivery.backlog(product, count), "plain")


def _one_row(statement: str) -> str:
    return unsent(statement.replace("$1::uuid", uuid("first").replace("|| n", "")), "referrals")


async def _drain(product: ProductUnderTest, salt: str, count: int) -> float:
    """In seconds, from the one commit of all rows until the outbox is empty."""
    with timed(product.progress, f"Writing {count:,} events into the log"):
        async with product.owner.transaction():
            for start in range(0, count, _PORTION):
                await product.owner.execute(await _portion(product, salt, start, min(_PORTION, count - start)), timeout=600)
            await product.owner.execute("ANALYZE referrals.outbox, referrals.event")
            await product.owner.execute("CHECKPOINT", timeout=600)
    began = perf_counter()
    while await product.owner.fetchval(_HAS_ROWS):
        await asyncio.sleep(0.25)
    return perf_counter() - began


async def _portion(product: ProductUnderTest, salt: str, after: int, count: int) -> str:
    new = uuid(salt)
    changes = {"id": new, "subject": new, "key": new, "recorded_at": "clock_timestamp()"}
    return unsent(await copies(product.owner, "referrals.event", f"topic = '{TOPIC}'", upto(count, after), **changes), "referrals")


SCENARIO = Scenario(
    "relay",
    "Relay from a backlog of 1,000,000 events",
    "1,000,000 events of one context appear in the event log and the outbox in one commit: copies of a real event with distinct ids and "
    "keys, on a topic of the bench. Until the outbox is empty, when Kafka has acknowledged every event. The yardstick is the plain polling "
    "relay with a backlog of at most 100,000.",
    minutes=3.5,
    figures=(Figure("events per second", "1/s", 20_000, is_floor=True, yardstick="plain events per second"),),
    measure=measure,
)
