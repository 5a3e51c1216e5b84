"""One transaction per command: state, events, deadlines and audit together, or nothing; two writers, one winner."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from shared.contracts.codes import PlaceOfCare
from shared.contracts.mdt import CarePlanRecorded
from shared.contracts.rapid_care import CapacityLevel, CapacityWarned
from shared.kernel.decision import Deadline, Decision
from shared.kernel.errors import VersionConflict
from shared.kernel.ids import new_id
from shared.persistence.transaction import EventSubject
from tests.integration.shared.delivery_harness import NOW, DeliveryHarness
from tests.integration.shared.parcel_context import RING, Parcel, a_parcel, parcels, requested, send

WHAT_A_PARCEL_LEAVES = ("parcel", "event", "outbox", "deadline", "audit")


async def left(post: DeliveryHarness) -> dict[str, int]:
    return {table: await post.count(f"rapid_care.{table}") for table in WHAT_A_PARCEL_LEAVES}


async def test_a_command_writes_state_event_outbox_deadline_and_audit_together(post: DeliveryHarness) -> None:
    assert (await post.post()).status_code == 201

    assert await left(post) == dict.fromkeys(WHAT_A_PARCEL_LEAVES, 1)


async def test_an_answer_is_only_given_for_what_was_committed(post: DeliveryHarness) -> None:
    async with post.raising("rapid_care.parcel", "P0001", at_commit=True):
        answer = await post.post()

    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    assert await left(post) == dict.fromkeys(WHAT_A_PARCEL_LEAVES, 0)


async def test_contention_at_the_commit_is_no_fault_of_the_caller(post: DeliveryHarness) -> None:
    async with post.raising("rapid_care.parcel", "40001", at_commit=True, times=1):
        answer = await post.post()

    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "temporarily-unavailable", "1")
    assert await left(post) == dict.fromkeys(WHAT_A_PARCEL_LEAVES, 0)


async def test_of_two_commands_on_one_aggregate_at_once_one_wins(post: DeliveryHarness) -> None:
    parcel = (await post.post()).json()

    answers = await asyncio.gather(*(post.accept(parcel["id"], 1) for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412, 412]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 412} == {"version-conflict"}
    assert await post.count("rapid_care.event", "type = 'rapid-care.response.accepted.v1'") == 1


async def test_events_of_one_aggregate_are_counted_without_a_gap_however_many_write(post: DeliveryHarness) -> None:
    parcel = await post.send()

    async def ring() -> None:
        async with post.sender.database.transaction() as tx:
            found = await parcels.load(tx, parcel.id)
            await parcels.save(tx, Decision(found, [requested(found, NOW)]))

    await asyncio.gather(*(ring() for _ in range(6)))

    rows = await post.owner.fetch("SELECT sequence FROM rapid_care.event WHERE subject = $1 ORDER BY seq", parcel.id)
    assert [row["sequence"] for row in rows] == [1, 2, 3, 4, 5, 6, 7]


async def test_two_new_aggregates_of_one_id_at_once_are_one(post: DeliveryHarness) -> None:
    parcel = a_parcel(NOW)

    async def make() -> Parcel:
        async with post.sender.database.transaction() as tx:
            return await send(tx, parcel)

    results = await asyncio.gather(make(), make(), return_exceptions=True)

    assert [type(result) for result in results if isinstance(result, Exception)] == [VersionConflict]


async def test_events_on_a_side_topic_are_counted_for_themselves(post: DeliveryHarness) -> None:
    parcel = await post.send()
    written = CarePlanRecorded(
        care_plan_id=parcel.id, plan_version=1, preferred_place_of_care=PlaceOfCare.HOME, what_matters="the garden", crisis=None
    )

    for _ in range(2):
        async with post.sender.database.transaction() as tx:
            found = await parcels.load(tx, parcel.id)
            await parcels.save(tx, Decision(found, [written, requested(found, NOW), written]))

    rows = await post.owner.fetch("SELECT sequence FROM rapid_care.event WHERE topic = 'mdt.care-plan-record' ORDER BY seq")
    assert [row["sequence"] for row in rows] == [1, 2, 3, 4]


async def test_what_is_counted_in_the_log_is_kept_in_it_whole(post: DeliveryHarness) -> None:
    """A month that is gone would take the number with it."""
    warned = CapacityWarned(month=NOW.date(), referrals=180, level=CapacityLevel.WARNING)
    decision = Decision(a_parcel(NOW), [requested(a_parcel(NOW), NOW), warned])

    async with post.sender.database.transaction() as tx:
        with pytest.raises(ValueError, match="sequence of their own"):
            await parcels.save(tx, decision)


async def test_a_change_without_an_event_is_refused(post: DeliveryHarness) -> None:
    parcel = await post.send()

    with pytest.raises(ValueError, match="without an event"):
        async with post.sender.database.transaction() as tx:
            await parcels.save(tx, Decision(await parcels.load(tx, parcel.id), []))


async def test_a_deadline_that_is_cancelled_is_not_pending_and_can_be_set_again(post: DeliveryHarness) -> None:
    parcel = await post.send()
    about = EventSubject(parcel.id, parcel.person_id, parcel.correlation_id)
    async with post.sender.database.transaction() as tx:
        tx.cancel_deadlines(parcel.id, RING)
    assert await post.count("rapid_care.deadline", "state = 'cancelled'") == 1

    async with post.sender.database.transaction() as tx:
        tx.set_deadline(about, Deadline(RING, parcel.due_at))
        tx.set_deadline(about, Deadline(RING, parcel.due_at + timedelta(hours=1)))
        tx.cancel_deadlines(parcel.id, "another")

    assert await post.count("rapid_care.deadline", "state = 'pending'") == 2


async def test_a_deadline_set_and_cancelled_in_one_transaction_does_not_remain(post: DeliveryHarness) -> None:
    async with post.sender.database.transaction() as tx:
        about = EventSubject(new_id(), new_id(), new_id())
        tx.set_deadline(about, Deadline(RING, NOW))
        tx.cancel_deadlines(about.id, RING)

    assert await post.count("rapid_care.deadline") == 0


async def test_every_change_and_every_view_of_a_person_is_audited_with_its_caller(post: DeliveryHarness) -> None:
    parcel = (await post.post()).json()
    await post.accept(parcel["id"], 1)
    await post.sender.http.get(f"/parcels/{parcel['id']}", headers=post.sender.token("parcels:send"))

    rows = await post.owner.fetch("SELECT actor_id, actor_org, action, version FROM rapid_care.audit ORDER BY id")
    assert [tuple(row) for row in rows] == [
        ("clinician-1", "CLCH", "send_parcel", 1),
        ("clinician-1", "CLCH", "AcceptParcel", 2),
        ("clinician-1", "CLCH", "read_parcel", None),
    ]


@pytest.mark.parametrize("table", ["event", "audit"])
@pytest.mark.parametrize("change", ["UPDATE {table} SET actor_org = 'X'", "DELETE FROM {table}", "TRUNCATE {table}"])
async def test_nobody_but_the_owner_changes_what_was_recorded(post: DeliveryHarness, table: str, change: str) -> None:
    await post.send()

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await post.sender.database.pool.execute(change.format(table=table))


@pytest.mark.parametrize("schema", ["referrals", "mdt", "navigation"])
async def test_a_context_cannot_look_into_another_schema(post: DeliveryHarness, schema: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await post.sender.database.pool.execute(f"SELECT FROM {schema}.event")


async def test_a_context_cannot_make_tables(post: DeliveryHarness) -> None:
    for schema in ("rapid_care", "public"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await post.sender.database.pool.execute(f"CREATE TABLE {schema}.mine (id int)")
