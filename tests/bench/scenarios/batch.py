"""Batch intake: a practice system sends many referrals in one request, and each referral has its own result."""

from collections.abc import AsyncGenerator

from tests.bench.figures import Figure, Run
from tests.bench.processes import spending
from tests.bench.product_under_test import Bench, ProductUnderTest
from tests.bench.scenario import Scenario, request_figures
from tests.bench.scenarios.intake import stored

_EACH, _CONNECTIONS, _MOST_PER_SECOND = 100, 8, 80


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    async with bench.start_product() as product:
        for _ in range(bench.runs):
            async with bench.bare(product.database_url) as bare:
                found = await _run(product, bench.pick(2.0, 5.0), bench.pick(8.0, 10.0, 20.0))
            yield {**found, **bare}


async def _run(product: ProductUnderTest, warm_up: float, seconds: float) -> Run:
    whole = warm_up + seconds
    before, requests = await stored(product), product.people.batches(int(whole * _MOST_PER_SECOND), _EACH)
    with spending(product.running) as spent:
        result = await product.send(requests, "gp", seconds=whole, connections=_CONNECTIONS)
    promised = _EACH * sum(status in {200, 201, 207} for status in result.status)
    found = request_figures(result, success=(200, 201, 207), after=warm_up)
    missing = promised - (await stored(product) - before)
    referrals = {"referrals per second": found.pop("per second") * _EACH, "acknowledged and not stored": missing}
    return {**referrals, **found, "seconds until drained": await product.wait_until_drained(), **spent.cores(result.wall_seconds)}


SCENARIO = Scenario(
    "batch",
    "Batch intake, 100 referrals a request",
    "Closed loop of 8 clients; each request holds 100 referrals of new people; 20 s after 5 s of warm-up.",
    minutes=2.2,
    figures=(Figure("referrals per second", "1/s", 4_000, is_floor=True, yardstick="bare per second"), Figure("p99", "ms")),
    measure=measure,
)
