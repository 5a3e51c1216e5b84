"""Reads during intake: the queue of responses, a feed, and a referral."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from infra.dev_stack.serve import token
from tests.bench.figures import Figure, Run, percentile
from tests.bench.load import Request
from tests.bench.people import get
from tests.bench.processes import spending
from tests.bench.product_under_test import Bench, ProductUnderTest
from tests.bench.scenario import Scenario
from tests.bench.scenarios.response import routing, triaged
from tests.bench.scenarios.streams import FIRST, navigators

_INTAKE_PER_SECOND, _READS_PER_SECOND = 300, 30
_QUEUE, _FEED, _REFERRAL = "queue of open responses", "feed page", "one referral"
KINDS = (_QUEUE, _FEED, _REFERRAL)
_ENTRY = """
INSERT INTO navigation.feed_entry (navigator_id, sequence, at, change, task_id, person_id, kind, status, due_at)
SELECT $1, n, clock_timestamp(), 'assigned', uuidv7(), uuidv7(), 'signpost', 'assigned', clock_timestamp()
FROM generate_series(1, 60) AS n"""
_LEAD_IN = 3.0


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    async with bench.start_product() as product:
        await _prepare(product, bench.pick(60, 1_000))
        for _ in range(bench.runs):
            async with bench.bare(product.database_url) as bare:
                found = await _run(product, bench.pick(5.0, 10.0, 20.0))
            yield {**found, **bare}


async def _run(product: ProductUnderTest, seconds: float) -> Run:
    whole = seconds + 2 * _LEAD_IN
    referrals = product.people.referrals(round(_INTAKE_PER_SECOND * whole))
    load = asyncio.create_task(product.send(referrals, "gp", seconds=whole, rate=_INTAKE_PER_SECOND))
    await asyncio.sleep(_LEAD_IN)
    with spending(product.running) as spent:
        found = await read(product, KINDS, seconds)
    intake = await load
    await product.wait_until_drained()
    return {**found, "intake responses other than 201": sum(status != 201 for status in intake.status), **spent.cores(seconds)}


async def read(product: ProductUnderTest, kinds: Sequence[str], seconds: float) -> Run:
    """Each kind in turn, in an open loop."""
    count = round(_READS_PER_SECOND * seconds)
    paths = {kind: await _requests(product, kind) for kind in kinds}
    requests = [paths[kinds[number % len(kinds)]][number % len(paths[kinds[number % len(kinds)]])] for number in range(count)]
    result = await product.send(requests, None, seconds=seconds, rate=_READS_PER_SECOND)
    found: dict[str, float] = {"responses other than 200": sum(status != 200 for status in result.status)}
    for place, kind in enumerate(kinds):
        took = [took for number, took in zip(result.number, result.latency, strict=True) if number % len(kinds) == place]
        found |= {f"{kind}, p50": percentile(took, 0.5) * 1000, f"{kind}, p99": percentile(took, 0.99) * 1000}
    return found


async def _requests(product: ProductUnderTest, kind: str) -> list[Request]:
    if kind == _QUEUE:
        return [_get(product, "/rapid-care/responses", "rapid-care")]
    if kind == _FEED:
        return [_get(product, f"/navigation/navigators/{FIRST}/feed", "navigation-coordinator")]
    rows = await product.owner.fetch("SELECT id FROM referrals.referral WHERE referrer_organisation = 'W07' LIMIT 500")
    return [_get(product, f"/referrals/{row['id']}", "gp") for row in rows]


def _get(product: ProductUnderTest, path: str, caller: str) -> Request:
    return get(path, Authorization=f"Bearer {token(product.running.keys, caller)}")


async def _prepare(product: ProductUnderTest, responses: int) -> None:
    """Open responses through the real product, and a feed of more than a page."""
    await triaged(product, responses)
    await product.all_of(await routing(product, responses), "point-of-access")
    await navigators(product, 1)
    await product.owner.execute(_ENTRY, FIRST)
    await product.owner.execute("INSERT INTO navigation.feed (navigator_id, sequence) VALUES ($1, 60)", FIRST)
    await product.wait_until_drained()


SCENARIO = Scenario(
    "reads",
    "Reads under 300 referrals/s",
    "Open loop of 30 reads per second during an intake of 300 referrals per second: in turn the first page of the queue of 1,000 open "
    "responses, a page of 50 feed entries, and one referral by id. Every read is audited.",
    minutes=2.2,
    figures=tuple(Figure(f"{kind}, p99", "ms", 25, yardstick="bare p99") for kind in KINDS),
    measure=measure,
)
