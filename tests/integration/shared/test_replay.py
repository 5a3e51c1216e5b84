"""A replay and a consumer process one key concurrently: the order holds and no record stays parked."""

import asyncio
from dataclasses import replace

from infra.operations.replay import replay
from shared.contracts.envelope import Record
from shared.kernel.ids import new_id
from shared.messaging.event_processor import EventProcessor
from shared.persistence import parked_records
from shared.persistence.parked_records import ParkedRecord
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.effect_context import RECEIVING
from tests.integration.shared.processor_harness import POISON, create_processor, parked_reasons, subjects


async def _of_one_key(harness: DeliveryHarness) -> list[Record]:
    """Two records, the first of them parked, whose handler no longer fails."""
    harness.behaviour.failing.add(POISON)
    person = new_id()
    await harness.send(person, POISON)
    await harness.send(person)
    records = await harness.records()
    await create_processor(harness).apply(records[:1])
    harness.behaviour.failing.clear()
    return records


async def _parked(harness: DeliveryHarness) -> list[ParkedRecord]:
    async with harness.receiver.database.read_only() as reader:
        return await parked_records.waiting(reader)


async def test_event_arriving_during_replay_is_applied_after_it(harness: DeliveryHarness) -> None:
    _, second = await _of_one_key(harness)
    (first,) = await _parked(harness)

    async with harness.receiver.database.transaction() as tx:
        await parked_records.remove(tx, first)
        arriving = asyncio.create_task(EventProcessor(harness.receiver.database, RECEIVING).apply([second]))
        await harness.until_waiting("transactionid")
        assert not arriving.done()
    await arriving

    assert len(await subjects(harness)) == 1
    assert await parked_reasons(harness) == []


async def test_replay_applies_records_parked_during_it(harness: DeliveryHarness) -> None:
    _, second = await _of_one_key(harness)
    chosen = await _parked(harness)

    async with harness.receiver.database.transaction() as tx:
        assert await parked_records.blocked_keys(tx, [second.key or b""]) == {second.key}
        replaying = asyncio.create_task(replay(harness.receiver.database, RECEIVING, chosen))
        await harness.until_waiting("transactionid")
        assert not replaying.done()
        await parked_records.park(tx, second, parked_records.BEHIND)
    done = await replaying

    assert (done.applied, done.failed) == (2, [])
    assert len(await subjects(harness)) == 2
    assert await parked_reasons(harness) == []


async def test_replay_continues_with_other_keys_after_failure(harness: DeliveryHarness) -> None:
    harness.behaviour.failing.add(POISON)
    for _ in range(2):
        await harness.send(condition=POISON)
    await create_processor(harness).apply(await harness.records())

    done = await replay(harness.receiver.database, RECEIVING, await _parked(harness))

    assert done.applied == 0
    assert len(done.failed) == 2
    assert len(await parked_reasons(harness)) == 2


async def test_replay_leaves_undecodable_record_and_applies_later_ones(harness: DeliveryHarness) -> None:
    harness.behaviour.failing.add(POISON)
    person = new_id()
    await harness.send(person)
    await harness.send(person, POISON)
    await harness.send(person)
    empty, *others = await harness.records()
    await create_processor(harness).apply([harness.signed(replace(empty, value=None)), *others])
    harness.behaviour.failing.clear()

    done = await replay(harness.receiver.database, RECEIVING, await _parked(harness))

    assert (done.applied, done.is_blocked) == (2, False)
    (stays,) = await _parked(harness)
    assert done.failed == [f"Record {stays.id} stays undecodable: the record has no value."]


async def test_replay_removes_parked_records_without_subscription(harness: DeliveryHarness) -> None:
    await harness.send()
    (record,) = await harness.records()
    async with harness.receiver.database.transaction() as tx:
        await parked_records.park(
            tx, replace(record, headers=(("ce_type", b"referrals.referral.received.v1"),)), "envelope: ce_id is absent"
        )
    (only,) = await _parked(harness)

    await create_processor(harness).replay(only)

    assert await parked_reasons(harness) == []
    assert await harness.count("navigation.inbox") == 0
