"""Measures the plain polling relay on the servers of a stage, with rows that are copies of a real event."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter

from shared.messaging import topics
from shared.messaging.topics import TopicDeclaration
from tests.bench import listeners, plain_relay
from tests.bench.bulk_rows import copies, unsent, upto, uuid
from tests.bench.figures import Run
from tests.bench.stage import Stage
from tests.bench.yardsticks import commit_to_record, program

#: No context declares it, so the product's relay never sends to it.
_TOPIC = "plain-relay.bench"
_SCHEMA = "plain_relay"
_WAITS = "SELECT EXISTS (SELECT FROM plain_relay.outbox)"
_LONGEST_DRAIN_SECONDS = 600.0


async def paced(stage: Stage, rate: float, seconds: float) -> Run:
    """`plain p50` and `plain p99` from the answer to COMMIT to the record, at `rate` transactions a second of one writer."""
    dsn, topic = stage.product.addresses.database_url, stage.product.layout.prefix + _TOPIC
    async with _tables(stage):
        write = unsent(await _insert(stage, "(VALUES (1))", "$1::uuid"), _SCHEMA)
        async with _running(stage), stage.along(listeners.hear, stage.product.addresses.kafka_bootstrap, topic) as heard:
            written = await stage.apart(listeners.write, dsn, write, rate, seconds)
            await _drained(stage)
    found = commit_to_record(written, heard.result())
    return {"plain p50": found["p50"], "plain p99": found["p99"]}


async def backlog(stage: Stage, count: int) -> Run:
    """`plain events per second`: `count` events appear in one commit, until the outbox is empty."""
    async with _tables(stage):
        async with stage.owner.transaction():
            await stage.owner.execute(unsent(await _insert(stage, upto(count), uuid("plain")), _SCHEMA), timeout=600)
            await stage.owner.execute("ANALYZE plain_relay.outbox, plain_relay.event")
        await stage.owner.execute("CHECKPOINT", timeout=600)
        async with _running(stage):
            began = perf_counter()
            await _drained(stage)
            seconds = perf_counter() - began
    return {"plain events per second": count / seconds}


@asynccontextmanager
async def _tables(stage: Stage) -> AsyncIterator[None]:
    await topics.create(stage.product.addresses.kafka_bootstrap, [TopicDeclaration(_TOPIC, False, 1)], stage.product.layout)
    await stage.owner.execute(f"{plain_relay.DROP}; {plain_relay.CREATE}")
    yield
    await stage.owner.execute(plain_relay.DROP)


@asynccontextmanager
async def _running(stage: Stage) -> AsyncIterator[None]:
    addresses, topic = stage.product.addresses, stage.product.layout.prefix + _TOPIC
    async with program("tests.bench.plain_relay", addresses.database_url, addresses.kafka_bootstrap, topic):
        yield


async def _insert(stage: Stage, numbers: str, new: str) -> str:
    """Copies of the first event of the referrals context, under the ids `new`."""
    changes = {"id": new, "subject": new, "key": new, "recorded_at": "clock_timestamp()"}
    statement = await copies(stage.owner, "referrals.event", "topic = 'referrals.referral'", numbers, **changes)
    return statement.replace("INSERT INTO referrals.event", f"INSERT INTO {_SCHEMA}.event")


async def _drained(stage: Stage) -> None:
    async with asyncio.timeout(_LONGEST_DRAIN_SECONDS):
        while await stage.owner.fetchval(_WAITS):
            await asyncio.sleep(0.1)
