"""From the commit to the record in Kafka: rows written to the event log, and referrals over HTTP."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager

from shared.messaging import topics
from shared.messaging.topics import TopicDeclaration
from tests.bench import plain_delivery, probes
from tests.bench.bulk_rows import copies, unsent
from tests.bench.figures import Figure, Run
from tests.bench.probes import Instants
from tests.bench.processes import spending
from tests.bench.product_under_test import Bench, ProductUnderTest
from tests.bench.scenario import Scenario
from tests.bench.yardsticks import commit_to_record

TOPIC = "referrals.bench"
_ROWS_PER_SECOND, _REFERRALS_PER_SECOND = 500, 300
_REAL_TOPIC = "referrals.referral"
_COMMITTED = """
SELECT id, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float AS at FROM referrals.event
WHERE topic = $1 AND recorded_at > to_timestamp($2)"""
_NOTICED_SECONDS = 12.0


async def measure_rows(bench: Bench) -> AsyncGenerator[Run]:
    async with bench.start_product() as product:
        write, dsn = unsent(await one_event(product), "referrals"), product.database_url
        await product.run_in_process(probes.write, dsn, write, _ROWS_PER_SECOND, bench.pick(2.0, 20.0))
        for _ in range(bench.runs):
            async with bench.bare(dsn) as bare, _plain(bench, product, _ROWS_PER_SECOND) as plain:
                found = await _rows(product, write, bench.pick(5.0, 12.0, 30.0))
            yield {**found, **plain, **bare}


async def _rows(product: ProductUnderTest, write: str, seconds: float) -> Run:
    async with _listening(product, TOPIC) as received:
        written = await product.run_in_process(probes.write, product.database_url, write, _ROWS_PER_SECOND, seconds)
        await product.wait_until_drained()
    return commit_to_record(written, received.result())


async def measure_intake(bench: Bench) -> AsyncGenerator[Run]:
    async with bench.start_product() as product:
        seconds = bench.pick(5.0, 12.0, 30.0)
        count = round(_REFERRALS_PER_SECOND * seconds)
        await product.send(product.people.referrals(count), "gp", seconds=bench.pick(2.0, 10.0), rate=100.0)
        for _ in range(bench.runs):
            await product.wait_until_drained()
            async with bench.bare(product.database_url) as bare, _plain(bench, product, _REFERRALS_PER_SECOND) as plain:
                found = await _intake(product, count, seconds)
            yield {**found, **plain, **bare}


async def _intake(product: ProductUnderTest, count: int, seconds: float) -> Run:
    async with _listening(product, _REAL_TOPIC) as received:
        with spending(product.running) as spent:
            result = await product.send(product.people.referrals(count), "gp", seconds=seconds, rate=_REFERRALS_PER_SECOND)
        await product.wait_until_drained()
    rows = await product.owner.fetch(_COMMITTED, _REAL_TOPIC, result.begun_at)
    return {
        **commit_to_record({row["id"]: row["at"] for row in rows}, received.result()),
        "responses other than 201": sum(status != 201 for status in result.status),
        **spent.cores(result.wall_seconds),
    }


async def one_event(product: ProductUnderTest) -> str:
    """The statement that copies the event of a real referral to a topic of the bench; `$1` is its id."""
    await topics.create(product.running.addresses.kafka_bootstrap, [TopicDeclaration(TOPIC, False, 1)], product.running.layout)
    await product.all_of(product.people.referrals(1), "gp")
    await asyncio.sleep(_NOTICED_SECONDS)  # the relay looks for new topics every ten seconds
    return await copies(
        product.owner,
        "referrals.event",
        f"topic = '{_REAL_TOPIC}'",
        "(VALUES (1))",
        id="$1::uuid",
        subject="$1::uuid",
        key="$1::uuid",
        topic=f"'{TOPIC}'",
        recorded_at="clock_timestamp()",
    )


def _listening(product: ProductUnderTest, topic: str) -> AbstractAsyncContextManager["asyncio.Task[Instants]"]:
    return product.run_during(probes.consume, product.running.addresses.kafka_bootstrap, product.running.layout.prefix + topic)


def _plain(bench: Bench, product: ProductUnderTest, rate: float) -> AbstractAsyncContextManager[dict[str, float]]:
    """The plain polling relay at the same rate, before and after the block."""
    return bench.in_turn(lambda: plain_delivery.paced(product, rate, bench.pick(2.0, 8.0)), "plain")


ROWS = Scenario(
    "delivery",
    "Commit to record in Kafka, 500 rows/s written to the event log, one writer",
    "One writer makes 500 transactions per second, each a row of the event log and of the outbox, on a topic of the bench, after 20 s "
    "of warm-up. From the response to COMMIT until a consumer in another process has the record. The yardstick is the plain polling "
    "relay at the same rate.",
    minutes=4.2,
    figures=(Figure("p50", "ms", 4, yardstick="plain p50", ratio=1), Figure("p99", "ms", 15, yardstick="plain p99", ratio=1)),
    measure=measure_rows,
)
INTAKE = Scenario(
    "delivery-intake",
    "Commit to record in Kafka under 300 referrals/s over HTTP",
    "Open loop of 300 referrals per second; from PostgreSQL's commit timestamp of each event, which precedes the write to disk, until a "
    "consumer in another process has the record. The yardstick is the plain polling relay at 300 rows per second without intake.",
    minutes=4.5,
    figures=(Figure("p50", "ms", 10, yardstick="plain p50"), Figure("p99", "ms", 50, yardstick="plain p99")),
    measure=measure_intake,
)
