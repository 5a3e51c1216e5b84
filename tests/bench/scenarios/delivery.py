"""From the commit to the record in Kafka: rows written to the event log, and referrals over HTTP."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager

from shared.messaging import topics
from shared.messaging.topics import TopicDeclaration
from tests.bench import listeners, plain_delivery
from tests.bench.bulk_rows import copies, unsent
from tests.bench.figures import Figure, Run
from tests.bench.listeners import Instants
from tests.bench.processes import spending
from tests.bench.scenario import Scenario
from tests.bench.stage import Bench, Stage
from tests.bench.yardsticks import commit_to_record

TOPIC = "referrals.bench"
_ROWS_PER_SECOND, _REFERRALS_PER_SECOND = 500, 300
_REAL_TOPIC = "referrals.referral"
_COMMITTED = """
SELECT id, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float AS at FROM referrals.event
WHERE topic = $1 AND recorded_at > to_timestamp($2)"""
_NOTICED_SECONDS = 12.0


async def measure_rows(bench: Bench) -> AsyncGenerator[Run]:
    async with bench.stage() as stage:
        write, dsn = unsent(await one_event(stage), "referrals"), stage.database_url
        await stage.apart(listeners.write, dsn, write, _ROWS_PER_SECOND, bench.pick(2.0, 20.0))
        for _ in range(bench.runs):
            async with bench.bare(dsn) as bare, _plain(bench, stage, _ROWS_PER_SECOND) as plain:
                found = await _rows(stage, write, bench.pick(5.0, 12.0, 30.0))
            yield {**found, **plain, **bare}


async def _rows(stage: Stage, write: str, seconds: float) -> Run:
    async with _listening(stage, TOPIC) as heard:
        written = await stage.apart(listeners.write, stage.database_url, write, _ROWS_PER_SECOND, seconds)
        await stage.quiet()
    return commit_to_record(written, heard.result())


async def measure_intake(bench: Bench) -> AsyncGenerator[Run]:
    async with bench.stage() as stage:
        seconds = bench.pick(5.0, 12.0, 30.0)
        count = round(_REFERRALS_PER_SECOND * seconds)
        await stage.fire(stage.people.referrals(count), "gp", seconds=bench.pick(2.0, 10.0), rate=100.0)
        for _ in range(bench.runs):
            await stage.quiet()
            async with bench.bare(stage.database_url) as bare, _plain(bench, stage, _REFERRALS_PER_SECOND) as plain:
                found = await _intake(stage, count, seconds)
            yield {**found, **plain, **bare}


async def _intake(stage: Stage, count: int, seconds: float) -> Run:
    async with _listening(stage, _REAL_TOPIC) as heard:
        with spending(stage.product) as spent:
            shots = await stage.fire(stage.people.referrals(count), "gp", seconds=seconds, rate=_REFERRALS_PER_SECOND)
        await stage.quiet()
    rows = await stage.owner.fetch(_COMMITTED, _REAL_TOPIC, shots.begun_at)
    return {
        **commit_to_record({row["id"]: row["at"] for row in rows}, heard.result()),
        "answers other than 201": sum(status != 201 for status in shots.status),
        **spent.cores(shots.wall_seconds),
    }


async def one_event(stage: Stage) -> str:
    """The statement that copies the event of a real referral to a topic of the bench; `$1` is its id."""
    await topics.create(stage.product.addresses.kafka_bootstrap, [TopicDeclaration(TOPIC, False, 1)], stage.product.layout)
    await stage.all_of(stage.people.referrals(1), "gp")
    await asyncio.sleep(_NOTICED_SECONDS)  # the relay looks for new topics every ten seconds
    return await copies(
        stage.owner,
        "referrals.event",
        f"topic = '{_REAL_TOPIC}'",
        "(VALUES (1))",
        id="$1::uuid",
        subject="$1::uuid",
        key="$1::uuid",
        topic=f"'{TOPIC}'",
        recorded_at="clock_timestamp()",
    )


def _listening(stage: Stage, topic: str) -> AbstractAsyncContextManager["asyncio.Task[Instants]"]:
    return stage.along(listeners.hear, stage.product.addresses.kafka_bootstrap, stage.product.layout.prefix + topic)


def _plain(bench: Bench, stage: Stage, rate: float) -> AbstractAsyncContextManager[dict[str, float]]:
    """The plain polling relay at the same rate, before and after the block."""
    return bench.in_turn(lambda: plain_delivery.paced(stage, rate, bench.pick(2.0, 8.0)), "plain")


ROWS = Scenario(
    "delivery",
    "Commit to record in Kafka, 500 rows/s written to the event log, one writer",
    "One writer makes 500 transactions per second, each a row of the event log and of the outbox, on a topic of the bench, after 20 s "
    "of warm-up. From the answer to COMMIT until a consumer in another process has the record. The yardstick is the plain polling "
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
