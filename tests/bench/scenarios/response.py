"""From the commit of a routed referral to the response row with its clock in the Rapid Care context."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.bench.figures import Figure, Run, delays
from tests.bench.load import Request
from tests.bench.people import change
from tests.bench.processes import spending
from tests.bench.product_under_test import Bench, ProductUnderTest
from tests.bench.scenario import Scenario, request_figures

_BY_STATUS = "SELECT id, version FROM referrals.referral WHERE status = $1 ORDER BY id LIMIT $2"
_DELAYS = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(response.xmin) - pg_xact_commit_timestamp(event.xmin))::float AS took
FROM referrals.event JOIN rapid_care.response ON response.referral_id = event.subject
WHERE event.type = 'referrals.referral.routed.v1' AND event.recorded_at > to_timestamp($1)"""


@dataclass(frozen=True, slots=True)
class Pathway:
    """How the Community Point of Access decides, and the state between."""

    triage: dict[str, Any]
    status: str
    route: dict[str, Any]


_REASON = "Asked for by the GP."
RAPID_CARE = Pathway(
    {"urgency": "urgent", "is_complex": False, "reason": _REASON}, "triaged-urgent", {"route": "rapid-care", "service_code": "rapid-care"}
)
MEETING = Pathway({"urgency": "routine", "is_complex": True, "reason": _REASON}, "triaged-routine", {"route": "mdt", "service_code": "mdt"})


async def measure(bench: Bench, per_second: int) -> AsyncGenerator[Run]:
    async with bench.start_product() as product:
        seconds = bench.pick(5.0, 10.0, 20.0)
        await triaged(product, round(per_second * seconds) * bench.runs)
        for _ in range(bench.runs):
            await product.wait_until_drained()
            async with bench.bare(product.database_url) as bare:
                found = await _run(product, per_second, seconds)
            yield {**found, **bare}


async def _run(product: ProductUnderTest, per_second: int, seconds: float) -> Run:
    routes = await routing(product, round(per_second * seconds))
    with spending(product.running) as spent:
        result = await product.send(routes, "point-of-access", seconds=seconds, rate=per_second)
    await product.wait_until_drained()
    took = [row["took"] for row in await product.owner.fetch(_DELAYS, result.begun_at)]
    found = request_figures(result, success=(200,))
    counted = {name: found[name] for name in ("responses other than 200", "per second")}
    return {**delays(took), "responses": len(took), **counted, **spent.cores(result.wall_seconds)}


async def triaged(product: ProductUnderTest, count: int, pathway: Pathway = RAPID_CARE) -> None:
    """Makes and triages `count` referrals of new people over HTTP."""
    await product.all_of(product.people.referrals(count), "gp")
    await product.all_of(await _each(product, "identified", count, "triage", pathway.triage), "point-of-access")


async def routing(product: ProductUnderTest, count: int, pathway: Pathway = RAPID_CARE) -> list[Request]:
    return await _each(product, pathway.status, count, "route", pathway.route)


async def _each(product: ProductUnderTest, status: str, count: int, verb: str, body: dict[str, Any]) -> list[Request]:
    """A command on each of `count` referrals in a state."""
    rows = await product.owner.fetch(_BY_STATUS, status, count)
    if len(rows) != count:
        raise RuntimeError(f"{len(rows)} referrals are {status}, not {count}")
    return [change(f"/referrals/{row['id']}/{verb}", row["version"], body) for row in rows]


def _scenario(name: str, per_second: int, *figures: Figure) -> Scenario:
    return Scenario(
        name,
        f"Routed referral committed to response row with its clock, {per_second}/s",
        f"Open loop: {per_second} triaged referrals per second are routed to Rapid Care over HTTP. The delay is between PostgreSQL's "
        "commit timestamps of the routed event and of the response, in two schemas.",
        minutes=2.2,
        figures=figures,
        measure=partial(measure, per_second=per_second),
    )


SCENARIO = _scenario("response", 300, Figure("p50", "ms", 30, yardstick="bare p50"), Figure("p99", "ms", 100, yardstick="bare p99"))
AT_100 = _scenario("response-100", 100, Figure("p50", "ms", yardstick="bare p50"), Figure("p99", "ms", yardstick="bare p99"))
