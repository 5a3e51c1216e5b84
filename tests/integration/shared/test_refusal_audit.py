"""Refused requests are in the audit: who, what, about what and why; a flood of them is counted."""

import asyncio
from base64 import b64decode
from uuid import UUID

import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.kernel.actor import Actor
from shared.kernel.ids import new_id, person_id
from shared.persistence.refusals import Refusal, Refusals
from shared.persistence.transaction import Cause, RequestContext
from tests.builders.referrals import MONDAY, referrals
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.timeouts import until

_REFUSED = "SELECT action, actor_id, actor_org, subject, refusal, times FROM {schema}.audit WHERE refusal IS NOT NULL ORDER BY id"


async def refused(harness: DeliveryHarness) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await harness.owner.fetch(_REFUSED.format(schema="rapid_care"))]


async def read(harness: DeliveryHarness, parcel: UUID, *scopes: str, actor: str = "clinician-1") -> int:
    headers = harness.sender.token(*(scopes or ("parcels:send",)), actor=actor)
    return (await harness.sender.http.get(f"/parcels/{parcel}", headers=headers)).status_code


async def test_unknown_resource_is_audited(harness: DeliveryHarness) -> None:
    absent = new_id()

    assert await read(harness, absent) == 404

    assert await refused(harness) == [("read_parcel", "clinician-1", "CLCH", absent, "parcel-not-found", 1)]


async def test_missing_scope_is_audited(harness: DeliveryHarness) -> None:
    parcel = await harness.send()

    assert await read(harness, parcel.id, "mdt:read") == 403

    assert await refused(harness) == [("read_parcel", "clinician-1", "CLCH", parcel.id, "scope-missing", 1)]


async def test_conflicts_and_strangers_leave_no_entry(harness: DeliveryHarness) -> None:
    """A stale version is an everyday thing; a caller without a token has no name."""
    parcel = await harness.send()

    assert (await harness.accept(parcel.id, 7)).status_code == 412
    assert (await harness.sender.http.get(f"/parcels/{parcel.id}")).status_code == 401
    assert (await harness.sender.http.get("/parcels/nothing/here")).status_code == 404

    assert await refused(harness) == []


async def test_flood_of_refusals_is_counted(harness: DeliveryHarness) -> None:
    """Another caller keeps entries of its own."""
    refusals, parcel = Refusals(harness.sender.database.transaction), new_id()
    await asyncio.gather(*(refusals.record(a_refusal("clinician-1", parcel)) for _ in range(201)))
    await refusals.record(a_refusal("clinician-2", parcel))
    await refusals.close()

    entry = ("CLCH", parcel, "parcel-not-found")
    assert await refused(harness) == [
        ("read_parcel", "clinician-1", *entry, 1),
        ("read_parcel", "clinician-2", *entry, 1),
        ("read_parcel", "clinician-1", *entry, 200),
    ]


async def test_flood_of_refusals_hides_no_subject(harness: DeliveryHarness) -> None:
    """Finding C6. Who first asks for hundreds of invented ids is still seen when asking for real ones, also beyond the memory."""
    refusals, people = Refusals(harness.sender.database.transaction, remembered=100), [new_id() for _ in range(200)]
    for person in people:
        await refusals.record(a_refusal("clinician-1", person))
    await refusals.close()

    assert [entry[3:] for entry in await refused(harness)] == [(person, "parcel-not-found", 1) for person in people]


async def test_count_is_stored_at_the_end_of_its_minute(harness: DeliveryHarness) -> None:
    refusals, parcel = Refusals(harness.sender.database.transaction, span=0.2), new_id()
    for _ in range(5):
        await refusals.record(a_refusal("clinician-1", parcel))

    await until_counted(harness, 5)
    await refusals.record(a_refusal("clinician-1", parcel))

    assert sum(int(str(times)) for *_, times in await refused(harness)) == 6


async def until_counted(harness: DeliveryHarness, refused_requests: int) -> None:
    async def is_counted() -> bool:
        return sum(int(str(times)) for *_, times in await refused(harness)) == refused_requests

    await until(is_counted)


def a_refusal(actor: str, subject: UUID) -> Refusal:
    request = RequestContext(Actor(actor, "CLCH", "clinician"), Cause("read_parcel"))
    return Refusal(request, subject, "parcel-not-found")


async def test_failing_audit_does_not_change_the_answer(harness: DeliveryHarness, capsys: pytest.CaptureFixture[str]) -> None:
    async with harness.raising("rapid_care.audit", "53100", times=1):
        assert await read(harness, new_id()) == 404

    assert await refused(harness) == []
    assert "audit.refusal-lost" in capsys.readouterr().out


async def test_search_without_result_is_audited_without_the_number(owner_url: str, keys: Keys) -> None:
    number = "9990548609"
    async with referrals(owner_url, keys, MONDAY) as client:
        staff = client.context.token("referrals:handle")
        found = await client.context.http.post("/referrals/people/search", json={"nhs_number": number}, headers=staff)
        rows = await client.context.database.pool.fetch("SELECT subject, refusal FROM audit")
        text = await client.context.database.pool.fetchval("SELECT string_agg(audit::text, ' ') FROM audit")

    assert found.json()["items"] == []
    assert [tuple(row) for row in rows] == [(person_id(b64decode(keys.person_id_secret), number), "nothing-found")]
    assert number not in text
