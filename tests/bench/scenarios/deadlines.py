"""The delay of deadlines while two million others are pending, and the time to drain many overdue ones."""

import asyncio
from collections.abc import AsyncGenerator
from time import perf_counter

from tests.bench.bulk_rows import copies, upto, uuid
from tests.bench.figures import Figure, Run, delays
from tests.bench.scenario import Scenario
from tests.bench.scenarios.response import routing, triaged
from tests.bench.stage import Bench, Stage

_PER_SECOND, _REFERRALS_PER_SECOND = 100, 300
_AT_RISK = "kind = 'at-risk'"
_LATE = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - due_at)::float AS late FROM rapid_care.deadline
WHERE subject = ANY(SELECT md5($1 || ' ' || n)::uuid FROM generate_series(1, $2::int) AS n) AND kind = 'at-risk' AND state = 'fired'"""
_OVERDUE = "SELECT EXISTS (SELECT FROM rapid_care.deadline WHERE state = 'pending' AND due_at <= clock_timestamp())"


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    async with bench.stage() as stage:
        await _one_response(stage)
        pending = bench.pick(20_000, 500_000, 2_000_000)
        await stage.prepare(f"Writing {pending:,} pending deadlines", await _waiting(stage, pending))
        for number in range(bench.runs):
            idle = await _idle(stage, f"idle {number}", bench.pick(5.0, 8.0, 20.0))
            async with bench.bare(stage.database_url) as bare:
                loaded = await _loaded(stage, f"loaded {number}", bench.pick(5.0, 8.0, 20.0))
                drained = await _drained(stage, f"overdue {number}", bench.pick(5_000, 50_000, 200_000))
            yield {**_named("idle", idle), **_named("under load", loaded), **drained, **bare}


async def _one_response(stage: Stage) -> None:
    """A real response, the pattern of all copies."""
    await triaged(stage, 1)
    await stage.all_of(await routing(stage, 1), "point-of-access")
    await stage.quiet()


async def _waiting(stage: Stage, count: int) -> str:
    later = "clock_timestamp() + interval '1 day' + n * interval '1 second'"
    return await copies(stage.owner, "rapid_care.deadline", _AT_RISK, upto(count), subject=uuid("ballast"), due_at=later)


async def _idle(stage: Stage, salt: str, seconds: float) -> list[float]:
    count = round(_PER_SECOND * seconds)
    await _due(stage, salt, count, f"clock_timestamp() + interval '2 seconds' + n * interval '1 second' / {_PER_SECOND}")
    await asyncio.sleep(seconds + 3)
    await stage.quiet()
    return [row["late"] for row in await stage.owner.fetch(_LATE, salt, count)]


async def _loaded(stage: Stage, salt: str, seconds: float) -> list[float]:
    """The same during intake, which begins earlier and ends later."""
    requests = stage.people.referrals(round(_REFERRALS_PER_SECOND * (seconds + 8)))
    load = asyncio.create_task(stage.fire(requests, "gp", seconds=seconds + 8, rate=_REFERRALS_PER_SECOND))
    await asyncio.sleep(3)
    late = await _idle(stage, salt, seconds)
    await load
    await stage.quiet()
    return late


async def _drained(stage: Stage, salt: str, count: int) -> Run:
    await _due(stage, salt, count, "clock_timestamp() - interval '1 minute'")
    began = perf_counter()
    while await stage.owner.fetchval(_OVERDUE):
        await asyncio.sleep(0.1)
    seconds = perf_counter() - began
    return {"seconds to drain": seconds, "drained per second": count / seconds, "then quiet after": await stage.quiet()}


async def _due(stage: Stage, salt: str, count: int, due_at: str) -> None:
    """Open responses, each with one pending deadline, in one commit."""
    owner, new, numbers = stage.owner, uuid(salt), upto(count)
    states = {"id": new, "referral_id": new, "person_id": new, "status": "'requested'"}
    states |= {
        "due_at": "clock_timestamp() + interval '1 hour'",
        "received_at": "clock_timestamp()",
        "clock_starts_at": "clock_timestamp()",
    }
    async with owner.transaction():
        await owner.execute(await copies(owner, "rapid_care.response", "true", numbers, **states), timeout=600)
        await owner.execute(
            await copies(owner, "rapid_care.deadline", _AT_RISK, numbers, subject=new, due_at=due_at, state="'pending'"), timeout=600
        )


def _named(how: str, late: list[float]) -> Run:
    return {**{f"{name}, {how}": value for name, value in delays(late).items()}, f"deadlines, {how}": len(late)}


SCENARIO = Scenario(
    "deadlines",
    "Deadlines, with 2,000,000 others pending",
    "Deadlines `at-risk` of responses, 100 per second, with their real handler; from `due_at` to PostgreSQL's commit timestamp of the "
    "resolved deadline. Under load, 300 referrals per second arrive over HTTP at the same time. Overdue: 200,000 deadlines at once. The "
    "rows are copies of one real response.",
    minutes=3.2,
    figures=(
        Figure("drained per second", "1/s", is_floor=True, yardstick="bare per second"),
        Figure("p99, idle", "ms", 20, yardstick="bare p99"),
        Figure("p99, under load", "ms", 250, yardstick="bare p99"),
        Figure("seconds to drain", "s", 15),
        Figure("p50, idle", "ms", yardstick="bare p50"),
        Figure("p50, under load", "ms", yardstick="bare p50"),
    ),
    measure=measure,
)
