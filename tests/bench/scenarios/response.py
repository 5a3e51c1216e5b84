"""From the commit of a routed referral to the response row with its clock in the other context."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from tests.bench.figures import Figure, Run, delays
from tests.bench.load import Request
from tests.bench.people import change
from tests.bench.processes import spending
from tests.bench.scenario import Scenario, answers
from tests.bench.stage import Bench, Stage

_PER_SECOND = 300
_BY_STATUS = "SELECT id, version FROM referrals.referral WHERE status = $1 ORDER BY id LIMIT $2"
_DELAYS = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(response.xmin) - pg_xact_commit_timestamp(event.xmin))::float AS took
FROM referrals.event JOIN rapid_care.response ON response.referral_id = event.subject
WHERE event.type = 'referrals.referral.routed.v1' AND event.recorded_at > to_timestamp($1)"""


@dataclass(frozen=True, slots=True)
class Way:
    """How the Community Point of Access decides, and the state between."""

    triage: dict[str, Any]
    status: str
    route: dict[str, Any]


_REASON = "Asked for by the GP."
RAPID_CARE = Way(
    {"urgency": "urgent", "is_complex": False, "reason": _REASON}, "triaged-urgent", {"route": "rapid-care", "service_code": "rapid-care"}
)
MEETING = Way({"urgency": "routine", "is_complex": True, "reason": _REASON}, "triaged-routine", {"route": "mdt", "service_code": "mdt"})


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    async with bench.stage() as stage:
        seconds = bench.pick(5.0, 10.0, 20.0)
        await triaged(stage, round(_PER_SECOND * seconds) * bench.runs)
        for _ in range(bench.runs):
            await stage.quiet()
            routes = await routing(stage, round(_PER_SECOND * seconds))
            with spending(stage.product) as spent:
                shots = await stage.fire(routes, "point-of-access", seconds=seconds, rate=_PER_SECOND)
            await stage.quiet()
            took = [row["took"] for row in await stage.owner.fetch(_DELAYS, shots.begun_at)]
            found = answers(shots, success=(200,))
            told = {name: found[name] for name in ("answers other than 200", "per second")}
            yield {**delays(took), "responses": len(took), **told, **spent.cores(shots.wall_seconds)}


async def triaged(stage: Stage, count: int, way: Way = RAPID_CARE) -> None:
    """So many referrals of new people that wait for their route, over HTTP."""
    await stage.all_of(stage.people.referrals(count), "gp")
    await stage.all_of(await _each(stage, "identified", count, "triage", way.triage), "point-of-access")


async def routing(stage: Stage, count: int, way: Way = RAPID_CARE) -> list[Request]:
    return await _each(stage, way.status, count, "route", way.route)


async def _each(stage: Stage, status: str, count: int, verb: str, body: dict[str, Any]) -> list[Request]:
    """A command on each of so many referrals in a state."""
    rows = await stage.owner.fetch(_BY_STATUS, status, count)
    if len(rows) != count:
        raise RuntimeError(f"{len(rows)} referrals are {status}, not {count}")
    return [change(f"/referrals/{row['id']}/{verb}", row["version"], body) for row in rows]


SCENARIO = Scenario(
    "response",
    "Routed referral committed to response row with its clock, 300/s",
    "Open loop: 300 referrals a second, triaged before, are routed to Rapid Care over HTTP; between PostgreSQL's own commit times "
    "of the routed event and of the response, in two schemas. A HAPI subscription took 2.8 and 5.0 s here by default, 0.15 and 0.26"
    " s at its best, at 20/s.",
    minutes=1.5,
    figures=(Figure("p50", "ms", 30), Figure("p99", "ms", 100)),
    measure=measure,
)
