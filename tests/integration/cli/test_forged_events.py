"""Finding C5: a program with access to Kafka, and without the keys of the product, makes no outsider a person's lead."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from infra.contexts import CONTEXTS
from shared.clock import wall_clock
from shared.contracts.codes import Role
from shared.contracts.envelope import Envelope, to_headers
from shared.contracts.event import Event
from shared.contracts.mdt import LeadActivated
from shared.kernel.ids import new_id
from tests.builders.referral_request import REFERRAL
from tests.integration.cli.care_process import Result, RunningProduct
from tests.integration.cli.kafka_access import send
from tests.timeouts import LONGEST_WAIT

_READERS = ("referrals", "navigation")
_NUMBER = "9990010005"


@dataclass(frozen=True)
class Attack:
    """A running product with a referred person, and the connection of an auditor who sees everything."""

    product: RunningProduct
    owner: "asyncpg.Connection[asyncpg.Record]"
    person: UUID

    async def until(self, query: str, *values: object) -> Any:
        async with asyncio.timeout(LONGEST_WAIT):
            while not (found := await self.owner.fetchval(query, *values)):
                await asyncio.sleep(0.1)
        return found

    async def care(self, *arguments: str) -> Result:
        return await self.product.workspace.run(*arguments, "--name", self.product.name)

    async def send(self, event: Event, identity: UUID, subject: UUID) -> None:
        """Sends an event that no context wrote; every consumer has read it when this returns."""
        now = wall_clock()
        envelope = Envelope(identity, event.TYPE, "/care/mdt", str(subject), "", 1, now, now, new_id(), None, "CARE", "system", None)
        await send(self.product, event.TOPIC, event.model_dump_json().encode(), str(self.person).encode(), to_headers(envelope))
        for context in _READERS:
            await self.until(f"SELECT count(*) FROM {context}.parked WHERE key = $1", str(self.person).encode())  # noqa: S608

    async def parked(self, context: str) -> asyncpg.Record:
        """The forged record in a context."""
        (row,) = await self.owner.fetch(f"SELECT * FROM {context}.parked WHERE key = $1", str(self.person).encode())  # noqa: S608
        return row


@pytest.fixture
async def attack(product: RunningProduct) -> AsyncIterator[Attack]:
    owner = await asyncpg.connect(product.workspace.database_url)
    body = {**REFERRAL, "nhs_number": _NUMBER, "story": {"narrative": "Short of breath.", "contacts": []}}
    async with httpx.AsyncClient(base_url=product.url) as http:
        headers = {"Authorization": f"Bearer {product.token('GP')}", "Idempotency-Key": str(new_id())}
        referral = UUID((await http.post("/referrals", json=body, headers=headers)).json()["id"])
    person = await owner.fetchval("SELECT person_id FROM referrals.referral WHERE id = $1", referral)
    yield Attack(product, owner, person)
    for context in CONTEXTS:
        await owner.execute(f"DELETE FROM {context}.parked")  # noqa: S608 (a fixed name)
    await owner.close()


def an_outsider() -> LeadActivated:
    return LeadActivated(
        professional_id="mallory", role=Role.SOCIAL_WORKER, organisation="EVIL", is_fallback=False, activated_at=wall_clock()
    )


async def test_forged_lead_is_no_lead_and_can_be_discarded(attack: Attack) -> None:
    identity = new_id()
    await attack.send(an_outsider(), identity, new_id())

    for context in _READERS:
        parked = await attack.parked(context)
        listed = await attack.care("parked", context)
        replayed = await attack.care("replay", context, str(parked["id"]))
        assert (parked["is_authentic"], parked["blocks_key"]) == (False, False)
        assert "the record has no MAC" in listed.out
        assert f"Record {parked['id']} is not applied: the record has no MAC." in replayed.refusal
        assert await attack.owner.fetchval(f"SELECT count(*) FROM {context}.lead") == 0  # noqa: S608
        discarded = await attack.care("parked", context, "--discard", str(parked["id"]), "--reason", "forged, see incident 7")
        assert discarded.out.startswith(f"Discarded: {parked['id']} (mdt.lead, partition "), discarded.err
        assert await attack.owner.fetchval(f"SELECT count(*) FROM {context}.parked WHERE id = $1", parked["id"]) == 0  # noqa: S608


async def test_forged_event_delays_no_event_of_the_person(attack: Attack) -> None:
    await attack.send(an_outsider(), new_id(), new_id())
    body = {**REFERRAL, "nhs_number": _NUMBER, "story": {"narrative": "She fell again this morning.", "contacts": []}}
    async with httpx.AsyncClient(base_url=attack.product.url) as http:
        headers = {"Authorization": f"Bearer {attack.product.token('GP')}", "Idempotency-Key": str(new_id())}
        assert (await http.post("/referrals", json=body, headers=headers)).status_code == 201

    newest = await attack.owner.fetchval(
        "SELECT id FROM referrals.event WHERE type = 'referrals.person-record.recorded.v1' AND key = $1 ORDER BY seq DESC LIMIT 1",
        attack.person,
    )
    assert await attack.until("SELECT count(*) FROM navigation.inbox WHERE event_id = $1", newest)


async def test_forgery_bearing_the_id_of_an_event_hides_none(attack: Attack) -> None:
    """An attacker replaced an event at the broker: the operator may not discard the copy before the event itself was applied."""
    event_id = await attack.until(
        "SELECT id FROM referrals.event WHERE type = 'referrals.person-record.recorded.v1' AND key = $1", attack.person
    )
    await attack.until("SELECT count(*) FROM navigation.inbox WHERE event_id = $1", event_id)
    await attack.send(an_outsider(), event_id, new_id())
    parked = (await attack.parked("navigation"))["id"]
    discard = ("parked", "navigation", "--discard", str(parked), "--reason", "forged")

    (row,) = await attack.owner.fetch("DELETE FROM navigation.inbox WHERE event_id = $1 RETURNING *", event_id)
    refused = await attack.care(*discard)
    await attack.owner.execute("INSERT INTO navigation.inbox VALUES ($1, $2, $3, $4)", *row)
    discarded = await attack.care(*discard)

    assert "navigation has not applied the event whose id record" in refused.refusal
    assert "care republish referrals" in refused.refusal
    assert discarded.out.startswith(f"Discarded: {parked} ("), discarded.err
