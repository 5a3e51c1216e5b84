"""A request that is sent twice is done once, and answered as the first time."""

import asyncio

from shared.kernel.ids import new_id
from tests.integration.shared.delivery_harness import DeliveryHarness

KEY = {"Idempotency-Key": "0193a1f0-one"}


def body(condition: str = "copd") -> dict[str, str]:
    return {"person_id": "0193a1f0-0000-7000-8000-000000000001", "condition": condition}


async def test_a_repeated_request_gets_the_same_answer_and_does_nothing(post: DeliveryHarness) -> None:
    first = await post.post(body(), **KEY)
    again = await post.post(body(), **KEY)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert {name: again.headers[name] for name in ("location", "etag")} == {name: first.headers[name] for name in ("location", "etag")}
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    assert await post.count("rapid_care.parcel") == 1


async def test_another_request_under_a_used_key_is_refused(post: DeliveryHarness) -> None:
    await post.post(body(), **KEY)

    other = await post.post(body("fall"), **KEY)

    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    assert await post.count("rapid_care.parcel") == 1


async def test_the_same_body_with_another_query_is_another_request(post: DeliveryHarness) -> None:
    headers = post.sender.token("parcels:send") | KEY
    await post.sender.http.post("/parcels", json=body(), headers=headers)

    other = await post.sender.http.post("/parcels?for=another", json=body(), headers=headers)

    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


async def test_a_stored_answer_is_ciphertext(post: DeliveryHarness) -> None:
    answer = await post.post(body(), **KEY)

    row = await post.owner.fetchrow("SELECT * FROM rapid_care.idempotency")
    assert row is not None
    assert answer.json()["id"] not in row["body"].decode()
    assert post.sender.database.secrets.key_ring.open(row["body"]) == answer.content


async def test_the_same_request_at_once_has_one_effect_and_one_answer(post: DeliveryHarness) -> None:
    answers = await asyncio.gather(*(post.post(body(), **KEY) for _ in range(6)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert await post.count("rapid_care.parcel") == 1


async def test_a_key_belongs_to_its_caller(post: DeliveryHarness) -> None:
    await post.post(body(), **KEY)

    other = await post.post(body(), **KEY, **post.sender.token("parcels:send", actor="clinician-2"))

    assert (other.status_code, "idempotency-replayed" in other.headers) == (201, False)
    assert await post.count("rapid_care.parcel") == 2


async def test_a_request_that_failed_may_be_repeated_under_its_key(post: DeliveryHarness) -> None:
    async with post.raising("rapid_care.parcel", "P0001", times=1):
        failed = await post.post(body(), **KEY)
        again = await post.post(body(), **KEY)

    assert (failed.status_code, again.status_code, "idempotency-replayed" in again.headers) == (500, 201, False)
    assert await post.count("rapid_care.parcel") == 1


async def test_creating_without_a_key_is_refused(post: DeliveryHarness) -> None:
    answer = await post.sender.http.post("/parcels", json=body(), headers=post.sender.token("parcels:send"))

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency-key-missing")
    assert await post.count("rapid_care.parcel") == 0


async def test_a_new_key_makes_a_new_thing(post: DeliveryHarness) -> None:
    for _ in range(2):
        await post.post(body(), **{"Idempotency-Key": str(new_id())})

    assert await post.count("rapid_care.parcel") == 2
