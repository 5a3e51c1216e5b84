"""Referrals that come at the same moment share a transaction; each is acknowledged or refused, recorded and audited for itself."""

import asyncio
from random import Random
from typing import Any
from uuid import UUID

import httpx

from infra.dev_stack.dev_secrets import Keys
from shared.contracts.referrals import PersonRecordRecorded, ReferralMerged, ReferralReceived
from tests.builders.population import nhs_numbers
from tests.builders.referrals import DALE, MONDAY, ReferralsClient, a_body, a_demographics_body, referrals

_BAD_CHECK_DIGIT = "9990548608"
_TRANSACTIONS = "SELECT count(DISTINCT xmin::text) FROM referral"
_COMPANY = """
SELECT event.actor_org, audit.actor_org, audit.actor_id, split_part(event.traceparent, '-', 2) = split_part(audit.trace_id, '-', 2)
FROM event JOIN audit ON audit.subject = event.subject WHERE type = 'referrals.referral.received.v1' ORDER BY event.actor_org"""


def _numbers(count: int) -> list[str]:
    return nhs_numbers(Random(0), count)  # noqa: S311  synthetic people


async def _at_once(desk: ReferralsClient, count: int, **changes: Any) -> list[httpx.Response]:
    numbers = _numbers(count)
    return await asyncio.gather(*(desk.send(nhs_number=number, caller=desk.gp(f"P{n:02}"), **changes) for n, number in enumerate(numbers)))


async def _referrals(desk: ReferralsClient) -> int:
    return int(await desk.context.database.pool.fetchval("SELECT count(*) FROM referral"))


async def test_referrals_that_come_at_once_share_transactions_and_each_is_acknowledged(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        answers = await _at_once(desk, 40)

        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["reference"] for answer in answers}) == 40
        assert len(await desk.context.published(ReferralReceived)) == len(await desk.context.published(PersonRecordRecorded)) == 40
        assert await desk.context.database.pool.fetchval(_TRANSACTIONS) < 20


async def test_each_is_recorded_and_audited_under_the_name_of_whoever_sent_it(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        await _at_once(desk, 20)

        rows = await desk.context.database.pool.fetch(_COMPANY)
        assert [tuple(row) for row in rows] == [(f"P{n:02}", f"P{n:02}", f"gp-P{n:02}", True) for n in range(20)]


async def test_one_that_is_refused_among_others_leaves_nothing_and_its_key_is_free(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        *others, refused = await asyncio.gather(
            *(desk.send(nhs_number=number) for number in _numbers(10)), desk.send(key="again", demographics=None)
        )
        assert {answer.status_code for answer in others} == {201}
        assert (refused.status_code, refused.json()["code"]) == (409, "demographics-missing")
        assert await _referrals(desk) == 10

        corrected = await desk.send(key="again")
        assert corrected.status_code == 201


async def test_one_that_cannot_be_stored_among_others_is_refused_alone(owner_url: str, keys: Keys) -> None:
    """A row that breaks the transaction of a group, which is then tried one by one."""
    async with referrals(owner_url, keys, MONDAY) as desk:
        too_long = {"narrative": "Tell it all. " * 70_000}
        *others, refused = await asyncio.gather(*(desk.send(nhs_number=number) for number in _numbers(10)), desk.send(story=too_long))

        assert {answer.status_code for answer in others} == {201}
        assert (refused.status_code, refused.json()["code"]) == (422, "event-too-large")
        assert await _referrals(desk) == 10


async def test_two_of_one_person_at_once_are_one_person_and_one_joins_the_other(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        answers = await asyncio.gather(*(desk.send(nhs_number=number) for number in (DALE, "999 054 8609", DALE)))

        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["person_id"] for answer in answers}) == 1
        assert len(await desk.context.published(ReferralMerged)) == 2


async def test_a_batch_answers_for_each_in_the_order_sent(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        one, two = _numbers(2)
        answer = await _batch(
            desk,
            [
                a_body(nhs_number=one),
                a_body(nhs_number=_BAD_CHECK_DIGIT),
                a_body(nhs_number=two),
                a_body(demographics=None),
                a_body(nhs_number=one),
            ],
        )
        assert answer.status_code == 200
        items = answer.json()["items"]
        assert [item["status"] for item in items] == [201, 422, 201, 409, 201]
        assert [item["problem"]["code"] for item in items if "problem" in item] == ["invalid-nhs-number", "demographics-missing"]
        assert items[4]["referral"]["merged_into"] == items[0]["referral"]["id"]
        assert await _referrals(desk) == 3
        assert (await desk.get(f"/{items[2]['referral']['id']}")).json()["reference"] == items[2]["referral"]["reference"]


async def test_a_batch_sent_again_is_answered_alike_and_nothing_is_done_twice(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        bodies = [a_body(nhs_number=number) for number in _numbers(30)]
        first, second = await asyncio.gather(_batch(desk, bodies), _batch(desk, bodies))

        assert first.json() == second.json()
        assert await _referrals(desk) == 30


async def test_one_of_a_batch_that_somebody_holds_up_keeps_no_answer_from_the_others(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        one, held, two = _numbers(3)
        known = await desk.sent(nhs_number=held)
        async with desk.context.database.pool.acquire() as somebody, somebody.transaction():
            await somebody.execute("SELECT FROM person WHERE id = $1 FOR UPDATE", UUID(known["person_id"]))
            items = (await _batch(desk, [a_body(nhs_number=number) for number in (one, held, two)])).json()["items"]

        assert [item["status"] for item in items] == [201, 503, 201]
        assert items[1]["problem"]["code"] == "temporarily-unavailable"
        again = (await _batch(desk, [a_body(nhs_number=number) for number in (one, held, two)])).json()["items"]
        assert [item["status"] for item in again] == [201, 201, 201]
        assert [again[0], again[2]] == [items[0], items[2]]


async def test_a_key_of_another_batch_is_refused_for_each(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        one, two = _numbers(2)
        await _batch(desk, [a_body(nhs_number=one)])
        answer = await _batch(desk, [a_body(nhs_number=two)])

        assert [item["problem"]["code"] for item in answer.json()["items"]] == ["idempotency-key-reused"]
        assert await _referrals(desk) == 1


async def test_a_batch_with_a_malformed_referral_is_refused_whole_and_names_its_place(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        answer = await _batch(desk, [a_body(), a_body(demographics=a_demographics_body() | {"born_on": "yesterday"})])

        assert (answer.status_code, answer.json()["code"]) == (422, "validation-failed")
        assert answer.json()["errors"][0]["field"] == "body.referrals.1.demographics.born_on"
        assert await _referrals(desk) == 0


async def test_a_batch_holds_one_to_a_hundred(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        for count in (0, 101):
            assert (await _batch(desk, [a_body()] * count)).status_code == 422
        assert await _referrals(desk) == 0


async def test_the_person_of_a_batch_can_be_asked_for_like_any_other(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        (item,) = (await _batch(desk, [a_body()])).json()["items"]
        found = await desk.post("/people/search", {"nhs_number": DALE})

        assert UUID(found.json()["id"]) == UUID(item["referral"]["person_id"])


async def _batch(desk: ReferralsClient, bodies: list[dict[str, Any]]) -> httpx.Response:
    headers = desk.gp() | {"Idempotency-Key": "batch-1"}
    return await desk.context.http.post("/referrals/batch", json={"referrals": bodies}, headers=headers)
