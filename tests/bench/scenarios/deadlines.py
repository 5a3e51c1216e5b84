"""The delay of deadlines while two million others are pending, and the time to drain many overdue ones."""

import asyncio
from collections.abc import AsyncGenerator
from time import perf_counter

from tests.bench.bulk_rows import copies, upto, uuid
from tests.bench.figures import Figure, Run, delays
from tests.bench.product_under_test import Bench, ProductUnderTest
from tests.bench.scenario import Scenario
from tests.bench.scenarios.response import routing, triaged

_PER_SECOND, _REFERRALS_PER_SECOND = 100, 300
_AT_RISK = "kind = 'at-risk'"
_LATE = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - due_at)::float AS late FROM rapid_care.deadline
WHERE subject = ANY(SELECT md5($1 || ' ' || n)::uuid FROM generate_series(1, $2::int) AS n) AND kind = 'at-risk' AND state = 'fired'"""
_OVERDUE = "SELECT EXISTS (SELECT FROM rapid_care.deadline WHERE state = 'pending' AND due_at <= now())"


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    async with bench.start_product() as product:
        await _one_response(product)
        pending = bench.pick(20_000, 500_000, 2_000_000)
        await product.prepare(f"Writing {pending:,} pending deadlines", await _pending_deadlines(product, pending))
        for number in range(bench.runs):
            idle = await _delays_when_idle(product, f"idle {number}", bench.pick(5.0, 8.0, 20.0))
            async with bench.bare(product.database_url) as bare:
                loaded = await _delays_under_load(product, f"loaded {number}", bench.pick(5.0, 8.0, 20.0))
                drained = await _drained(product, f"overdue {number}", bench.pick(5_000, 50_000, 200_000))
            yield {**_named("idle", idle), **_named("under load", loaded), **drained, **bare}


async def _one_response(product: ProductUnderTest) -> None:
    """A real response, the pattern of all copies."""
    await triaged(product, 1)
    await product.all_of(await routing(product, 1), "point-of-access")
    await product.wait_until_drained()


async def _pending_deadlines(product: ProductUnderTest, count: int) -> str:
    later = "clock_timestamp() + interval '1 day' + n * interval '1 second'"
    return await copies(product.owner, "rapid_care.deadline", _AT_RISK, upto(count), subject=uuid("ballast"), due_at=later)


async def _delays_when_idle(product: ProductUnderTest, salt: str, seconds: float) -> list[float]:
    count = round(_PER_SECOND * seconds)
    await _due(product, salt, count, f"clock_timestamp() + interval '2 seconds' + n * interval '1 second' / {_PER_SECOND}")
    await asyncio.sleep(seconds + 3)
    await product.wait_until_drained()
    return [row["late"] for row in await product.owner.fetch(_LATE, salt, count)]


async def _delays_under_load(product: ProductUnderTest, salt: str, seconds: float) -> list[float]:
    """The same during intake, which begins earlier and ends later."""
    requests = product.people.referrals(round(_REFERRALS_PER_SECOND * (seconds + 8)))
    load = asyncio.create_task(product.send(requests, "gp", seconds=seconds + 8, rate=_REFERRALS_PER_SECOND))
    await asyncio.sleep(3)
    late = await _delays_when_idle(product, salt, seconds)
    await load
    await product.wait_until_drained()
    return late


async def _drained(product: ProductUnderTest, salt: str, count: int) -> Run:
    await _due(product, salt, count, "clock_timestamp() - interval '1 minute'")
    began = perf_counter()
    while await product.owner.fetchval(_OVERDUE):
        await asyncio.sleep(0.1)
    seconds = perf_counter() - began
    return {
        "seconds to drain": seconds,
        "drained per second": count / seconds,
        "seconds until drained, afterwards": await product.wait_until_drained(),
    }


async def _due(product: ProductUnderTest, salt: str, count: int, due_at: str) -> None:
    """Open responses, each with one pending deadline, in one commit."""
    owner, new, numbers = product.owner, uuid(salt), upto(count)
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
