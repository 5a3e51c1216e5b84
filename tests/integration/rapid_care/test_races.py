"""Two at once on the real database: the row lock decides, and nothing is half done."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx

from infra.dev_stack.dev_secrets import Keys
from services.rapid_care import subscriptions
from services.rapid_care.domain.response import Status
from shared.contracts.rapid_care import ResponseAccepted, ResponseBreachCleared, ResponseBreached, ResponseContacted, ResponseRequested
from shared.kernel.ids import new_id
from shared.messaging.event_processor import EventProcessor
from tests.builders.context_app import arrived, repeated
from tests.builders.rapid_care import RapidCare, a_routed_referral, at, rapid_care

_WAITERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@asynccontextmanager
async def held(care: RapidCare, response_id: UUID) -> AsyncIterator[None]:
    """The response's row is locked by somebody else meanwhile."""
    async with care.context.database.pool.acquire() as connection, connection.transaction():
        await connection.fetchrow("SELECT 1 FROM response WHERE id = $1 FOR UPDATE", response_id)
        yield


async def queued(care: RapidCare, act: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    """Starts `act`, and returns when it waits for a lock behind those before it."""
    before = await care.context.database.pool.fetchval(_WAITERS)
    task = asyncio.create_task(act)
    while await care.context.database.pool.fetchval(_WAITERS) <= before:
        await asyncio.sleep(0.005)
    return task


async def overdue(care: RapidCare) -> UUID:
    """Somebody is on the way, the two hours are over, and the breach has yet to be acted on."""
    response_id = await care.routed()
    await care.bring(response_id, Status.EN_ROUTE)
    await care.context.let_pass(timedelta(hours=2))
    care.context.clock.advance(timedelta(minutes=5))
    return response_id


async def contact(care: RapidCare, response_id: UUID, version: int) -> httpx.Response:
    return await care.ask(response_id, "first-contact", version=version, contacted_at=at("15:58").isoformat())


async def test_a_contact_that_is_first_leaves_no_breach(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        response_id = await overdue(care)
        version = (await care.read(response_id))["version"]

        async with held(care, response_id):
            contacting = await queued(care, contact(care, response_id, version))
            breaching = await queued(care, care.context.timekeeper.process_due())
        answer, _ = await asyncio.gather(contacting, breaching)

        assert (answer.status_code, answer.json()["clock"]) == (200, "met")
        assert await care.context.published(ResponseBreached) == []
        assert len(await care.context.published(ResponseContacted)) == 1


async def test_a_breach_that_is_first_is_cleared_by_the_contact(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        response_id = await overdue(care)
        version = (await care.read(response_id))["version"]

        async with held(care, response_id):
            breaching = await queued(care, care.context.timekeeper.process_due())
            contacting = await queued(care, contact(care, response_id, version))
        _, stale = await asyncio.gather(breaching, contacting)
        again = await contact(care, response_id, version + 1)

        assert (stale.status_code, stale.json()["code"]) == (412, "version-conflict")
        assert (again.status_code, again.json()["clock"], again.json()["breached_at"]) == (200, "met", None)
        assert len(await care.context.published(ResponseBreached)) == 1
        assert len(await care.context.published(ResponseBreachCleared)) == 1


async def test_of_two_who_accept_at_once_one_is_told_that_the_other_was_first(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        response_id = await care.routed()

        async with held(care, response_id):
            rivals = [await queued(care, care.ask(response_id, "acceptance", version=1)) for _ in range(2)]
        answers = await asyncio.gather(*rivals)

        assert sorted(answer.status_code for answer in answers) == [200, 412]
        assert len(await care.context.published(ResponseAccepted)) == 1


async def test_one_event_taken_in_twice_at_once_makes_one_response(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        database = care.context.database
        record = arrived(a_routed_referral(at("14:00")), key=new_id(), subject=new_id(), secrets=database.secrets)

        await asyncio.gather(*(EventProcessor(database, subscriptions.SUBSCRIPTIONS).apply([each]) for each in repeated(record, 4)))

        assert len(await care.context.published(ResponseRequested)) == 1
        assert await database.pool.fetchval("SELECT count(*) FROM response") == 1


async def test_two_choices_at_once_send_two_clinicians(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        await care.roster("nurse-1", "emergency-nurse-practitioner")
        await care.roster("nurse-2", "emergency-nurse-practitioner")
        asked = [await care.routed() for _ in range(2)]
        for response_id in asked:
            await care.bring(response_id, Status.ACCEPTED)

        answers = await asyncio.gather(*(care.do(response_id, "assignment") for response_id in asked))

        assert sorted(answer["clinician_id"] for answer in answers) == ["nurse-1", "nurse-2"]


async def test_referrals_taken_in_at_once_are_each_counted(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        database = care.context.database
        records = [arrived(a_routed_referral(at("14:00")), key=new_id(), subject=new_id(), secrets=database.secrets) for _ in range(6)]

        await asyncio.gather(*(EventProcessor(database, subscriptions.SUBSCRIPTIONS).apply([record]) for record in records))

        assert await database.pool.fetchval("SELECT referrals FROM monthly_referral_count") == 6
