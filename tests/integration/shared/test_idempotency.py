"""A repeated request has one effect and receives the stored response."""

import asyncio

from shared.contracts.encryption import place
from shared.kernel.ids import new_id
from tests.integration.shared.delivery_harness import DeliveryHarness

KEY = {"Idempotency-Key": "0193a1f0-one"}


def body(condition: str = "copd") -> dict[str, str]:
    return {"person_id": "0193a1f0-0000-7000-8000-000000000001", "condition": condition}


async def test_repeated_request_returns_the_stored_response(harness: DeliveryHarness) -> None:
    first = await harness.post(body(), **KEY)
    again = await harness.post(body(), **KEY)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert {name: again.headers[name] for name in ("location", "etag")} == {name: first.headers[name] for name in ("location", "etag")}
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    assert await harness.count("rapid_care.parcel") == 1


async def test_other_request_with_used_key_is_refused(harness: DeliveryHarness) -> None:
    await harness.post(body(), **KEY)

    other = await harness.post(body("fall"), **KEY)

    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    assert await harness.count("rapid_care.parcel") == 1


async def test_same_subject_of_another_organisation_gets_no_stored_response(harness: DeliveryHarness) -> None:
    """Finding C9: the key belonged to the subject alone, and another organisation read the answer."""
    first = await harness.post(body(), **KEY)
    other = harness.sender.token("parcels:send", organisation="RFL") | KEY

    own = await harness.sender.http.post("/parcels", json=body(), headers=other)

    assert (own.status_code, "idempotency-replayed" in own.headers) == (201, False)
    assert own.json()["id"] != first.json()["id"]


async def test_same_body_with_other_query_is_refused(harness: DeliveryHarness) -> None:
    headers = harness.sender.token("parcels:send") | KEY
    await harness.sender.http.post("/parcels", json=body(), headers=headers)

    other = await harness.sender.http.post("/parcels?recipient=another", json=body(), headers=headers)

    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


async def test_stored_response_is_ciphertext(harness: DeliveryHarness) -> None:
    response = await harness.post(body(), **KEY)

    row = await harness.owner.fetchrow("SELECT * FROM rapid_care.idempotency")
    assert row is not None
    assert response.json()["id"] not in row["body"].decode()
    where = place("idempotency", row["caller"], row["key"], row["fingerprint"].hex())
    assert harness.sender.database.secrets.key_ring.open(row["body"], where) == response.content


async def test_key_is_stored_as_a_digest(harness: DeliveryHarness) -> None:
    key = "9434765919"
    first = await harness.post(body(), **{"Idempotency-Key": key})
    second = await harness.post(body(), **{"Idempotency-Key": key})

    assert second.json() == first.json()
    assert await harness.owner.fetchval("SELECT count(*) FROM rapid_care.idempotency AS row WHERE row::text LIKE $1", f"%{key}%") == 0


async def test_response_moved_to_another_key_is_not_sent(harness: DeliveryHarness) -> None:
    """Finding C13: who can write to the table hands one caller the response of another."""
    await harness.post(body(), **KEY)
    await harness.post(body(), **KEY, **harness.sender.token("parcels:send", actor="clinician-2"))
    await harness.owner.execute("""
        UPDATE rapid_care.idempotency SET body = (SELECT body FROM rapid_care.idempotency WHERE caller LIKE '%clinician-2')
        WHERE caller LIKE '%clinician-1'""")

    repeated = await harness.post(body(), **KEY)

    assert (repeated.status_code, repeated.json()["code"]) == (409, "stored-response-unreadable")
    assert await harness.count("rapid_care.parcel") == 2


async def test_concurrent_equal_requests_have_one_effect(harness: DeliveryHarness) -> None:
    responses = await asyncio.gather(*(harness.post(body(), **KEY) for _ in range(6)))

    assert {response.status_code for response in responses} == {201}
    assert len({response.content for response in responses}) == 1
    assert await harness.count("rapid_care.parcel") == 1


async def test_idempotency_key_belongs_to_its_caller(harness: DeliveryHarness) -> None:
    await harness.post(body(), **KEY)

    other = await harness.post(body(), **KEY, **harness.sender.token("parcels:send", actor="clinician-2"))

    assert (other.status_code, "idempotency-replayed" in other.headers) == (201, False)
    assert await harness.count("rapid_care.parcel") == 2


async def test_failed_request_may_reuse_its_key(harness: DeliveryHarness) -> None:
    async with harness.raising("rapid_care.parcel", "P0001", times=1):
        failed = await harness.post(body(), **KEY)
        again = await harness.post(body(), **KEY)

    assert (failed.status_code, again.status_code, "idempotency-replayed" in again.headers) == (500, 201, False)
    assert await harness.count("rapid_care.parcel") == 1


async def test_create_without_a_key_is_refused(harness: DeliveryHarness) -> None:
    response = await harness.sender.http.post("/parcels", json=body(), headers=harness.sender.token("parcels:send"))

    assert (response.status_code, response.json()["code"]) == (400, "idempotency-key-missing")
    assert await harness.count("rapid_care.parcel") == 0


async def test_new_key_creates_another_parcel(harness: DeliveryHarness) -> None:
    for _ in range(2):
        await harness.post(body(), **{"Idempotency-Key": str(new_id())})

    assert await harness.count("rapid_care.parcel") == 2
