"""Whether it stays as quick when more is stored: a thousand referrals, a hundred thousand, a million."""

from collections.abc import AsyncGenerator
from itertools import pairwise

from tests.bench.bulk_rows import copies, told, upto, uuid
from tests.bench.figures import Figure, Run, percentile
from tests.bench.scenario import Scenario
from tests.bench.scenarios.reads import read
from tests.bench.scenarios.response import routing, triaged
from tests.bench.stage import Bench, Stage

_PER_SECOND, _SECONDS = 25, 8.0
_QUEUE = "queue of open responses"
_OPEN = 200


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    """At each size every round is measured, so the first run is known with the last size."""
    rounds: list[dict[str, float]] = [{} for _ in range(bench.runs)]
    async with bench.stage() as stage:
        await triaged(stage, _OPEN)
        await stage.all_of(await routing(stage, _OPEN), "point-of-access")
        await stage.quiet()
        sizes = bench.pick((0, 1_000, 2_000, 5_000), (0, 1_000, 20_000, 100_000), (0, 1_000, 100_000, 1_000_000))
        for before, size in pairwise(sizes):
            await _grow(stage, before, size)
            await _look(stage)  # what is seldom used was written out meanwhile
            for found in rounds:
                found |= {f"{name}, {size:,}": value for name, value in (await _look(stage)).items()}
    for found in rounds:
        yield {**_ratios(found, sizes[1], sizes[-1]), **found}


async def _look(stage: Stage) -> Run:
    requests = stage.people.referrals(round(_PER_SECOND * _SECONDS))
    shots = await stage.fire(requests, "gp", seconds=_SECONDS, rate=_PER_SECOND)
    await stage.quiet()
    seen = await read(stage, [_QUEUE], _SECONDS / 2)
    return {"intake p50": percentile(shots.latency, 0.5) * 1000, "queue read p50": seen[f"{_QUEUE}, p50"]}


def _ratios(found: dict[str, float], least: int, most: int) -> Run:
    return {f"{name}, times": found[f"{name}, {most:,}"] / found[f"{name}, {least:,}"] for name in ("intake p50", "queue read p50")}


async def _grow(stage: Stage, before: int, size: int) -> None:
    """Copies of what one real referral left that went to Rapid Care; it is long over, and long told to everybody."""
    owner, numbers, new, somebody = stage.owner, upto(size - before, before), uuid("referral"), uuid("person")
    response = uuid("response")
    ended = {"status": "'closed'", "ended_at": "clock_timestamp()", "due_at": "clock_timestamp() - interval '1 day'"}
    about = {"subject": new, "key": somebody, "correlation_id": new}
    ids = {"id": new, "person_id": somebody, "correlation_id": new}
    settled = {"subject": new, "correlation_id": new, "state": "'fired'", "resolved_at": "clock_timestamp()"}
    statements = [
        await copies(owner, "referrals.person", "true", numbers, id=somebody, correlation_id=new),
        await copies(owner, "referrals.referral", "true", numbers, **ids, **ended, reference="'CPA-' || n"),
        *await told(owner, "referrals", "type = 'referrals.referral.received.v1'", numbers, **about),
        *await told(owner, "referrals", "type = 'referrals.referral.triaged.v1'", numbers, **about),
        *await told(owner, "referrals", "type = 'referrals.referral.routed.v1'", numbers, **about),
        *await told(owner, "referrals", "topic = 'referrals.person-record'", numbers, **{**about, "subject": somebody}),
        await copies(owner, "referrals.idempotency", "true", numbers, key="'bench-growth-' || n"),
        await copies(owner, "referrals.audit", "action = 'ReceiveReferral'", numbers, subject=new),
        await copies(owner, "referrals.deadline", "true", numbers, **settled),
        await copies(owner, "rapid_care.response", "true", numbers, **{**ids, **ended, "id": response}, referral_id=new),
        *await told(owner, "rapid_care", "topic = 'rapid-care.response'", numbers, **{**about, "subject": response}),
        await copies(owner, "rapid_care.person", "true", numbers, person_id=somebody),
        await copies(owner, "mdt.person", "true", numbers, person_id=somebody),
        await copies(owner, "navigation.person", "true", numbers, person_id=somebody),
    ]
    await stage.prepare(f"Storing {size:,} referrals", *statements)


SCENARIO = Scenario(
    "growth",
    "Growth from 1,000 to 1,000,000 referrals stored",
    "Intake of 25 referrals a second in an open loop, and the first page of the queue of 200 open responses, at each size; the "
    "figure is how many times slower the middle one is at 1,000,000 than at 1,000. What is stored are copies of what one real "
    "referral leaves in all four schemas, ended.",
    minutes=2.5,
    figures=(Figure("intake p50, times", "", 1.3), Figure("queue read p50, times", "", 1.3)),
    measure=measure,
)
