"""Concurrent changes on the real database: the row lock decides, and each change is complete or absent."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx

from services.rapid_care import subscriptions
from services.rapid_care.domain.response import Status
from shared.contracts.rapid_care import ResponseAccepted, ResponseBreachCleared, ResponseBreached, ResponseContacted, ResponseRequested
from shared.kernel.ids import new_id
from shared.messaging.event_processor import EventProcessor
from tests.builders.context_app import arrived, repeated
from tests.builders.rapid_care import RapidCareClient, a_routed_referral, at

_WAITERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@asynccontextmanager
async def _locked(team: RapidCareClient, response_id: UUID) -> AsyncIterator[None]:
    """Locks the response's row from another connection."""
    async with team.context.database.pool.acquire() as connection, connection.transaction():
        await connection.fetchrow("SELECT 1 FROM response WHERE id = $1 FOR UPDATE", response_id)
        yield


async def _queued(team: RapidCareClient, act: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    """Starts `act`, and returns when it waits for a lock behind those started before."""
    before = await team.context.database.pool.fetchval(_WAITERS)
    task = asyncio.create_task(act)
    while await team.context.database.pool.fetchval(_WAITERS) <= before:
        await asyncio.sleep(0.005)
    return task


async def _overdue(team: RapidCareClient) -> UUID:
    """A response with a clinician on the way and a breach that is due but has not fired."""
    response_id = await team.receive_referral()
    await team.advance(response_id, Status.EN_ROUTE)
    await team.context.let_pass(timedelta(hours=2))
    team.context.clock.advance(timedelta(minutes=5))
    return response_id


async def _contact(team: RapidCareClient, response_id: UUID, version: int) -> httpx.Response:
    return await team.try_command(response_id, "first-contact", version=version, contacted_at=at("15:58").isoformat())


async def test_contact_before_breach_leaves_no_breach(team: RapidCareClient) -> None:
    response_id = await _overdue(team)
    version = (await team.read(response_id))["version"]

    async with _locked(team, response_id):
        contacting = await _queued(team, _contact(team, response_id, version))
        breaching = await _queued(team, team.context.scheduler.process_due())
    http_response, _ = await asyncio.gather(contacting, breaching)

    assert (http_response.status_code, http_response.json()["clock"]) == (200, "met")
    assert await team.context.published(ResponseBreached) == []
    assert len(await team.context.published(ResponseContacted)) == 1


async def test_breach_before_contact_is_cleared(team: RapidCareClient) -> None:
    response_id = await _overdue(team)
    version = (await team.read(response_id))["version"]

    async with _locked(team, response_id):
        breaching = await _queued(team, team.context.scheduler.process_due())
        contacting = await _queued(team, _contact(team, response_id, version))
    _, stale = await asyncio.gather(breaching, contacting)
    again = await _contact(team, response_id, version + 1)

    assert (stale.status_code, stale.json()["code"]) == (412, "version-conflict")
    assert (again.status_code, again.json()["clock"], again.json()["breached_at"]) == (200, "met", None)
    assert len(await team.context.published(ResponseBreached)) == 1
    assert len(await team.context.published(ResponseBreachCleared)) == 1


async def test_concurrent_acceptances_have_one_effect(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()

    async with _locked(team, response_id):
        rivals = [await _queued(team, team.try_command(response_id, "acceptance", version=1)) for _ in range(2)]
    http_responses = await asyncio.gather(*rivals)

    assert [http_response.status_code for http_response in http_responses] == [200, 200]  # the second finds itself carried out (D7)
    assert len(await team.context.published(ResponseAccepted)) == 1


async def test_concurrent_duplicate_events_create_one_response(team: RapidCareClient) -> None:
    database = team.context.database
    record = arrived(a_routed_referral(at("14:00")), key=new_id(), subject=new_id(), secrets=database.secrets)

    await asyncio.gather(*(EventProcessor(database, subscriptions.SUBSCRIPTIONS).apply([each]) for each in repeated(record, 4)))

    assert len(await team.context.published(ResponseRequested)) == 1
    assert await database.pool.fetchval("SELECT count(*) FROM response") == 1


async def test_concurrent_assignments_choose_different_clinicians(team: RapidCareClient) -> None:
    await team.roster("nurse-1", "emergency-nurse-practitioner")
    await team.roster("nurse-2", "emergency-nurse-practitioner")
    response_ids = [await team.receive_referral() for _ in range(2)]
    for response_id in response_ids:
        await team.advance(response_id, Status.ACCEPTED)

    views = await asyncio.gather(*(team.command(response_id, "assignment") for response_id in response_ids))

    assert sorted(view["clinician_id"] for view in views) == ["nurse-1", "nurse-2"]


async def test_concurrent_referrals_are_each_counted(team: RapidCareClient) -> None:
    database = team.context.database
    records = [arrived(a_routed_referral(at("14:00")), key=new_id(), subject=new_id(), secrets=database.secrets) for _ in range(6)]

    await asyncio.gather(*(EventProcessor(database, subscriptions.SUBSCRIPTIONS).apply([record]) for record in records))

    assert await database.pool.fetchval("SELECT referrals FROM monthly_referral_count") == 6


async def test_assignment_that_waits_for_duty_change_is_refused(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()
    accepted = await team.advance(response_id, Status.ACCEPTED)
    entry = {"skills": ["emergency-nurse-practitioner"], "is_on_duty": False}
    path, headers = "/rapid-care/clinicians/nurse-1", team.staff | {"If-Match": 'W/"1"'}

    async with team.context.database.pool.acquire() as connection, connection.transaction():
        await connection.fetchrow("SELECT 1 FROM clinician WHERE id = 'nurse-1' FOR UPDATE")
        leaving = await _queued(team, team.context.http.put(path, headers=headers, json=entry))
        assigning = await _queued(team, team.try_command(response_id, "assignment", version=accepted["version"], clinician_id="nurse-1"))
    left, refused = await asyncio.gather(leaving, assigning)

    assert (left.status_code, refused.status_code, refused.json()["code"]) == (200, 409, "clinician-off-duty")
    assert (await team.read(response_id))["clinician_id"] is None


async def test_duty_change_that_waits_for_assignment_unassigns_it(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()
    accepted = await team.advance(response_id, Status.ACCEPTED)
    entry = {"skills": ["emergency-nurse-practitioner"], "is_on_duty": False}
    path, headers = "/rapid-care/clinicians/nurse-1", team.staff | {"If-Match": 'W/"1"'}

    async with _locked(team, response_id):
        assigning = await _queued(team, team.try_command(response_id, "assignment", version=accepted["version"], clinician_id="nurse-1"))
        leaving = await _queued(team, team.context.http.put(path, headers=headers, json=entry))
    assigned, left = await asyncio.gather(assigning, leaving)

    assert (assigned.status_code, left.status_code) == (200, 200)
    unassigned = await team.read(response_id)
    assert (unassigned["status"], unassigned["clinician_id"]) == ("accepted", None)
