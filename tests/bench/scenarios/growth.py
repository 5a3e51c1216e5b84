"""The latency of intake and of a queue read with a thousand, a hundred thousand and a million referrals stored."""

from collections.abc import AsyncGenerator
from itertools import pairwise

from tests.bench.bulk_rows import copies, past_events, upto, uuid
from tests.bench.figures import Figure, Run, percentile
from tests.bench.product_under_test import Bench, ProductUnderTest
from tests.bench.scenario import Scenario
from tests.bench.scenarios.reads import read
from tests.bench.scenarios.response import routing, triaged

_PER_SECOND, _SECONDS = 25, 8.0
_QUEUE = "queue of open responses"
_OPEN = 200


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    """Every round is measured at each size, so all runs end with the last size."""
    rounds: list[dict[str, float]] = [{} for _ in range(bench.runs)]
    async with bench.start_product() as product:
        await triaged(product, _OPEN)
        await product.all_of(await routing(product, _OPEN), "point-of-access")
        await product.wait_until_drained()
        sizes = bench.pick((0, 1_000, 2_000, 5_000), (0, 1_000, 20_000, 100_000), (0, 1_000, 100_000, 1_000_000))
        for before, size in pairwise(sizes):
            await _grow(product, before, size)
            await _measure(product)  # warm-up: the preparation evicted other pages from the caches
            for found in rounds:
                async with bench.bare(product.database_url) as bare:
                    seen = await _measure(product)
                found |= {f"{name}, {size:,}": value for name, value in (seen | bare).items()}
    for found in rounds:
        yield {**_ratios(found, sizes[1], sizes[-1]), **found}


async def _measure(product: ProductUnderTest) -> dict[str, float]:
    requests = product.people.referrals(round(_PER_SECOND * _SECONDS))
    result = await product.send(requests, "gp", seconds=_SECONDS, rate=_PER_SECOND)
    await product.wait_until_drained()
    seen = await read(product, [_QUEUE], _SECONDS / 2)
    return {"intake p50": percentile(result.latency, 0.5) * 1000, "queue read p50": seen[f"{_QUEUE}, p50"]}


def _ratios(found: dict[str, float], least: int, most: int) -> Run:
    names = [name for name in ("intake p50", "queue read p50", "bare p50") if f"{name}, {least:,}" in found]
    return {f"{name}, times": found[f"{name}, {most:,}"] / found[f"{name}, {least:,}"] for name in names}


async def _grow(product: ProductUnderTest, before: int, size: int) -> None:
    """Copies of the rows of one real referral to Rapid Care, closed and with all its events applied."""
    owner, numbers, new, new_person = product.owner, upto(size - before, before), uuid("referral"), uuid("person")
    response = uuid("response")
    ended = {"status": "'closed'", "ended_at": "clock_timestamp()", "due_at": "clock_timestamp() - interval '1 day'"}
    about = {"subject": new, "key": new_person, "correlation_id": new}
    ids = {"id": new, "person_id": new_person, "correlation_id": new}
    resolved = {"subject": new, "correlation_id": new, "state": "'fired'", "resolved_at": "clock_timestamp()"}
    statements = [
        await copies(owner, "referrals.person", "true", numbers, id=new_person, correlation_id=new),
        await copies(owner, "referrals.referral", "true", numbers, **ids, **ended, reference="'CPA-' || n"),
        *await past_events(owner, "referrals", "type = 'referrals.referral.received.v1'", numbers, **about),
        *await past_events(owner, "referrals", "type = 'referrals.referral.triaged.v1'", numbers, **about),
        *await past_events(owner, "referrals", "type = 'referrals.referral.routed.v1'", numbers, **about),
        *await past_events(owner, "referrals", "topic = 'referrals.person-record'", numbers, **{**about, "subject": new_person}),
        await copies(owner, "referrals.idempotency", "true", numbers, key="'bench-growth-' || n"),
        await copies(owner, "referrals.audit", "action = 'ReceiveReferral'", numbers, subject=new),
        await copies(owner, "referrals.deadline", "true", numbers, **resolved),
        await copies(owner, "rapid_care.response", "true", numbers, **{**ids, **ended, "id": response}, referral_id=new),
        *await past_events(owner, "rapid_care", "topic = 'rapid-care.response'", numbers, **{**about, "subject": response}),
        await copies(owner, "rapid_care.person", "true", numbers, person_id=new_person),
        await copies(owner, "mdt.person", "true", numbers, person_id=new_person),
        await copies(owner, "navigation.person", "true", numbers, person_id=new_person),
    ]
    await product.prepare(f"Storing {size:,} referrals", *statements)


SCENARIO = Scenario(
    "growth",
    "Growth from 1,000 to 1,000,000 referrals stored",
    "Open loop of 25 referrals per second, and the first page of the queue of 200 open responses, at each size. The figure is the p50 "
    "at 1,000,000 divided by the p50 at 1,000; its yardstick is the same quotient of the bare endpoint. The stored rows are copies of the "
    "rows that one closed referral leaves in all four schemas.",
    minutes=4.5,
    figures=(
        Figure("intake p50, times", "", 1.3, yardstick="bare p50, times"),
        Figure("queue read p50, times", "", 1.3, yardstick="bare p50, times"),
    ),
    measure=measure,
)
