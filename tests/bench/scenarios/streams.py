"""Ten thousand open feed streams, with one entry for each navigator."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from math import inf

from services.navigation.domain.navigator import id_of
from tests.bench import streams
from tests.bench.bulk_rows import copies, upto
from tests.bench.figures import Figure, Run, delays
from tests.bench.people import put
from tests.bench.processes import memory
from tests.bench.product_under_test import Bench, ProductUnderTest
from tests.bench.scenario import Scenario
from tests.bench.streams import Arrivals

#: As in `services/navigation/store/feed.py`, for many feeds in one statement.
_ENTRIES = """
WITH next AS (
    INSERT INTO navigation.feed (navigator_id, sequence) SELECT code, 1 FROM unnest($1::text[]) AS code
    ON CONFLICT (navigator_id) DO UPDATE SET sequence = feed.sequence + 1
    RETURNING navigator_id, sequence)
INSERT INTO navigation.feed_entry (navigator_id, sequence, at, change, task_id, person_id, kind, status, due_at)
SELECT navigator_id, sequence, clock_timestamp(), 'assigned', uuidv7(), uuidv7(), 'signpost', 'assigned', clock_timestamp() FROM next"""
_COMMITTED = """
SELECT navigator_id, sequence, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float AS at
FROM navigation.feed_entry WHERE at > $1"""
FIRST = "clch-navigator-1"
_PORTIONS, _SPREAD_SECONDS = 100, 10.0
_WAIT = 15.0


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    async with bench.start_product() as product:
        names = await navigators(product, bench.pick(500, 10_000))
        before = memory(product.running)["MiB api"]
        for _ in range(bench.runs):
            async with bench.bare(product.database_url) as bare, following(product, names) as followed:
                used = memory(product.running)["MiB api"]
                spread = await _written(product, [names[start::_PORTIONS] for start in range(_PORTIONS)], _SPREAD_SECONDS)
                at_once = await _written(product, [names], 0)
            figures = {**_delays("at once", at_once, followed.result()), **_delays("spread over 10 s", spread, followed.result())}
            yield {**figures, "MiB api": used, "MiB api before": before, **bare}


async def navigators(product: ProductUnderTest, count: int) -> list[str]:
    """`count` navigators on the roster: a real one and copies of it."""
    request = b'{"locality": "west", "role": "care-navigator"}'
    await product.all_of([put(f"/navigation/navigators/{FIRST}", request)], "navigation-coordinator")
    names = [f"bench-{number}" for number in range(1, count)]
    changes = {"id": "($1::uuid[])[n]", "code": "($2::text[])[n]"}
    statement = await copies(product.owner, "navigation.navigator", "true", upto(len(names)), **changes)
    await product.owner.execute(statement, [id_of(name) for name in names], names)
    await product.owner.execute("VACUUM ANALYZE")
    return [FIRST, *names]


def following(product: ProductUnderTest, names: Sequence[str]) -> AbstractAsyncContextManager["asyncio.Task[Arrivals]"]:
    """All streams are open during the block; the task holds the arrivals afterwards."""
    return product.run_during(streams.follow, product.port, product.headers("navigation-coordinator"), list(names))


async def _written(product: ProductUnderTest, portions: Sequence[Sequence[str]], seconds: float) -> Arrivals:
    """Writes one entry for each navigator, with a commit for each portion. Returns the commit times."""
    loop = asyncio.get_running_loop()
    since, began = await product.owner.fetchval("SELECT clock_timestamp()"), loop.time()
    for number, names in enumerate(portions):
        await asyncio.sleep(max(0.0, began + number * seconds / len(portions) - loop.time()))
        await product.owner.execute(_ENTRIES, names)
    await asyncio.sleep(_WAIT)
    return {(row["navigator_id"], row["sequence"]): row["at"] for row in await product.owner.fetch(_COMMITTED, since)}


def _delays(how: str, committed: Arrivals, arrivals: Arrivals) -> Run:
    """An entry that was not received counts as an infinite delay."""
    took = [arrivals.get(entry, inf) - at for entry, at in committed.items()]
    return {**{f"{name}, {how}": value for name, value in delays(took).items()}, f"entries not received, {how}": took.count(inf)}


SCENARIO = Scenario(
    "streams",
    "10,000 open feeds, one entry each",
    "The streams of 10,000 navigators are open in one API process, with heartbeats. An entry for each is committed: all in one "
    "transaction, and in a hundred transactions over ten seconds. From PostgreSQL's commit timestamp until the entry has arrived over its "
    "stream.",
    minutes=3.2,
    figures=(
        Figure("p99, at once", "ms", 1_000, yardstick="bare p99"),
        Figure("p99, spread over 10 s", "ms", 1_000, yardstick="bare p99"),
        Figure("worst, at once", "ms"),
        Figure("MiB api", "MiB"),
    ),
    measure=measure,
)
