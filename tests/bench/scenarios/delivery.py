"""From the commit to the record in Kafka: rows written straight into the log, and referrals that come over HTTP."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from math import inf

from shared.messaging import topics
from shared.messaging.topics import TopicDeclaration
from tests.bench import listeners
from tests.bench.bulk_rows import copies, unsent
from tests.bench.figures import Figure, Run, delays
from tests.bench.listeners import Instants
from tests.bench.processes import spending
from tests.bench.scenario import Scenario
from tests.bench.stage import Bench, Stage

TOPIC = "referrals.bench"
_ROWS_PER_SECOND, _REFERRALS_PER_SECOND = 500, 300
_REAL_TOPIC = "referrals.referral"
_COMMITTED = """
SELECT id, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float AS at FROM referrals.event
WHERE topic = $1 AND recorded_at > to_timestamp($2)"""
_NOTICED_SECONDS = 12.0


async def measure_rows(bench: Bench) -> AsyncGenerator[Run]:
    async with bench.stage() as stage:
        write, dsn = unsent(await one_event(stage), "referrals"), stage.product.addresses.database_url
        await stage.apart(listeners.write, dsn, write, _ROWS_PER_SECOND, bench.pick(2.0, 20.0))
        for _ in range(bench.runs):
            async with _listening(stage, TOPIC) as heard:
                written = await stage.apart(listeners.write, dsn, write, _ROWS_PER_SECOND, bench.pick(5.0, 12.0, 30.0))
                await stage.quiet()
            yield _between(written, heard.result())


async def measure_intake(bench: Bench) -> AsyncGenerator[Run]:
    async with bench.stage() as stage:
        seconds = bench.pick(5.0, 12.0, 30.0)
        count = round(_REFERRALS_PER_SECOND * seconds)
        await stage.fire(stage.people.referrals(count), "gp", seconds=bench.pick(2.0, 10.0), rate=100.0)
        for _ in range(bench.runs):
            await stage.quiet()
            async with _listening(stage, _REAL_TOPIC) as heard:
                with spending(stage.product) as spent:
                    shots = await stage.fire(stage.people.referrals(count), "gp", seconds=seconds, rate=_REFERRALS_PER_SECOND)
                await stage.quiet()
            rows = await stage.owner.fetch(_COMMITTED, _REAL_TOPIC, shots.begun_at)
            yield {
                **_between({row["id"]: row["at"] for row in rows}, heard.result()),
                "answers other than 201": sum(status != 201 for status in shots.status),
                **spent.cores(shots.wall_seconds),
            }


async def one_event(stage: Stage) -> str:
    """The statement that writes a row like that of a real referral, on a topic that only the bench reads; `$1` is its id."""
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


def _between(committed: Instants, heard: Instants) -> Run:
    """What was never heard took for ever."""
    took = [heard.get(each, inf) - at for each, at in committed.items()]
    return {**delays(took), "events": len(took), "never heard": took.count(inf)}


ROWS = Scenario(
    "delivery",
    "Commit to record in Kafka, 500 rows/s straight into the log, one writer",
    "One writer of 500 transactions a second, each a row of the event log and of the outbox, on a topic that only the bench reads; "
    "after 20 s of the same, from the answer to COMMIT until a consumer in another process has the record. Debezium 3.7, tuned, "
    "had 7 and 20 ms here, a plain polling relay 4 and 16 ms.",
    minutes=1.7,
    figures=(Figure("p50", "ms", 4), Figure("p99", "ms", 15)),
    measure=measure_rows,
)
INTAKE = Scenario(
    "delivery-intake",
    "Commit to record in Kafka under 300 referrals/s over HTTP",
    "Open loop of 300 referrals a second; from PostgreSQL's own commit time of each event, which lies before the write to disk, "
    "until a consumer in another process has the record.",
    minutes=2,
    figures=(Figure("p50", "ms", 10), Figure("p99", "ms", 50)),
    measure=measure_intake,
)
