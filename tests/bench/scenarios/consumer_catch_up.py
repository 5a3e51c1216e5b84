"""The rate at which the consumer of each context applies a backlog, with its real handlers."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from datetime import datetime

from infra.contexts import CONTEXTS
from infra.dev_stack.drain import pending_work
from infra.dev_stack.local.progress import timed
from tests.bench.figures import Figure, Run
from tests.bench.scenario import Scenario
from tests.bench.scenarios.response import MEETING, RAPID_CARE, routing, triaged
from tests.bench.stage import Bench, Stage
from tests.bench.workers import Held

_LISTENERS = ("rapid_care", "mdt", "navigation")
_APPLIED = """
SELECT count(*) AS count, extract(epoch FROM max(applied_at) - min(applied_at))::float AS seconds
FROM {context}.inbox WHERE applied_at > $1"""


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    async with bench.stage() as stage:
        held = Held(stage.product)
        for _ in range(bench.runs):
            async with bench.bare(stage.database_url) as bare:
                found = await _run(stage, held, bench.pick(200, 2_000, 5_000))
            yield {**found, **bare}


async def _run(stage: Stage, held: Held, people: int) -> Run:
    """The other workers are down during the intake. Each then starts alone and applies its backlog; referrals is the last."""
    await held.take_down(*_LISTENERS)
    await _referred(stage, people)
    await held.take_down("referrals")
    found: dict[str, float] = {}
    for context in (*_LISTENERS, "referrals"):
        began = await stage.owner.fetchval("SELECT clock_timestamp()")
        held.let_up(context)
        found |= await _caught_up(stage, context, began)
    await stage.quiet()
    return found


async def _referred(stage: Stage, people: int) -> None:
    with timed(stage.progress, f"Referring {people:,} people, triaging and routing them"):
        for way in (RAPID_CARE, MEETING):
            await triaged(stage, people // 2, way)
            await stage.all_of(await routing(stage, people // 2, way), "point-of-access")
        await _until_none(stage, ("referrals unsent",))


async def _caught_up(stage: Stage, context: str, began: datetime) -> Run:
    """From the first event applied to the last; the start of the process is excluded."""
    await _until_none(stage, [f"{producer} to {context}" for producer in CONTEXTS])
    row = await stage.owner.fetchrow(_APPLIED.format(context=context), began)
    assert row is not None
    return {context: row["count"] / row["seconds"], f"events {context}": row["count"]}


async def _until_none(stage: Stage, names: Iterable[str]) -> None:
    wanted = set(names)
    while wanted & (await pending_work(stage.owner)).keys():
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
