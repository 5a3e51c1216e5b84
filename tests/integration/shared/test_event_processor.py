"""What arrives takes effect once, in order, and what cannot be applied waits without holding up others."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest
from prometheus_client import REGISTRY

from shared.contracts.codes import Condition
from shared.contracts.envelope import Envelope, Record
from shared.contracts.rapid_care import ResponseRequested
from shared.kernel.errors import VersionConflict
from shared.kernel.ids import new_id
from shared.messaging.event_processor import EventProcessor, RetryPolicy, TooManyParked
from shared.persistence import parked
from shared.persistence.database import Database
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.effect_context import RECEIVING, on_requested
from tests.integration.shared.parcel_context import Tx

POISON = Condition.FALL
CONTENTION = {"context": "navigation", "part": "intake"}
IMPATIENT = RetryPolicy(attempts=2, first_pause=0.001)


def impatient(post: DeliveryHarness, **changes: int) -> EventProcessor:
    return EventProcessor(post.receiver.database, RECEIVING, replace(IMPATIENT, **changes))


async def waiting(post: DeliveryHarness) -> list[tuple[int, str]]:
    """Offset and reason of what is parked."""
    async with post.receiver.database.read_only() as reader:
        return [(each.record.offset, each.reason) for each in await parked.waiting(reader)]


async def bad(post: DeliveryHarness, count: int, kind: str) -> list[Record]:
    """Records that cannot be applied, of people of their own: because a handler fails, or because they are no events."""
    if kind == "junk":
        return [Record("rapid-care.response", 0, number, str(new_id()).encode(), b"{}", ()) for number in range(count)]
    post.behaviour.failing.add(POISON)
    for _ in range(count):
        await post.send(condition=POISON)
    return (await post.records())[-count:]


async def subjects(post: DeliveryHarness) -> list[UUID]:
    return [row["subject"] for row in await post.effects()]


def again(records: Sequence[Record]) -> list[Record]:
    """The same events at other offsets, as after a wiped broker."""
    return [replace(record, offset=record.offset + 1000) for record in records]


async def test_an_event_that_comes_twice_at_once_has_one_effect(post: DeliveryHarness) -> None:
    await post.send()
    records = await post.records()

    await asyncio.gather(*(impatient(post).apply(records) for _ in range(8)))

    assert len(await post.effects()) == 1
    assert await post.count("navigation.inbox") == 1


async def test_an_event_that_comes_twice_in_one_batch_has_one_effect(post: DeliveryHarness) -> None:
    await post.send()
    records = await post.records()

    await impatient(post).apply([*records, *again(records)])

    assert len(await post.effects()) == 1


async def test_batches_that_overlap_at_once_have_one_effect_for_each_event(post: DeliveryHarness) -> None:
    for _ in range(20):
        await post.send()
    records = await post.records()

    await asyncio.gather(*(impatient(post).apply(records[start : start + 10]) for start in (0, 5, 10, 0, 5, 10)))

    assert await post.events_without_their_one_effect() == []


async def test_a_rule_that_says_no_settles_the_event_without_effect_or_retry(post: DeliveryHarness) -> None:
    post.behaviour.refused.add(POISON)
    await post.send(condition=POISON)
    await post.send()

    await impatient(post).apply(await post.records())

    assert len(await post.effects()) == 1
    assert await post.count("navigation.inbox", "refused_code = 'parcel-unwanted'") == 1
    post.behaviour.refused.clear()
    await impatient(post).apply(await post.records())
    assert len(await post.effects()) == 1


async def test_a_poisonous_event_is_parked_and_nothing_of_it_remains(post: DeliveryHarness) -> None:
    post.behaviour.failing.add(POISON)
    await post.send(condition=POISON)

    await impatient(post).apply(await post.records())

    assert await post.effects() == []
    assert await post.count("navigation.inbox") == 0
    assert [reason for _, reason in await waiting(post)] == ["ArithmeticError in its handler"]


async def test_later_events_of_a_parked_key_wait_behind_it_while_other_keys_flow(post: DeliveryHarness) -> None:
    post.behaviour.failing.add(POISON)
    person, others = new_id(), [new_id(), new_id()]
    await post.send(others[0])
    await post.send(person, POISON)
    await post.send(person)
    await post.send(others[1])
    await post.send(person)
    records = await post.records()

    await impatient(post).apply(records[:3])
    await impatient(post).apply(records[3:])

    assert [row["person_id"] for row in await post.effects()] == others
    assert [reason for _, reason in await waiting(post)] == ["ArithmeticError in its handler", parked.BEHIND, parked.BEHIND]


async def test_replay_applies_what_is_parked_in_its_order_and_the_key_flows_again(post: DeliveryHarness) -> None:
    post.behaviour.failing.add(POISON)
    person = new_id()
    sent = [await post.send(person, POISON), await post.send(person), await post.send(person)]
    await impatient(post).apply(await post.records())
    post.behaviour.failing.clear()

    async with post.receiver.database.read_only() as reader:
        waits = await parked.waiting(reader)
    for each in waits:
        await impatient(post).replay(each)
    last = await post.send(person)
    await impatient(post).apply((await post.records())[3:])

    assert await subjects(post) == [parcel.id for parcel in [*sent, last]]
    assert await waiting(post) == []


async def test_a_replay_that_fails_leaves_the_event_parked(post: DeliveryHarness) -> None:
    post.behaviour.failing.add(POISON)
    await post.send(condition=POISON)
    await impatient(post).apply(await post.records())
    async with post.receiver.database.read_only() as reader:
        (only,) = await parked.waiting(reader)

    with pytest.raises(ArithmeticError):
        await impatient(post).replay(only)

    assert len(await waiting(post)) == 1
    assert await post.effects() == []


async def test_a_replay_that_a_rule_refuses_settles_the_event(post: DeliveryHarness) -> None:
    post.behaviour.failing.add(POISON)
    await post.send(condition=POISON)
    await impatient(post).apply(await post.records())
    post.behaviour.refused.add(POISON)
    async with post.receiver.database.read_only() as reader:
        (only,) = await parked.waiting(reader)

    await impatient(post).replay(only)

    assert await waiting(post) == []
    assert await post.owner.fetchval("SELECT refused_code FROM navigation.inbox") == "parcel-unwanted"


async def test_an_event_that_was_applied_meanwhile_is_replayed_without_effect(post: DeliveryHarness) -> None:
    post.behaviour.failing.add(POISON)
    await post.send(condition=POISON)
    await impatient(post).apply(await post.records())
    async with post.receiver.database.read_only() as reader:
        (only,) = await parked.waiting(reader)
    post.behaviour.failing.clear()

    await impatient(post).replay(only)
    await impatient(post).replay(only)

    assert len(await post.effects()) == 1


async def test_a_parked_event_that_comes_again_is_parked_once(post: DeliveryHarness) -> None:
    post.behaviour.failing.add(POISON)
    await post.send(condition=POISON)
    records = await post.records()

    await impatient(post).apply(records)
    await impatient(post).apply(again(records))

    assert len(await waiting(post)) == 1


async def test_another_event_at_the_offset_of_a_parked_one_is_kept_too(post: DeliveryHarness) -> None:
    """After a wiped broker the same offset holds another event of the same person."""
    post.behaviour.failing.add(POISON)
    person = new_id()
    await post.send(person, POISON)
    await post.send(person)
    first, second = await post.records()

    await impatient(post).apply([first])
    await impatient(post).apply([replace(second, offset=first.offset)])

    assert len(await waiting(post)) == 2


@pytest.mark.parametrize(
    "stranger",
    [
        Record("rapid-care.response", 0, 7, b"key", b"{}", ()),
        Record("rapid-care.response", 0, 7, None, None, (("ce_type", None),)),
        Record("rapid-care.response", 0, 7, b"\xff\x00", b"\x00\xff", (("ce_\x00", b"\x00\xff"),)),
    ],
)
async def test_a_record_that_is_no_event_is_parked_whole(post: DeliveryHarness, stranger: Record) -> None:
    await post.send()

    await impatient(post).apply([stranger, *await post.records()])

    assert len(await post.effects()) == 1
    async with post.receiver.database.read_only() as reader:
        (only,) = await parked.waiting(reader)
    assert only.record == stranger


async def test_an_event_that_this_context_does_not_listen_to_is_left_however_it_reads(post: DeliveryHarness) -> None:
    await post.send()
    (record,) = await post.records()
    others = tuple((name, b"referrals.referral.received.v1" if name == "ce_type" else b"\xff") for name, _ in record.headers)

    there = post.receiver.database
    unopened = Database(asyncpg.create_pool(post.owner_url), clock=there.clock, policy=there.policy, secrets=there.secrets)

    await EventProcessor(unopened, RECEIVING).apply([replace(record, headers=others), replace(record, headers=others, value=None)])

    with pytest.raises(asyncpg.InterfaceError):  # which asking the database would have raised
        await EventProcessor(unopened, RECEIVING).apply([record])


@pytest.mark.parametrize(
    ("header", "value", "reason"),
    [
        ("ce_type", b"rapid-care.response.requested.v9", "no contract reads rapid-care.response.requested.v9"),
        ("ce_type", b"\x00", "no contract reads its type"),
        ("ce_id", b"7", "envelope: ce_id is malformed"),
        ("ce_time", b"2015-03-16T09:00:00", "envelope: ce_time is malformed"),
    ],
)
async def test_an_envelope_that_this_version_cannot_read_is_parked_with_the_reason(
    post: DeliveryHarness, header: str, value: bytes, reason: str
) -> None:
    await post.send()
    (record,) = await post.records()
    changed = tuple((name, value if name == header else other) for name, other in record.headers)

    await impatient(post).apply([replace(record, headers=changed)])

    assert await waiting(post) == [(record.offset, reason)]


async def test_an_event_without_a_value_is_parked(post: DeliveryHarness) -> None:
    await post.send()
    (record,) = await post.records()

    await impatient(post).apply([replace(record, value=None)])

    assert await waiting(post) == [(record.offset, "the record has no value")]


async def test_what_a_malformed_event_says_is_not_repeated_in_the_reason(post: DeliveryHarness) -> None:
    await post.send()
    (record,) = await post.records()

    await impatient(post).apply([replace(record, value=b'{"condition": "Mr Dale fell"}')])

    ((_, reason),) = await waiting(post)
    assert "condition" in reason
    assert "Dale" not in reason


@pytest.mark.parametrize("kind", ["poison", "junk"])
async def test_many_parked_in_a_row_stop_the_intake_whatever_was_wrong_with_them(post: DeliveryHarness, kind: str) -> None:
    with pytest.raises(TooManyParked):
        await impatient(post, max_consecutive_parked=3).apply(await bad(post, 3, kind))

    assert len(await waiting(post)) == 3


@pytest.mark.parametrize("kind", ["poison", "junk"])
async def test_a_process_that_is_started_anew_does_not_go_on_before_an_operator_has_looked(post: DeliveryHarness, kind: str) -> None:
    with pytest.raises(TooManyParked):
        await impatient(post, max_consecutive_parked=3).apply(await bad(post, 3, kind))
    anew = impatient(post, max_consecutive_parked=3)
    assert not await anew.may_consume()

    async with post.receiver.database.transaction() as tx:
        await parked.acknowledge(tx)

    assert await anew.may_consume()
    assert len(await waiting(post)) == 3


async def test_a_replay_that_succeeds_lets_the_intake_go_on(post: DeliveryHarness) -> None:
    with pytest.raises(TooManyParked):
        await impatient(post, max_consecutive_parked=3).apply(await bad(post, 3, "poison"))
    post.behaviour.failing.clear()
    async with post.receiver.database.read_only() as reader:
        first, *_ = await parked.waiting(reader)

    await impatient(post).replay(first)

    assert await impatient(post, max_consecutive_parked=3).may_consume()


@pytest.mark.parametrize("kind", ["poison", "junk"])
async def test_a_record_that_can_be_settled_ends_the_row(post: DeliveryHarness, kind: str) -> None:
    intake = impatient(post, max_consecutive_parked=3)
    for _ in range(3):
        await intake.apply(await bad(post, 2, kind))
        await post.send()
        await intake.apply([(await post.records())[-1]])

    assert len(await waiting(post)) == 6


async def test_what_waits_behind_a_parked_record_is_no_fault_of_its_own(post: DeliveryHarness) -> None:
    post.behaviour.failing.add(POISON)
    person = new_id()
    await post.send(person, POISON)
    for _ in range(5):
        await post.send(person)

    await impatient(post, max_consecutive_parked=2).apply(await post.records())

    assert len(await waiting(post)) == 6


async def test_what_was_applied_before_does_not_wait_behind_a_parked_record(post: DeliveryHarness) -> None:
    person = new_id()
    await post.send(person)
    (applied,) = await post.records()
    await impatient(post).apply([applied])
    post.behaviour.failing.add(POISON)
    await post.send(person, POISON)
    await impatient(post).apply((await post.records())[1:])

    await impatient(post).apply(again([applied]))

    assert len(await waiting(post)) == 1


@pytest.mark.parametrize(("losses", "remains"), [(2, []), (99, ["VersionConflict in its handler"])])
async def test_a_lost_race_is_run_again_and_waits_for_an_operator_only_in_the_end(
    post: DeliveryHarness, losses: int, remains: list[str]
) -> None:
    await post.send()
    tries: list[UUID] = []

    async def loses(event: ResponseRequested, envelope: Envelope, *, tx: Tx) -> None:
        tries.append(envelope.id)
        if len(tries) <= losses:
            raise VersionConflict(envelope.subject, 1, 2)
        await on_requested(event, envelope, tx=tx)

    wiring = replace(RECEIVING, on_event={ResponseRequested: (loses,)})
    await EventProcessor(post.receiver.database, wiring, replace(IMPATIENT, attempts=3)).apply(await post.records())

    assert [reason for _, reason in await waiting(post)] == remains
    assert len(await post.effects()) == (0 if remains else 1)


async def test_a_replay_that_loses_a_race_leaves_the_event_parked(post: DeliveryHarness) -> None:
    async def loses(_: ResponseRequested, envelope: Envelope, *, tx: Tx) -> None:
        raise VersionConflict(envelope.subject, 1, tx.now.year)

    losing = EventProcessor(post.receiver.database, replace(RECEIVING, on_event={ResponseRequested: (loses,)}), IMPATIENT)
    await post.send()
    await losing.apply(await post.records())
    async with post.receiver.database.read_only() as reader:
        (only,) = await parked.waiting(reader)

    with pytest.raises(VersionConflict):
        await losing.replay(only)

    assert len(await waiting(post)) == 1
    await impatient(post).replay(only)
    assert len(await post.effects()) == 1


async def test_contention_is_retried_in_place_for_longer_than_a_failing_handler(post: DeliveryHarness) -> None:
    for _ in range(3):
        await post.send()

    before = REGISTRY.get_sample_value("care_transaction_conflicts_total", CONTENTION) or 0
    async with post.raising("navigation.effect", "40001", times=10):
        await impatient(post).apply(await post.records())

    assert (REGISTRY.get_sample_value("care_transaction_conflicts_total", CONTENTION) or 0) >= before + 9
    assert await post.events_without_their_one_effect() == []
    assert await waiting(post) == []


def test_pauses_grow_to_a_limit() -> None:
    pauses = [RetryPolicy().pause(attempt) for attempt in range(1, 2000)]

    assert pauses == sorted(pauses)
    assert max(pauses) == RetryPolicy().longest_pause


async def test_trouble_of_the_machinery_is_raised_and_nothing_is_settled(post: DeliveryHarness) -> None:
    await post.send()
    records = await post.records()
    await post.receiver.database.pool.close()

    with pytest.raises(asyncpg.InterfaceError):
        await impatient(post).apply(records)

    assert await post.count("navigation.inbox") == 0
    assert await post.effects() == []
