"""Reads of persons with a safeguarding concern and without one, by turns: both take the same time."""

import json
from collections.abc import AsyncGenerator, Sequence
from itertools import chain

import asyncpg

from infra.dev_stack.serve import token
from shared.kernel.ids import new_id
from tests.bench.figures import Figure, Run, percentile
from tests.bench.load import Request
from tests.bench.people import get, post
from tests.bench.product_under_test import Bench, ProductUnderTest
from tests.bench.scenario import Scenario
from tests.bench.scenarios.response import triaged
from tests.builders.safeguarding import a_concern

_PATHS = {
    "one referral": ("/referrals/{id}", "gp"),
    "timeline of a person": ("/referrals/people/{person_id}/timeline", "point-of-access"),
}
_ROWS = "SELECT id::text, person_id::text FROM referrals.referral ORDER BY id"


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    """Every second person has a concern; the persons are read by turns over one connection."""
    async with bench.start_product() as product:
        await triaged(product, bench.pick(20, 200))
        people = await product.owner.fetch(_ROWS)
        await product.all_of([_concern(person["person_id"]) for person in people[1::2]], "point-of-access")
        await product.wait_until_drained()
        for _ in range(bench.runs):
            yield {name: value for kind in _PATHS for name, value in (await _read(product, kind, people, bench.pick(2, 15))).items()}


async def _read(product: ProductUnderTest, kind: str, people: "Sequence[asyncpg.Record]", times: int) -> Run:
    path, caller = _PATHS[kind]
    bearer = f"Bearer {token(product.running.keys, caller)}"
    requests = [get(path.format(**dict(person)), Authorization=bearer) for person in people]
    result = await product.send(list(chain.from_iterable([requests] * times)), None, seconds=600, connections=1)
    took = [[1000 * took for number, took in zip(result.number, result.latency, strict=True) if number % 2 == odd] for odd in (0, 1)]
    return {
        f"{kind}, p50 with a concern": percentile(took[1], 0.5),
        f"{kind}, p50 without": percentile(took[0], 0.5),
        f"{kind}, responses other than 200": sum(status != 200 for status in result.status),
    }


def _concern(person_id: str) -> Request:
    return post("/referrals/safeguarding-concerns", json.dumps(a_concern(person_id)).encode(), Idempotency_Key=str(new_id()))


SCENARIO = Scenario(
    "concern",
    "Reads with and without a safeguarding concern",
    "One connection reads 200 persons by turns, of whom every second has a concern: one referral for its practice, and the timeline of "
    "the person for the Community Point of Access.",
    minutes=1.5,
    figures=tuple(Figure(f"{kind}, p50 with a concern", "ms", yardstick=f"{kind}, p50 without", ratio=1.05) for kind in _PATHS),
    measure=measure,
)
