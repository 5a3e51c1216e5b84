"""Concurrent referrals share a transaction; each is acknowledged or refused, recorded and audited individually."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from shared.contracts.persons import PersonRecordRecorded
from shared.contracts.referrals import ReferralMerged, ReferralReceived
from tests.builders.population import nhs_numbers
from tests.builders.referrals import DALE, OTHER_PERSON, ReferralsClient, a_body, a_demographics_body

_BAD_CHECK_DIGIT = "9990548608"
_TRANSACTIONS = "SELECT count(DISTINCT xmin::text) FROM referral"
_ACTORS_AND_TRACES = """
SELECT event.actor_org, audit.actor_org, audit.actor_id, split_part(event.traceparent, '-', 2) = split_part(audit.trace_id, '-', 2)
FROM event JOIN audit ON audit.subject = event.subject WHERE type = 'referrals.referral.received.v1' ORDER BY event.actor_org"""


def _numbers(count: int) -> list[str]:
    return nhs_numbers(Random(0), count)  # noqa: S311  synthetic people


async def _refer_concurrently(client: ReferralsClient, count: int) -> list[httpx.Response]:
    """Different people, each referred by another practice."""
    numbers = _numbers(count)
    return await asyncio.gather(*(client.try_refer(nhs_number=number, caller=client.gp(f"P{n:02}")) for n, number in enumerate(numbers)))


async def _count_referrals(client: ReferralsClient) -> int:
    return int(await client.context.database.pool.fetchval("SELECT count(*) FROM referral"))


async def test_concurrent_referrals_share_transactions(client: ReferralsClient) -> None:
    responses = await _refer_concurrently(client, 40)

    assert {response.status_code for response in responses} == {201}
    assert len({response.json()["reference"] for response in responses}) == 40
    assert len(await client.context.published(ReferralReceived)) == len(await client.context.published(PersonRecordRecorded)) == 40
    assert await client.context.database.pool.fetchval(_TRANSACTIONS) < 20


async def test_grouped_referral_is_audited_under_own_caller(client: ReferralsClient) -> None:
    await _refer_concurrently(client, 20)

    rows = await client.context.database.pool.fetch(_ACTORS_AND_TRACES)
    assert [tuple(row) for row in rows] == [(f"P{n:02}", f"P{n:02}", f"gp-P{n:02}", True) for n in range(20)]


async def test_refused_referral_leaves_group_and_key_intact(client: ReferralsClient) -> None:
    *others, refused = await asyncio.gather(
        *(client.try_refer(nhs_number=number) for number in _numbers(10)), client.try_refer(key="again", demographics=None)
    )
    assert {response.status_code for response in others} == {201}
    assert (refused.status_code, refused.json()["code"]) == (422, "demographics-missing")
    assert await _count_referrals(client) == 10

    corrected = await client.try_refer(key="again")
    assert corrected.status_code == 201


async def test_group_accepts_referral_larger_than_an_event(client: ReferralsClient) -> None:
    """Finding B6: its event has as many contacts as it has room for, and the record has all."""
    neighbours = [{"name": f"Neighbour {number} {'x' * 90}", "relationship": "neighbour"} for number in range(6_000)]
    long = {"narrative": "He is alone.", "contacts": neighbours}
    *others, accepted = await asyncio.gather(
        *(client.try_refer(nhs_number=number) for number in _numbers(10)), client.try_refer(story=long)
    )

    assert {response.status_code for response in (*others, accepted)} == {201}
    person = (await client.get(f"/people/{accepted.json()['person_id']}")).json()
    assert len(person["story"]["contacts"]) == 6_000


async def test_concurrent_referrals_of_one_person_merge(client: ReferralsClient) -> None:
    responses = await asyncio.gather(*(client.try_refer(nhs_number=number) for number in (DALE, "999 054 8609", DALE)))

    assert {response.status_code for response in responses} == {201}
    assert len({response.json()["person_id"] for response in responses}) == 1
    assert len(await client.context.published(ReferralMerged)) == 2


async def test_batch_returns_responses_in_order_sent(client: ReferralsClient) -> None:
    one, two = _numbers(2)
    response = await _batch(
        client,
        [
            a_body(nhs_number=one),
            a_body(nhs_number=_BAD_CHECK_DIGIT),
            a_body(nhs_number=two),
            a_body(demographics=None),
            a_body(nhs_number=one),
        ],
    )
    assert response.status_code == 200
    items = response.json()["items"]
    assert [item["status"] for item in items] == [201, 422, 201, 422, 201]
    assert [item["problem"]["code"] for item in items if "problem" in item] == ["invalid-nhs-number", "demographics-missing"]
    assert items[4]["referral"]["merged_into"] == items[0]["referral"]["id"]
    assert await _count_referrals(client) == 3
    assert (await client.get(f"/{items[2]['referral']['id']}")).json()["reference"] == items[2]["referral"]["reference"]


async def test_unusual_json_refuses_no_other_item_of_a_batch(client: ReferralsClient) -> None:
    """Halves of surrogate pairs, and a repeated field."""
    half = {"narrative": "He fell \ud83d"}
    bodies = [a_body(), a_body(nhs_number=OTHER_PERSON, story=half), a_body(nhs_number=OTHER_PERSON, urgency="urgent", story=half)]
    repeated = json.dumps(a_body()).replace('"source"', '"source": "gp", "source"', 1)
    content = json.dumps({"referrals": bodies}).removesuffix("]}") + f", {repeated}]}}"

    headers = client.gp() | {"Idempotency-Key": "unusual", "Content-Type": "application/json"}
    response = await client.context.http.post("/referrals/batch", content=content, headers=headers)

    assert [item["status"] for item in response.json()["items"]] == [201, 422, 201, 400]


async def test_repeated_batch_gets_the_same_response(client: ReferralsClient) -> None:
    bodies = [a_body(nhs_number=number) for number in _numbers(30)]
    first, second = await asyncio.gather(_batch(client, bodies), _batch(client, bodies))

    assert first.json() == second.json()
    assert await _count_referrals(client) == 30


async def test_blocked_referral_is_refused_alone_in_batch(client: ReferralsClient) -> None:
    one, blocked, two = _numbers(3)
    known = await client.refer(nhs_number=blocked)
    bodies = [a_body(nhs_number=number) for number in (one, blocked, two)]
    pool = client.context.database.pool
    async with _lock_timeout(pool, "250ms"), pool.acquire() as blocker, blocker.transaction():
        await blocker.execute("SELECT FROM person WHERE id = $1 FOR UPDATE", UUID(known["person_id"]))
        items = (await _batch(client, bodies)).json()["items"]

    assert [item["status"] for item in items] == [201, 503, 201]
    assert items[1]["problem"]["code"] == "temporarily-unavailable"
    again = (await _batch(client, bodies)).json()["items"]
    assert [item["status"] for item in again] == [201, 201, 201]
    assert [again[0], again[2]] == [items[0], items[2]]


async def test_corrected_batch_repeats_its_unchanged_items(client: ReferralsClient) -> None:
    """Finding: the unchanged items were refused as a reuse of the key, and an added one shifted them to new references."""
    added, one, two, three = (a_body(nhs_number=number) for number in _numbers(4))
    urgent = three | {"urgency": "urgent", "story": {"narrative": "He fell", "history": "none"}}
    first = (await _batch(client, [one, two | {"reason": "tired"}, urgent])).json()["items"]

    corrected = (await _batch(client, [one, two, urgent])).json()["items"]
    shifted = (await _batch(client, [added, urgent, one, two])).json()["items"]

    assert [item["status"] for item in first] == [201, 422, 201]
    assert [item["status"] for item in (*corrected, *shifted)] == [201] * 7
    assert (corrected[0], corrected[2]) == (first[0], first[2])
    assert shifted[1:] == [corrected[2], corrected[0], corrected[1]]
    assert await _count_referrals(client) == 4


async def test_equal_items_of_a_batch_have_a_receipt_each(client: ReferralsClient) -> None:
    first = (await _batch(client, [a_body(), a_body()])).json()["items"]
    again = (await _batch(client, [a_body(), a_body()])).json()["items"]

    assert first == again
    assert first[1]["referral"]["merged_into"] == first[0]["referral"]["id"]
    assert await _count_referrals(client) == 2


async def test_malformed_item_is_refused_alone(client: ReferralsClient) -> None:
    """Finding D3: one malformed item refused the whole batch."""
    response = await _batch(client, [a_body(), a_body(demographics=a_demographics_body() | {"born_on": "yesterday"})])

    assert [item["status"] for item in response.json()["items"]] == [201, 422]
    [error] = response.json()["items"][1]["problem"]["errors"]
    assert error["field"].endswith("demographics.born_on")
    assert await _count_referrals(client) == 1


async def test_batch_takes_one_to_hundred_items(client: ReferralsClient) -> None:
    for count in (0, 101):
        assert (await _batch(client, [a_body()] * count)).status_code == 422
    assert await _count_referrals(client) == 0


async def test_person_of_batch_is_found_by_search(client: ReferralsClient) -> None:
    (item,) = (await _batch(client, [a_body()])).json()["items"]
    [found] = (await client.post("/people/search", {"nhs_number": DALE})).json()["items"]

    assert UUID(found["id"]) == UUID(item["referral"]["person_id"])


async def _batch(client: ReferralsClient, bodies: list[dict[str, Any]]) -> httpx.Response:
    headers = client.gp() | {"Idempotency-Key": "batch-1"}
    return await client.context.http.post("/referrals/batch", json={"referrals": bodies}, headers=headers)


@asynccontextmanager
async def _lock_timeout(pool: "asyncpg.Pool[asyncpg.Record]", limit: str) -> AsyncIterator[None]:
    """Shortens the lock timeout of every connection of the pool."""
    await _on_every_connection(pool, f"SET lock_timeout = '{limit}'")
    try:
        yield
    finally:
        await _on_every_connection(pool, "RESET lock_timeout")


async def _on_every_connection(pool: "asyncpg.Pool[asyncpg.Record]", statement: str) -> None:
    async with AsyncExitStack() as acquired:
        connections = [await acquired.enter_async_context(pool.acquire()) for _ in range(pool.get_max_size())]
        for connection in connections:
            await connection.execute(statement)
