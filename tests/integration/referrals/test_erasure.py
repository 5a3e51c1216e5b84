"""The Community Point of Access erases the records under all ids of a person, for `care erase`."""

from typing import Any
from uuid import UUID

import pytest

from services.referrals.domain.erasure import ErasureNotFound, OwnErasure
from services.referrals.handlers.erasure import approve_erasure, certify_erasure, request_erasure
from shared.contracts.persons import PersonRecordRecorded
from shared.kernel.actor import Actor
from shared.kernel.ids import PersonId, new_id
from shared.persistence.transaction import Cause, RequestContext
from tests.builders.referrals import DALE, ReferralsClient

_WORDS = "SELECT p::text AS row FROM person AS p"


def _acting(name: str, action: str, organisation: str = "CLCH", issuer: str = "care") -> RequestContext:
    return RequestContext(Actor(name, organisation, "information-governance", issuer=issuer), Cause(action))


async def _merged(client: ReferralsClient) -> tuple[str, str]:
    """A person without a number, and the record of the number that they turned out to have."""
    story = {"narrative": "He fell in the street.", "contacts": [{"name": "Peter", "relationship": "son"}]}
    urgent = {"urgency": "urgent", "reason": "urgent-deterioration", "condition": "pneumonia"}
    sent = await client.refer(nhs_number=None, story=story, caller=client.ambulance, **urgent)
    path = f"/people/{sent['person_id']}"
    version = (await client.get(f"{path}/identity")).json()["version"]
    verified = await client.post(f"{path}/verification", {"nhs_number": DALE}, version=version)
    assert verified.status_code == 200, verified.text
    return sent["person_id"], verified.json()["merged_into"]


async def _rows(client: ReferralsClient) -> str:
    return str([row["row"] for row in await client.context.database.pool.fetch(_WORDS)])


async def test_every_record_of_a_merged_person_is_erased(client: ReferralsClient) -> None:
    merged, survivor = await _merged(client)
    database: Any = client.context.database
    assert "fell in the street" in await _rows(client)

    async with database.transaction(_acting("officer", "request erasure")) as tx:
        requested = await request_erasure(new_id(), PersonId(UUID(merged)), "asked", tx=tx)
    assert "fell in the street" in await _rows(client)
    async with database.transaction(_acting("caldicott", "approve erasure")) as tx:
        erasure, people = await approve_erasure(requested.person_id, requested.id, tx=tx)
    async with database.transaction(_acting("caldicott", "certify erasure")) as tx:
        await certify_erasure(erasure, {"people": len(people)}, tx=tx)

    assert {str(each) for each in people} == {survivor, merged}
    rows = await _rows(client)
    assert [word for word in ("fell in the street", "Dale", "Peter", "Oakleigh") if word in rows] == []
    published = await client.context.published(PersonRecordRecorded)
    assert [(event.nhs_number, event.given_name, event.story.narrative) for event in published[-2:]] == [(None, *["not given"] * 2)] * 2


@pytest.mark.parametrize("organisation", ["CLCH", "LBB"])
async def test_requester_approves_no_erasure_in_any_organisation(client: ReferralsClient, organisation: str) -> None:
    """An issuer may give a person with two posts one subject."""
    sent, database = await client.refer(), client.context.database

    async with database.transaction(_acting("officer", "request erasure")) as tx:
        requested = await request_erasure(new_id(), PersonId(UUID(sent["person_id"])), "asked", tx=tx)
    with pytest.raises(OwnErasure):
        async with database.transaction(_acting("officer", "approve erasure", organisation)) as tx:
            await approve_erasure(requested.person_id, requested.id, tx=tx)

    assert "Dale" in await _rows(client)


async def test_same_subject_of_another_issuer_approves_an_erasure(client: ReferralsClient) -> None:
    sent, database = await client.refer(), client.context.database

    async with database.transaction(_acting("officer", "request erasure")) as tx:
        requested = await request_erasure(new_id(), PersonId(UUID(sent["person_id"])), "asked", tx=tx)
    async with database.transaction(_acting("officer", "approve erasure", issuer="other")) as tx:
        erasure, _ = await approve_erasure(requested.person_id, requested.id, tx=tx)

    assert (erasure.requested_by, erasure.approved_by) == ("care CLCH officer", "other CLCH officer")


async def test_erasure_of_another_person_is_not_found(client: ReferralsClient) -> None:
    first, second = await client.refer(), new_id()
    database: Any = client.context.database

    async with database.transaction(_acting("officer", "request erasure")) as tx:
        requested = await request_erasure(new_id(), PersonId(UUID(first["person_id"])), "asked", tx=tx)
    with pytest.raises(ErasureNotFound):
        async with database.transaction(_acting("caldicott", "approve erasure")) as tx:
            await approve_erasure(PersonId(second), requested.id, tx=tx)
