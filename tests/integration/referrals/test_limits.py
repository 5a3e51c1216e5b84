"""Limits on the running context: a practice's busy Monday stays below them, and probed NHS numbers are stopped and seen."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from infra.dev_stack.dev_secrets import Keys
from shared.web.limits import CallerLimits, Limits
from tests.builders.database import CommonDatabase
from tests.builders.population import nhs_numbers
from tests.builders.referrals import MONDAY, ReferralsClient, referrals

#: Three hundred referrals in two hours.
REFERRALS, INTERVAL = 300, 24.0


class Clock:
    """Stands still until a test moves it."""

    at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def limited_client(common_database: CommonDatabase, owner_url: str, keys: Keys, clock: Clock) -> AsyncIterator[ReferralsClient]:  # noqa: ARG001  it empties the tables
    """The context with the limits of a new deployment."""
    async with referrals(common_database.url, keys, MONDAY, limits=CallerLimits(Limits(), "limited", clock)) as client:
        yield client


def numbers(count: int) -> list[str]:
    return nhs_numbers(Random(1), count)  # noqa: S311  a seed must repeat its numbers


async def test_busy_monday_of_a_practice_stays_below(limited_client: ReferralsClient, clock: Clock) -> None:
    """Each referral is read again with what it permits, and the list of the practice's referrals after each."""
    statuses: Counter[int] = Counter()
    desks = [limited_client.context.token("referrals:refer", organisation="W07", role="gp", actor=f"gp-{desk}") for desk in range(3)]
    for number, nhs_number in enumerate(numbers(REFERRALS)):
        desk = desks[number % len(desks)]
        sent = await limited_client.try_refer(caller=desk, nhs_number=nhs_number)
        paths = [f"/{sent.json()['id']}", f"/{sent.json()['id']}/actions", ""]
        answers = [sent, *[await limited_client.get(path, desk) for path in paths]]
        statuses.update(each.status_code for each in answers)
        clock.at += INTERVAL

    assert statuses == {201: REFERRALS, 200: 3 * REFERRALS}


async def test_probed_numbers_are_stopped_and_seen(limited_client: ReferralsClient) -> None:
    async def probe(nhs_number: str) -> Any:
        return await limited_client.post("/people/search", {"nhs_number": nhs_number})

    with capture_logs() as logs:
        answers = [each for batch in range(50) for each in await asyncio.gather(*map(probe, numbers(500)[batch * 10 : batch * 10 + 10]))]

    refused = [each for each in answers if each.status_code == 429]
    assert len(answers) - len(refused) < 80
    assert {(each.json()["code"], int(each.headers["retry-after"]) > 0) for each in refused} == {("limit-reached", True)}
    labels = {"context": "limited", "limit": "caller_misses"}
    assert REGISTRY.get_sample_value("care_limits_reached_total", labels) == len(refused)
    assert [(entry["limit"], entry["actor"]) for entry in logs if entry["event"] == "limit.reached"] == [("caller_misses", "triager-1")]
    query = "SELECT actor_id, action FROM audit WHERE action LIKE 'limit %'"
    assert [tuple(row) for row in await limited_client.context.database.pool.fetch(query)] == [("triager-1", "limit caller_misses")]


async def test_exhausted_lookups_refuse_no_referral(limited_client: ReferralsClient) -> None:
    for nhs_number in numbers(80):
        await limited_client.post("/people/search", {"nhs_number": nhs_number})

    sent = await limited_client.try_refer(caller=limited_client.triager, nhs_number="9434765919")
    lists = await limited_client.get("/work", limited_client.triager)

    assert (await limited_client.post("/people/search", {"nhs_number": "9434765919"})).status_code == 429
    assert (sent.status_code, lists.status_code) == (201, 200)
