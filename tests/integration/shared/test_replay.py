"""Replay and the consumer meet at one key: what arrives is applied after what waited, and nothing is left behind."""

import asyncio
from dataclasses import replace

from infra.operations.replay import replay
from shared.contracts.envelope import Record
from shared.kernel.ids import new_id
from shared.messaging.event_processor import EventProcessor
from shared.persistence import parked
from shared.persistence.parked import Parked
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.effect_context import RECEIVING
from tests.integration.shared.test_event_processor import POISON, impatient, subjects, waiting


async def _of_one_key(post: DeliveryHarness) -> list[Record]:
    """Two records; the first is parked, and what was wrong with it is mended."""
    post.behaviour.failing.add(POISON)
    person = new_id()
    await post.send(person, POISON)
    await post.send(person)
    records = await post.records()
    await impatient(post).apply(records[:1])
    post.behaviour.failing.clear()
    return records


async def _parked(post: DeliveryHarness) -> list[Parked]:
    async with post.receiver.database.read_only() as reader:
        return await parked.waiting(reader)


async def test_what_arrives_while_the_last_of_its_key_is_replayed_waits_for_that_and_is_applied(post: DeliveryHarness) -> None:
    _, second = await _of_one_key(post)
    (first,) = await _parked(post)

    async with post.receiver.database.transaction() as tx:
        await parked.remove(tx, first)
        arriving = asyncio.create_task(EventProcessor(post.receiver.database, RECEIVING).apply([second]))
        await asyncio.sleep(0.2)
        assert not arriving.done()
    await arriving

    assert len(await subjects(post)) == 1
    assert await waiting(post) == []


async def test_a_replay_applies_what_was_parked_behind_it_meanwhile(post: DeliveryHarness) -> None:
    _, second = await _of_one_key(post)
    chosen = await _parked(post)

    async with post.receiver.database.transaction() as tx:
        assert await parked.blocked_keys(tx, [second.key or b""]) == {second.key}
        replaying = asyncio.create_task(replay(post.receiver.database, RECEIVING, chosen))
        await asyncio.sleep(0.2)
        assert not replaying.done()
        await parked.park(tx, second, parked.BEHIND)
    done = await replaying

    assert (done.applied, done.failed) == (2, [])
    assert len(await subjects(post)) == 2
    assert await waiting(post) == []


async def test_a_replay_goes_on_with_other_keys_after_one_that_fails_again(post: DeliveryHarness) -> None:
    post.behaviour.failing.add(POISON)
    for _ in range(2):
        await post.send(condition=POISON)
    await impatient(post).apply(await post.records())

    done = await replay(post.receiver.database, RECEIVING, await _parked(post))

    assert done.applied == 0
    assert len(done.failed) == 2
    assert len(await waiting(post)) == 2


async def test_what_an_earlier_version_parked_of_events_that_are_not_listened_to_is_removed_by_its_replay(post: DeliveryHarness) -> None:
    await post.send()
    (record,) = await post.records()
    async with post.receiver.database.transaction() as tx:
        await parked.park(tx, replace(record, headers=(("ce_type", b"referrals.referral.received.v1"),)), "envelope: ce_id is absent")
    (only,) = await _parked(post)

    await impatient(post).replay(only)

    assert await waiting(post) == []
    assert await post.count("navigation.inbox") == 0
