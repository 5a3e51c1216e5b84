"""Intake in a closed loop: every client sends the referral of a new person after each acknowledgement."""

from collections.abc import AsyncGenerator

from infra.dev_stack.drain import pending_work
from tests.bench.figures import Figure, Run
from tests.bench.processes import spending
from tests.bench.product_under_test import Bench, ProductUnderTest
from tests.bench.scenario import Scenario, request_figures

_CONNECTIONS = 32
#: Requests are prepared for at most so many responses per second.
MOST_PER_SECOND = 2_500


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    async with bench.start_product() as product:
        warm_up = bench.pick(3.0, 15.0, 30.0)
        for _ in range(bench.runs):
            async with bench.bare(product.database_url) as bare:
                found = await _run(product, warm_up, bench.pick(10.0, 30.0, 60.0, 600.0))
            yield {**found, **bare}
            warm_up = 2.0  # the processes stay warm


async def _run(product: ProductUnderTest, warm_up: float, seconds: float) -> Run:
    whole = warm_up + seconds
    before, requests = await stored(product), product.people.referrals(int(whole * MOST_PER_SECOND))
    with spending(product.running) as spent:
        result = await product.send(requests, "gp", seconds=whole, connections=_CONNECTIONS)
    pending = await pending_work(product.owner)
    missing = sum(status == 201 for status in result.status) - (await stored(product) - before)
    found = {**request_figures(result, after=warm_up), "acknowledged and not stored": missing}
    return {
        **found,
        **_pending_events(pending),
        "seconds until drained": await product.wait_until_drained(),
        **spent.cores(result.wall_seconds),
    }


async def stored(product: ProductUnderTest) -> int:
    found: int = await product.owner.fetchval("SELECT count(*) FROM referrals.referral")
    return found


def _pending_events(pending: dict[str, int]) -> dict[str, float]:
    """Events that were unsent or unapplied at the response to the last request."""
    unsent = sum(count for name, count in pending.items() if name.endswith(" unsent"))
    unapplied = sum(count for name, count in pending.items() if " to " in name)
    return {"unsent at the end": unsent, "unapplied at the end": unapplied}


SCENARIO = Scenario(
    "intake",
    "Acknowledged referrals, 32 connections",
    "Closed loop of 32 clients; each sends the referral of a new person after the last response. 60 s after 30 s of warm-up; the runs that "
    "follow have 2 s of warm-up.",
    minutes=3.2,
    figures=(
        Figure("per second", "1/s", 1_000, is_floor=True, yardstick="bare per second"),
        Figure("p99", "ms", 100, yardstick="bare p99"),
        Figure("p50", "ms", yardstick="bare p50"),
    ),
    measure=measure,
)
