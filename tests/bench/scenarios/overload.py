"""Overload: twice the measured capacity in an open loop."""

from collections.abc import AsyncGenerator
from http import HTTPStatus

from tests.bench.figures import Figure, Run, delays
from tests.bench.load import LoadResult
from tests.bench.product_under_test import Bench, ProductUnderTest
from tests.bench.scenario import Scenario
from tests.bench.scenarios.intake import MOST_PER_SECOND, stored

_CONNECTIONS, _OVERLOAD_CONNECTIONS = 32, 1_000
_OVERLOAD = 2


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    async with bench.start_product() as product:
        await _capacity(product, bench.pick(3.0, 15.0, 30.0))  # warm-up
        for _ in range(bench.runs):
            async with bench.bare(product.database_url) as bare:
                capacity = await _capacity(product, bench.pick(3.0, 8.0, 15.0))
                found = await _overloaded(product, _OVERLOAD * capacity, bench.pick(3.0, 10.0, 20.0))
            yield {**found, "capacity per second": capacity, **bare}


async def _capacity(product: ProductUnderTest, seconds: float) -> float:
    """Acknowledged referrals per second in a closed loop of 32 connections."""
    result = await product.send(product.people.referrals(int(seconds * MOST_PER_SECOND)), "gp", seconds=seconds, connections=_CONNECTIONS)
    await product.wait_until_drained()
    return result.status.count(HTTPStatus.CREATED) / result.wall_seconds


async def _overloaded(product: ProductUnderTest, rate: float, seconds: float) -> Run:
    before, requests = await stored(product), product.people.referrals(round(rate * seconds))
    result = await product.send(requests, "gp", seconds=seconds, rate=rate, connections=_OVERLOAD_CONNECTIONS)
    drained_after = await product.wait_until_drained()
    return {**outcome(result, await stored(product) - before), "seconds until drained": drained_after}


def outcome(result: LoadResult, rows: int) -> Run:
    """`rows` is the number of referrals stored during the overload."""
    status = result.status
    accepted = [took for took, each in zip(result.latency, status, strict=True) if each == HTTPStatus.CREATED]
    refused = [has for has, each in zip(result.has_retry_after, status, strict=True) if each == HTTPStatus.SERVICE_UNAVAILABLE]
    found = delays(accepted)
    return {
        "accepted per second": len(accepted) / result.wall_seconds,
        "accepted p50": found["p50"],
        "accepted p99": found["p99"],
        "accepted worst": found["worst"],
        "sent per second": len(status) / result.wall_seconds,
        "accepted": len(accepted),
        "refused with 503": len(refused),
        "503 without Retry-After": len(refused) - sum(refused),
        "other responses": len(status) - len(accepted) - len(refused),
        "acknowledged and not stored": max(0, len(accepted) - rows),
    }


SCENARIO = Scenario(
    "overload",
    "Intake at twice the measured capacity",
    "The capacity is that of a closed loop of 32 clients in the same minute. An open loop then sends twice as many referrals per second "
    "over 1,000 connections. Latency counts from the planned moment. Other responses include requests without one.",
    minutes=3,
    figures=(
        Figure("accepted per second", "1/s", is_floor=True, yardstick="capacity per second"),
        Figure("accepted p99", "ms", yardstick="bare p99"),
        Figure("refused with 503", ""),
        Figure("503 without Retry-After", "", 0),
        Figure("other responses", "", 0),
        Figure("acknowledged and not stored", "", 0),
    ),
    measure=measure,
)
