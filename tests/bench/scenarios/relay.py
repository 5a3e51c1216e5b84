"""What the relay sends a second when a backlog waits for it."""

import asyncio
from collections.abc import AsyncGenerator
from time import perf_counter

from infra.dev_stack.local.progress import timed
from tests.bench.bulk_rows import copies, unsent, upto, uuid
from tests.bench.figures import Figure, Run
from tests.bench.processes import spending
from tests.bench.scenario import Scenario
from tests.bench.scenarios.delivery import TOPIC, one_event
from tests.bench.stage import Bench, Stage

_WAITS = "SELECT EXISTS (SELECT FROM referrals.outbox)"
_PORTION = 100_000


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    async with bench.stage() as stage:
        await stage.owner.execute(_one_row(await one_event(stage)))
        await stage.quiet()
        count = bench.pick(20_000, 200_000, 1_000_000)
        for number in range(bench.runs):
            with spending(stage.product) as spent:
                seconds = await _drain(stage, f"backlog {number}", count)
            yield {"events per second": count / seconds, "seconds": seconds, **spent.cores(seconds)}
            await stage.prepare("Letting PostgreSQL tidy up")


def _one_row(statement: str) -> str:
    return unsent(statement.replace("$1::uuid", uuid("first").replace("|| n", "")), "referrals")


async def _drain(stage: Stage, salt: str, count: int) -> float:
    """The rows appear in one commit, and the clock begins with it."""
    with timed(stage.progress, f"Writing {count:,} events into the log"):
        async with stage.owner.transaction():
            for start in range(0, count, _PORTION):
                await stage.owner.execute(await _portion(stage, salt, start, min(_PORTION, count - start)), timeout=600)
            await stage.owner.execute("ANALYZE referrals.outbox, referrals.event")
            await stage.owner.execute("CHECKPOINT", timeout=600)
    began = perf_counter()
    while await stage.owner.fetchval(_WAITS):
        await asyncio.sleep(0.25)
    return perf_counter() - began


async def _portion(stage: Stage, salt: str, after: int, count: int) -> str:
    new = uuid(salt)
    told = {"id": new, "subject": new, "key": new, "recorded_at": "clock_timestamp()"}
    return unsent(await copies(stage.owner, "referrals.event", f"topic = '{TOPIC}'", upto(count, after), **told), "referrals")


SCENARIO = Scenario(
    "relay",
    "Relay from a backlog of 1,000,000 events",
    "1,000,000 events of one context appear in its log and outbox in one commit, copies of a real one under ids and keys of their "
    "own, on a topic that only the bench knows; until the outbox is empty, that is, until Kafka has acknowledged all and the rows "
    "are gone. Debezium did 10,100/s here, a plain polling relay 14,400/s.",
    minutes=1.5,
    figures=(Figure("events per second", "1/s", 20_000, is_floor=True),),
    measure=measure,
)
