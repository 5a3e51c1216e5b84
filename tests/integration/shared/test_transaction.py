"""A command commits its state, events, deadlines and audit rows together; of two writers one wins."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from shared.contracts.care_plans import CarePlanRecorded
from shared.contracts.codes import PlaceOfCare
from shared.contracts.rapid_care import CapacityLevel, CapacityWarned
from shared.kernel.decision import Deadline, Decision
from shared.kernel.errors import VersionConflict
from shared.kernel.ids import new_id
from shared.persistence.transaction import EventSubject, RequestContext, Transaction
from tests.integration.shared.delivery_harness import NOW, DeliveryHarness
from tests.integration.shared.parcel_context import REMINDER, Parcel, a_parcel, parcels, requested, send

PARCEL_TABLES = ("parcel", "event", "outbox", "deadline", "audit")


async def left(harness: DeliveryHarness) -> dict[str, int]:
    return {table: await harness.count(f"rapid_care.{table}") for table in PARCEL_TABLES}


async def test_command_commits_all_its_rows_together(harness: DeliveryHarness) -> None:
    assert (await harness.post()).status_code == 201

    assert await left(harness) == dict.fromkeys(PARCEL_TABLES, 1)


async def test_failed_commit_returns_an_error(harness: DeliveryHarness) -> None:
    async with harness.raising("rapid_care.parcel", "P0001", at_commit=True):
        response = await harness.post()

    assert (response.status_code, response.json()["code"]) == (500, "internal-error")
    assert await left(harness) == dict.fromkeys(PARCEL_TABLES, 0)


async def test_contention_at_commit_is_temporarily_unavailable(harness: DeliveryHarness) -> None:
    async with harness.raising("rapid_care.parcel", "40001", at_commit=True, times=1):
        response = await harness.post()

    assert (response.status_code, response.json()["code"], response.headers["retry-after"]) == (503, "temporarily-unavailable", "1")
    assert await left(harness) == dict.fromkeys(PARCEL_TABLES, 0)


async def test_one_of_concurrent_commands_on_aggregate_wins(harness: DeliveryHarness) -> None:
    parcel = (await harness.post()).json()

    responses = await asyncio.gather(*(harness.accept(parcel["id"], 1) for _ in range(6)))

    assert sorted(response.status_code for response in responses) == [200, 412, 412, 412, 412, 412]
    assert {response.json()["code"] for response in responses if response.status_code == 412} == {"version-conflict"}
    assert await harness.count("rapid_care.event", "type = 'rapid-care.response.accepted.v1'") == 1


async def test_concurrent_writers_leave_no_sequence_gap(harness: DeliveryHarness) -> None:
    parcel = await harness.send()

    async def request() -> None:
        async with harness.sender.database.transaction() as tx:
            found = await parcels.load(tx, parcel.id)
            await parcels.save(tx, Decision(found, [requested(found, NOW)]))

    await asyncio.gather(*(request() for _ in range(6)))

    rows = await harness.owner.fetch("SELECT sequence FROM rapid_care.event WHERE subject = $1 ORDER BY seq", parcel.id)
    assert [row["sequence"] for row in rows] == [1, 2, 3, 4, 5, 6, 7]


async def test_concurrent_inserts_of_one_id_conflict(harness: DeliveryHarness) -> None:
    parcel = a_parcel(NOW)

    async def make() -> Parcel:
        async with harness.sender.database.transaction() as tx:
            return await send(tx, parcel)

    results = await asyncio.gather(make(), make(), return_exceptions=True)

    assert [type(result) for result in results if isinstance(result, Exception)] == [VersionConflict]


async def test_side_topic_has_its_own_sequence(harness: DeliveryHarness) -> None:
    parcel = await harness.send()
    written = CarePlanRecorded(
        care_plan_id=parcel.id, plan_version=1, preferred_place_of_care=PlaceOfCare.HOME, what_matters="the garden", crisis=None
    )

    for _ in range(2):
        async with harness.sender.database.transaction() as tx:
            found = await parcels.load(tx, parcel.id)
            await parcels.save(tx, Decision(found, [written, requested(found, NOW), written]))

    rows = await harness.owner.fetch("SELECT sequence FROM rapid_care.event WHERE topic = 'mdt.care-plan-record' ORDER BY seq")
    assert [row["sequence"] for row in rows] == [1, 2, 3, 4]


async def test_prunable_side_topic_with_sequence_is_refused(harness: DeliveryHarness) -> None:
    """A pruned month would remove the last sequence number."""
    warned = CapacityWarned(month=NOW.date(), referrals=180, level=CapacityLevel.WARNING)
    decision = Decision(a_parcel(NOW), [requested(a_parcel(NOW), NOW), warned])

    async with harness.sender.database.transaction() as tx:
        with pytest.raises(ValueError, match="sequence of their own"):
            await parcels.save(tx, decision)


async def test_change_without_event_is_refused(harness: DeliveryHarness) -> None:
    parcel = await harness.send()

    with pytest.raises(ValueError, match="without an event"):
        async with harness.sender.database.transaction() as tx:
            await parcels.save(tx, Decision(await parcels.load(tx, parcel.id), []))


async def test_cancelled_deadline_can_be_set_again(harness: DeliveryHarness) -> None:
    parcel = await harness.send()
    about = EventSubject(parcel.id, parcel.person_id, parcel.correlation_id)
    async with harness.sender.database.transaction() as tx:
        tx.cancel_deadlines(parcel.id, REMINDER)
    assert await harness.count("rapid_care.deadline", "state = 'cancelled'") == 1

    async with harness.sender.database.transaction() as tx:
        tx.set_deadline(about, Deadline(REMINDER, parcel.due_at))
        tx.set_deadline(about, Deadline(REMINDER, parcel.due_at + timedelta(hours=1)))
        tx.cancel_deadlines(parcel.id, "another")

    assert await harness.count("rapid_care.deadline", "state = 'pending'") == 2


async def test_fired_deadline_can_be_set_again(harness: DeliveryHarness) -> None:
    """A later version of a plan may have the same day, whose deadline fired before."""
    parcel = await harness.send()
    await harness.owner.execute("UPDATE rapid_care.deadline SET state = 'fired', resolved_at = due_at WHERE subject = $1", parcel.id)

    for _ in range(2):
        async with harness.sender.database.transaction() as tx:
            tx.set_deadline(EventSubject(parcel.id, parcel.person_id, parcel.correlation_id), Deadline(REMINDER, parcel.due_at))

    rows = await harness.owner.fetch("SELECT state FROM rapid_care.deadline WHERE subject = $1 ORDER BY id", parcel.id)
    assert [row["state"] for row in rows] == ["fired", "pending"]


async def test_deadline_cancelled_in_its_transaction_is_not_stored(harness: DeliveryHarness) -> None:
    async with harness.sender.database.transaction() as tx:
        about = EventSubject(new_id(), new_id(), new_id())
        tx.set_deadline(about, Deadline(REMINDER, NOW))
        tx.cancel_deadlines(about.id, REMINDER)

    assert await harness.count("rapid_care.deadline") == 0


async def test_changes_and_reads_are_audited_with_caller(harness: DeliveryHarness) -> None:
    parcel = (await harness.post()).json()
    await harness.accept(parcel["id"], 1)
    await harness.sender.http.get(f"/parcels/{parcel['id']}", headers=harness.sender.token("parcels:send"))

    rows = await harness.owner.fetch("SELECT actor_id, actor_org, action, version FROM rapid_care.audit ORDER BY id")
    assert [tuple(row) for row in rows] == [
        ("clinician-1", "CLCH", "send_parcel", 1),
        ("clinician-1", "CLCH", "AcceptParcel", 2),
        ("clinician-1", "CLCH", "read_parcel", None),
    ]


@pytest.mark.parametrize("table", ["event", "audit"])
@pytest.mark.parametrize("change", ["UPDATE {table} SET actor_org = 'X'", "DELETE FROM {table}", "TRUNCATE {table}"])
async def test_context_role_cannot_change_log_or_audit(harness: DeliveryHarness, table: str, change: str) -> None:
    await harness.send()

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await harness.sender.database.pool.execute(change.format(table=table))


@pytest.mark.parametrize("schema", ["referrals", "mdt", "navigation"])
async def test_context_role_cannot_read_another_schema(harness: DeliveryHarness, schema: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await harness.sender.database.pool.execute(f"SELECT FROM {schema}.event")


async def test_context_role_cannot_create_tables(harness: DeliveryHarness) -> None:
    for schema in ("rapid_care", "public"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await harness.sender.database.pool.execute(f"CREATE TABLE {schema}.mine (id int)")


async def test_commands_keep_plans_and_reads_plan_for_their_values(harness: DeliveryHarness) -> None:
    database, request = harness.sender.api_database, RequestContext.of_system("test")

    async def plans(opened: AbstractAsyncContextManager[Transaction[Any]]) -> str:
        async with opened as tx:
            return str(await tx.driver.fetchval("SHOW plan_cache_mode"))

    assert await plans(database.transaction(request)) == "force_generic_plan"
    assert await plans(database.reading(request)) == "auto"
    assert await plans(database.across_people(request)) == "auto"
    assert await plans(harness.sender.database.transaction(request)) == "force_generic_plan"
    assert await plans(harness.sender.database.across_people(request)) == "auto"
