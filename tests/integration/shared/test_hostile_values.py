"""Odd values reach the database of each context: a request stores its value in the normal form, or changes nothing.

The values that every field must refuse are in tests/unit/shared/web/test_hostile_fields.py. Each field gets every fifth value, so that a
run takes less than two minutes; neighbouring fields of a kind complete the list.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import httpx
import pytest

from infra.contexts import CONTEXTS, prefix
from infra.dev_stack.dev_secrets import Keys
from infra.dev_stack.scopes import SCOPES
from shared.kernel.ids import new_id
from tests.builders.context_app import TABLES, RunningContext
from tests.builders.hostile_requests import HostileRequest, hostile_requests
from tests.builders.hostile_values import TYPED_NUMBERS, WRONG_NUMBERS
from tests.builders.mdt import MONDAY as MONDAY_OF_THE_MEETING
from tests.builders.mdt import Patient, mdt, meetings
from tests.builders.navigation import NAVIGATOR, mr_dales_record, navigation
from tests.builders.operations import Operation, operations
from tests.builders.rapid_care import NURSE, at, rapid_care
from tests.builders.referrals import MONDAY, referrals

_STRIDE = 5
UNKNOWN_ID = "0193a1f0-0000-7000-8000-000000000001"


@dataclass(frozen=True)
class SeededContext:
    """A context with at least two things in each list. `ids` are path and query parameters by name."""

    context: RunningContext
    ids: Mapping[str, str]

    def new_key(self) -> dict[str, str]:
        return {"Idempotency-Key": str(new_id())}

    async def described(self, name: str) -> list[Operation]:
        return list(operations((await self.context.http.get(f"{prefix(name)}/openapi.json")).json()))

    def ids_of(self, operation: Operation) -> dict[str, str]:
        return {name: self.ids.get(name, UNKNOWN_ID) for name in operation.names_in_path()}


@asynccontextmanager
async def seeded_referrals(owner_url: str, keys: Keys) -> AsyncIterator[SeededContext]:
    async with referrals(owner_url, keys, MONDAY) as client:
        sent, _ = await client.refer(caller=client.gp("CLCH")), await client.refer(reason="falls")
        person_id = await client.context.database.pool.fetchval("SELECT person_id FROM referral LIMIT 1")
        yield SeededContext(client.context, {"referral_id": sent["id"], "person_id": str(person_id)})


@asynccontextmanager
async def seeded_rapid_care(owner_url: str, keys: Keys) -> AsyncIterator[SeededContext]:
    async with rapid_care(owner_url, keys, at("14:00")) as team:
        response_id, _ = await team.receive_referral(), await team.receive_referral()
        yield SeededContext(team.context, {"response_id": str(response_id), "clinician_id": NURSE})


@asynccontextmanager
async def seeded_mdt(owner_url: str, keys: Keys) -> AsyncIterator[SeededContext]:
    async with mdt(owner_url, keys, MONDAY_OF_THE_MEETING) as context:
        patient, waiting = await Patient.discussed(context), await Patient.referred(context)
        lead, plan, case, diary = (await patient.leads())[0], await patient.plan(), await waiting.case(), await meetings(context)
        ids = {"case_id": case["id"], "person_id": str(patient.person_id), "lead_id": lead["id"], "care_plan_id": plan["id"]}
        ids |= {"meeting_id": diary[0]["id"], "notification_id": "1"}
        yield SeededContext(context, ids | {"practice": "W07", "professional_id": "clch-community-nurse-1"})


@asynccontextmanager
async def seeded_navigation(owner_url: str, keys: Keys) -> AsyncIterator[SeededContext]:
    async with navigation(owner_url, keys) as client:
        await client.register(NAVIGATOR)
        person_id, _ = await client.plan()
        await client.publish(mr_dales_record(), person=person_id, subject=person_id)
        task, *_ = await client.tasks()
        yield SeededContext(client.context, {"task_id": task["id"], "person_id": str(person_id), "navigator_id": NAVIGATOR})


Open = Callable[[str, Keys], AbstractAsyncContextManager[SeededContext]]
OPEN: dict[str, Open] = {
    "referrals": seeded_referrals,
    "rapid_care": seeded_rapid_care,
    "mdt": seeded_mdt,
    "navigation": seeded_navigation,
}


@pytest.mark.parametrize("name", CONTEXTS)
async def test_odd_value_is_accepted_or_changes_nothing(owner_url: str, keys: Keys, name: str) -> None:
    async with OPEN[name](owner_url, keys) as seeded:
        faults = [fault for operation in await seeded.described(name) for fault in await _faults(seeded, operation)]

    assert faults == []


@pytest.mark.parametrize("name", CONTEXTS)
async def test_next_of_every_list_is_followed_literally(owner_url: str, keys: Keys, name: str) -> None:
    async with OPEN[name](owner_url, keys) as seeded:
        lists = [each for each in await seeded.described(name) if any(parameter == "cursor" for parameter, _ in each.query_parameters())]
        pages = {each.name: await _pages(seeded, each) for each in lists}

    assert {list_: [page.status_code for page in found] for list_, found in pages.items()} == {
        list_: [200] * len(found) for list_, found in pages.items()
    }
    assert any(len(found) > 1 for found in pages.values())


@pytest.mark.parametrize("number", [*TYPED_NUMBERS, *WRONG_NUMBERS, None])
async def test_urgent_referral_is_accepted_with_any_number(owner_url: str, keys: Keys, number: str | None) -> None:
    async with referrals(owner_url, keys, MONDAY) as client:
        response = await client.try_refer(urgency="urgent", condition="fall", nhs_number=number)

    assert response.status_code == 201, response.text


async def test_typed_forms_of_a_number_are_one_person(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as client:
        for number in TYPED_NUMBERS:
            await client.refer(urgency="urgent", condition="fall", nhs_number=number)
        people = await client.context.database.pool.fetchval("SELECT count(*) FROM person")

    assert people == 1


def _sample(operation: Operation) -> Iterator[HostileRequest]:
    odd = (each for each in hostile_requests(operation) if not each.value.is_refused)
    for number, (_, values) in enumerate(groupby(odd, key=lambda each: each.pointer)):
        yield from list(values)[number % _STRIDE :: _STRIDE]


async def _faults(seeded: SeededContext, operation: Operation) -> list[str]:
    """The contents and the version are read again after each request that changed something."""
    faults, before, headers = [], await _stored(seeded.context), await _headers(seeded, operation)
    for request in _sample(operation):
        response = await request.send(seeded.context.http, seeded.ids_of(operation), headers | seeded.new_key())
        after = await _stored(seeded.context)
        if response.is_success:
            before, headers = after, await _headers(seeded, operation)
        fault = request.fault(response) or (None if after == before else f"{request}: stored")
        faults += [fault] if fault else []
    return faults


async def _headers(seeded: SeededContext, operation: Operation) -> dict[str, str]:
    """The headers of a caller, with the present version of the resource when the operation needs it."""
    caller = seeded.context.token(*SCOPES)
    if not operation.needs("if-match"):
        return caller
    resource = operation.path.rpartition("/")[0] if operation.method == "POST" else operation.path
    found = await seeded.context.http.get(resource.format(**seeded.ids_of(operation)), headers=caller)
    return caller | {"If-Match": found.headers.get("etag", 'W/"1"')}


async def _stored(context: RunningContext) -> list[Any]:
    """The number of rows of every table but the audit, which also records refusals."""
    pool = context.database.pool
    names = sorted(name for (name,) in await pool.fetch(TABLES) if name != "audit")
    counts = ", ".join(f'(SELECT count(*) FROM "{name}")' for name in names)  # noqa: S608  names of the catalogue
    return list(await pool.fetch(f"SELECT {counts}"))


async def _pages(seeded: SeededContext, operation: Operation) -> list[httpx.Response]:
    """Up to four pages of one item; `next` is appended to the address as it is."""
    required = "".join(f"&{name}={seeded.ids.get(name, value)}" for name, value in operation.query().items())
    address = f"{operation.path.format(**seeded.ids_of(operation))}?limit=1{required}"
    caller = seeded.context.token(*SCOPES)
    pages = [await seeded.context.http.get(address, headers=caller)]
    while len(pages) < 4 and (following := pages[-1].json().get("next")):
        pages.append(await seeded.context.http.get(f"{address}&cursor={following}", headers=caller))
    return pages
