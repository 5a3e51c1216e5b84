"""Referrals that were acknowledged, each of somebody new, by clients that send the next when the last was answered."""

from collections.abc import AsyncGenerator

from infra.dev_stack.drain import pending_work
from tests.bench.figures import Figure, Run
from tests.bench.processes import spending
from tests.bench.scenario import Scenario, answers
from tests.bench.stage import Bench, Stage

_CONNECTIONS = 32
#: More requests than could ever be answered are prepared.
_MOST_PER_SECOND = 2_500


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    async with bench.stage() as stage:
        warm_up = bench.pick(3.0, 15.0, 30.0)
        for _ in range(bench.runs):
            yield await _run(stage, warm_up, bench.pick(10.0, 30.0, 60.0, 600.0))
            warm_up = 2.0  # the processes stay warm


async def _run(stage: Stage, warm_up: float, seconds: float) -> Run:
    whole = warm_up + seconds
    before, requests = await stored(stage), stage.people.referrals(int(whole * _MOST_PER_SECOND))
    with spending(stage.product) as spent:
        shots = await stage.fire(requests, "gp", seconds=whole, connections=_CONNECTIONS)
    behind = await pending_work(stage.owner)
    missing = sum(status == 201 for status in shots.status) - (await stored(stage) - before)
    found = {**answers(shots, after=warm_up), "acknowledged and not stored": missing}
    return {**found, **_lag(behind), "seconds until all is quiet": await stage.quiet(), **spent.cores(shots.wall_seconds)}


async def stored(stage: Stage) -> int:
    found: int = await stage.owner.fetchval("SELECT count(*) FROM referrals.referral")
    return found


def _lag(behind: dict[str, int]) -> dict[str, float]:
    """Events that were still on their way at the end: to Kafka, and to be applied."""
    unsent = sum(count for name, count in behind.items() if name.endswith(" unsent"))
    unapplied = sum(count for name, count in behind.items() if " to " in name)
    return {"unsent at the end": unsent, "unapplied at the end": unapplied}


SCENARIO = Scenario(
    "intake",
    "Acknowledged referrals, 32 connections",
    "Closed loop: 32 clients, each sends a referral of somebody new when its last was answered with 201; 60 s after 30 s of "
    "warm-up, and after 2 s for the runs that follow at once. HAPI FHIR 8.8 (JPA) did 184/s at p99 420 ms here, without "
    "authentication, validation or audit.",
    minutes=2.5,
    figures=(Figure("per second", "1/s", 1_000, is_floor=True), Figure("p99", "ms", 100), Figure("p50", "ms")),
    measure=measure,
)
