"""The rate at which the consumer of each context applies a backlog, with its real handlers."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from datetime import datetime

from infra.contexts import CONTEXTS
from infra.dev_stack.drain import pending_work
from infra.dev_stack.local.progress import timed
from tests.bench.figures import Figure, Run
from tests.bench.product_under_test import Bench, ProductUnderTest
from tests.bench.scenario import Scenario
from tests.bench.scenarios.response import MEETING, RAPID_CARE, routing, triaged
from tests.bench.workers import StoppedWorkers

_LISTENERS = ("rapid_care", "mdt", "navigation")
_APPLIED = """
SELECT count(*) AS count, extract(epoch FROM max(applied_at) - min(applied_at))::float AS seconds
FROM {context}.inbox WHERE applied_at > $1"""


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    async with bench.start_product() as product:
        workers = StoppedWorkers(product.running)
        for _ in range(bench.runs):
            async with bench.bare(product.database_url) as bare:
                found = await _run(product, workers, bench.pick(200, 2_000, 5_000))
            yield {**found, **bare}


async def _run(product: ProductUnderTest, workers: StoppedWorkers, people: int) -> Run:
    """The other workers are down during the intake. Each then starts alone and applies its backlog; referrals is the last."""
    await workers.stop(*_LISTENERS)
    await _referred(product, people)
    await workers.stop("referrals")
    found: dict[str, float] = {}
    for context in (*_LISTENERS, "referrals"):
        began = await product.owner.fetchval("SELECT clock_timestamp()")
        workers.restart(context)
        found |= await _caught_up(product, context, began)
    await product.wait_until_drained()
    return found


async def _referred(product: ProductUnderTest, people: int) -> None:
    with timed(product.progress, f"Referring {people:,} people, triaging and routing them"):
        for pathway in (RAPID_CARE, MEETING):
            await triaged(product, people // 2, pathway)
            await product.all_of(await routing(product, people // 2, pathway), "point-of-access")
        await _until_none(product, ("referrals unsent",))


async def _caught_up(product: ProductUnderTest, context: str, began: datetime) -> Run:
    """From the first event applied to the last; the start of the process is excluded."""
    await _until_none(product, [f"{producer} to {context}" for producer in CONTEXTS])
    row = await product.owner.fetchrow(_APPLIED.format(context=context), began)
    assert row is not None
    return {context: row["count"] / row["seconds"], f"events {context}": row["count"]}


async def _until_none(product: ProductUnderTest, names: Iterable[str]) -> None:
    wanted = set(names)
    while wanted & (await pending_work(product.owner)).keys():
        await asyncio.sleep(0.5)


SCENARIO = Scenario(
    "catching-up",
    "Consumer catching up, with its real handlers",
    "The workers of the other three contexts are down while referrals are made, triaged and routed over HTTP, half to Rapid Care and half "
    "to the meeting. Each worker then starts alone and applies its backlog; referrals is the last. Events applied per second, from the "
    "first event after the start to the last.",
    minutes=3.2,
    figures=tuple(Figure(context, "1/s", 2_000, is_floor=True, yardstick="bare per second") for context in (*_LISTENERS, "referrals")),
    measure=measure,
)
