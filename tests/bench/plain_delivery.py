"""Measures the plain polling relay on the servers of a product, with rows that are copies of a real event."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter

from shared.messaging import topics
from shared.messaging.topics import TopicDeclaration
from tests.bench import plain_relay, probes
from tests.bench.bulk_rows import copies, unsent, upto, uuid
from tests.bench.figures import Run
from tests.bench.product_under_test import ProductUnderTest
from tests.bench.yardsticks import commit_to_record, program

#: No context declares it, so the product's relay never sends to it.
_TOPIC = "plain-relay.bench"
_SCHEMA = "plain_relay"
_HAS_ROWS = "SELECT EXISTS (SELECT FROM plain_relay.outbox)"
_LONGEST_DRAIN_SECONDS = 600.0


async def paced(product: ProductUnderTest, rate: float, seconds: float) -> Run:
    """`plain p50` and `plain p99` from the response to COMMIT to the record, at `rate` transactions a second of one writer."""
    dsn, topic = product.running.addresses.database_url, product.running.layout.prefix + _TOPIC
    async with _tables(product):
        write = unsent(await _insert(product, "(VALUES (1))", "$1::uuid"), _SCHEMA)
        async with _running(product), product.run_during(probes.consume, product.running.addresses.kafka_bootstrap, topic) as received:
            written = await product.run_in_process(probes.write, dsn, write, rate, seconds)
            await _drained(product)
    found = commit_to_record(written, received.result())
    return {"plain p50": found["p50"], "plain p99": found["p99"]}


async def backlog(product: ProductUnderTest, count: int) -> Run:
    """`plain events per second`: `count` events appear in one commit, until the outbox is empty."""
    async with _tables(product):
        async with product.owner.transaction():
            await product.owner.execute(unsent(await _insert(product, upto(count), uuid("plain")), _SCHEMA), timeout=600)
            await product.owner.execute("ANALYZE plain_relay.outbox, plain_relay.event")
        await product.owner.execute("CHECKPOINT", timeout=600)
        async with _running(product):
            began = perf_counter()
            await _drained(product)
            seconds = perf_counter() - began
    return {"plain events per second": count / seconds}


@asynccontextmanager
async def _tables(product: ProductUnderTest) -> AsyncIterator[None]:
    await topics.create(product.running.addresses.kafka_bootstrap, [TopicDeclaration(_TOPIC, False, 1)], product.running.layout)
    await product.owner.execute(f"{plain_relay.DROP}; {plain_relay.CREATE}")
    yield
    await product.owner.execute(plain_relay.DROP)


@asynccontextmanager
async def _running(product: ProductUnderTest) -> AsyncIterator[None]:
    addresses, topic = product.running.addresses, product.running.layout.prefix + _TOPIC
    async with program("tests.bench.plain_relay", addresses.database_url, addresses.kafka_bootstrap, topic):
        yield


async def _insert(product: ProductUnderTest, numbers: str, new: str) -> str:
    """Copies of the first event of the referrals context, under the ids `new`."""
    changes = {"id": new, "subject": new, "key": new, "recorded_at": "clock_timestamp()"}
    statement = await copies(product.owner, "referrals.event", "topic = 'referrals.referral'", numbers, **changes)
    return statement.replace("INSERT INTO referrals.event", f"INSERT INTO {_SCHEMA}.event")


async def _drained(product: ProductUnderTest) -> None:
    async with asyncio.timeout(_LONGEST_DRAIN_SECONDS):
        while await product.owner.fetchval(_HAS_ROWS):
            await asyncio.sleep(0.1)
