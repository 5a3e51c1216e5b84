"""Reads during intake: the queue of responses, a feed, and a referral."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from infra.dev_stack.serve import token
from tests.bench.figures import Figure, Run, percentile
from tests.bench.load import Request
from tests.bench.people import get
from tests.bench.processes import spending
from tests.bench.scenario import Scenario
from tests.bench.scenarios.response import routing, triaged
from tests.bench.scenarios.streams import FIRST, navigators
from tests.bench.stage import Bench, Stage

_INTAKE_PER_SECOND, _READS_PER_SECOND = 300, 30
_QUEUE, _FEED, _REFERRAL = "queue of open responses", "feed page", "one referral"
_KINDS = (_QUEUE, _FEED, _REFERRAL)
_ENTRY = """
INSERT INTO navigation.feed_entry (navigator_id, sequence, at, change, task_id, person_id, kind, status, due_at)
SELECT $1, n, clock_timestamp(), 'assigned', uuidv7(), uuidv7(), 'signpost', 'assigned', clock_timestamp()
FROM generate_series(1, 60) AS n"""
_LEAD_IN = 3.0


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    async with bench.stage() as stage:
        await _something_to_see(stage, bench.pick(60, 1_000))
        for _ in range(bench.runs):
            async with bench.bare(stage.database_url) as bare:
                found = await _run(stage, bench.pick(5.0, 10.0, 20.0))
            yield {**found, **bare}


async def _run(stage: Stage, seconds: float) -> Run:
    whole = seconds + 2 * _LEAD_IN
    referrals = stage.people.referrals(round(_INTAKE_PER_SECOND * whole))
    load = asyncio.create_task(stage.fire(referrals, "gp", seconds=whole, rate=_INTAKE_PER_SECOND))
    await asyncio.sleep(_LEAD_IN)
    with spending(stage.product) as spent:
        found = await read(stage, _KINDS, seconds)
    intake = await load
    await stage.quiet()
    return {**found, "intake answers other than 201": sum(status != 201 for status in intake.status), **spent.cores(seconds)}


async def read(stage: Stage, kinds: Sequence[str], seconds: float) -> Run:
    """Each kind in turn, in an open loop."""
    count = round(_READS_PER_SECOND * seconds)
    paths = {kind: await _requests(stage, kind) for kind in kinds}
    requests = [paths[kinds[number % len(kinds)]][number % len(paths[kinds[number % len(kinds)]])] for number in range(count)]
    shots = await stage.fire(requests, None, seconds=seconds, rate=_READS_PER_SECOND)
    found: dict[str, float] = {"answers other than 200": sum(status != 200 for status in shots.status)}
    for place, kind in enumerate(kinds):
        took = [took for number, took in zip(shots.number, shots.latency, strict=True) if number % len(kinds) == place]
        found |= {f"{kind}, p50": percentile(took, 0.5) * 1000, f"{kind}, p99": percentile(took, 0.99) * 1000}
    return found


async def _requests(stage: Stage, kind: str) -> list[Request]:
    if kind == _QUEUE:
        return [_get(stage, "/rapid-care/responses", "rapid-care")]
    if kind == _FEED:
        return [_get(stage, f"/navigation/navigators/{FIRST}/feed", "navigation-coordinator")]
    rows = await stage.owner.fetch("SELECT id FROM referrals.referral WHERE referrer_organisation = 'W07' LIMIT 500")
    return [_get(stage, f"/referrals/{row['id']}", "gp") for row in rows]


def _get(stage: Stage, path: str, caller: str) -> Request:
    return get(path, Authorization=f"Bearer {token(stage.product.keys, caller)}")


async def _something_to_see(stage: Stage, responses: int) -> None:
    """Open responses through the real product, and a feed of more than a page."""
    await triaged(stage, responses)
    await stage.all_of(await routing(stage, responses), "point-of-access")
    await navigators(stage, 1)
    await stage.owner.execute(_ENTRY, FIRST)
    await stage.owner.execute("INSERT INTO navigation.feed (navigator_id, sequence) VALUES ($1, 60)", FIRST)
    await stage.quiet()


SCENARIO = Scenario(
    "reads",
    "Reads under 300 referrals/s",
    "Open loop of 30 reads per second during an intake of 300 referrals per second: in turn the first page of the queue of 1,000 open "
    "responses, a page of 50 feed entries, and one referral by id. Every read is audited.",
    minutes=2.2,
    figures=tuple(Figure(f"{kind}, p99", "ms", 25, yardstick="bare p99") for kind in _KINDS),
    measure=measure,
)
