"""An event takes effect once and in order; a record that cannot be applied is parked and blocks only its key."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from shared.contracts.envelope import Envelope, Record
from shared.contracts.rapid_care import ResponseRequested
from shared.kernel.errors import VersionConflict
from shared.kernel.ids import new_id
from shared.messaging.event_processor import EventProcessor, RetryPolicy, TooManyParked
from shared.persistence import parked_records
from shared.persistence.database import Database
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.effect_context import RECEIVING, on_requested
from tests.integration.shared.parcel_context import Tx
from tests.integration.shared.processor_harness import IMPATIENT, POISON, create_processor, parked_reasons, subjects

UNKNOWN_TYPE = b"rapid-care.response.requested.v9"
CONTENTION = {"context": "navigation", "component": "consumer"}


async def bad_records(harness: DeliveryHarness, count: int, kind: str) -> list[Record]:
    """Records of different keys that cannot be applied: poison events, events of an unknown type, or records without an envelope."""
    if kind == "junk":
        return [harness.signed(Record("rapid-care.response", 0, number, str(new_id()).encode(), b"{}", ())) for number in range(count)]
    harness.behaviour.failing.add(POISON)
    for _ in range(count):
        await harness.send(condition=POISON)
    sent = (await harness.records())[-count:]
    return [harness.signed(with_header(record, "ce_type", UNKNOWN_TYPE)) for record in sent] if kind == "unknown" else sent


def with_header(record: Record, header: str, value: bytes) -> Record:
    return replace(record, headers=tuple((name, value if name == header else other) for name, other in record.headers))


def redelivered(records: Sequence[Record]) -> list[Record]:
    """The same events at other offsets, as after a broker was wiped."""
    return [replace(record, offset=record.offset + 1000) for record in records]


async def test_concurrent_duplicates_have_one_effect(harness: DeliveryHarness) -> None:
    await harness.send()
    records = await harness.records()

    await asyncio.gather(*(create_processor(harness).apply(records) for _ in range(8)))

    assert len(await harness.effects()) == 1
    assert await harness.count("navigation.inbox") == 1


async def test_duplicate_within_a_batch_has_one_effect(harness: DeliveryHarness) -> None:
    await harness.send()
    records = await harness.records()

    await create_processor(harness).apply([*records, *redelivered(records)])

    assert len(await harness.effects()) == 1


async def test_overlapping_concurrent_batches_apply_each_event_once(harness: DeliveryHarness) -> None:
    for _ in range(20):
        await harness.send()
    records = await harness.records()

    await asyncio.gather(*(create_processor(harness).apply(records[start : start + 10]) for start in (0, 5, 10, 0, 5, 10)))

    assert await harness.events_not_applied_once() == []


async def test_event_refused_by_a_rule_is_not_retried(harness: DeliveryHarness) -> None:
    harness.behaviour.refused.add(POISON)
    await harness.send(condition=POISON)
    await harness.send()

    await create_processor(harness).apply(await harness.records())

    assert len(await harness.effects()) == 1
    assert await harness.count("navigation.inbox", "refused_code = 'parcel-unwanted'") == 1
    harness.behaviour.refused.clear()
    await create_processor(harness).apply(await harness.records())
    assert len(await harness.effects()) == 1


async def test_poison_event_is_parked_and_rolled_back(harness: DeliveryHarness) -> None:
    harness.behaviour.failing.add(POISON)
    await harness.send(condition=POISON)

    await create_processor(harness).apply(await harness.records())

    assert await harness.effects() == []
    assert await harness.count("navigation.inbox") == 0
    assert [reason for _, reason in await parked_reasons(harness)] == ["ArithmeticError in its handler"]


async def test_log_of_a_parked_record_names_its_position(harness: DeliveryHarness) -> None:
    (record,) = await bad_records(harness, 1, "junk")

    with capture_logs() as lines:
        await create_processor(harness).apply([replace(record, partition=3)])

    (parked,) = [line for line in lines if line["event"] == "event.parked"]
    assert (parked["topic"], parked["partition"], parked["offset"]) == ("rapid-care.response", 3, 0)


async def test_parked_record_blocks_its_key_alone(harness: DeliveryHarness) -> None:
    harness.behaviour.failing.add(POISON)
    person, others = new_id(), [new_id(), new_id()]
    await harness.send(others[0])
    await harness.send(person, POISON)
    await harness.send(person)
    await harness.send(others[1])
    await harness.send(person)
    records = await harness.records()

    await create_processor(harness).apply(records[:3])
    await create_processor(harness).apply(records[3:])

    assert [row["person_id"] for row in await harness.effects()] == others
    assert [reason for _, reason in await parked_reasons(harness)] == [
        "ArithmeticError in its handler",
        parked_records.BEHIND,
        parked_records.BEHIND,
    ]


#: Records that cannot be decoded, made of an event.
UNDECODABLE: Mapping[str, Callable[[Record], Record]] = {
    "no value": lambda record: replace(record, value=None),
    "no envelope": lambda record: replace(record, headers=()),
    "broken json": lambda record: replace(record, value=b'{"condition": '),
    "unknown type": lambda record: with_header(record, "ce_type", UNKNOWN_TYPE),
    "another content type": lambda record: with_header(record, "content-type", b"application/avro"),
    "no event id": lambda record: with_header(record, "ce_id", b"7"),
}


@pytest.mark.parametrize("kind", UNDECODABLE)
async def test_undecodable_record_blocks_no_later_event_of_its_key(harness: DeliveryHarness, kind: str) -> None:
    person = new_id()
    for _ in range(3):
        await harness.send(person)
    first, second, third = await harness.records()

    await create_processor(harness).apply([harness.signed(UNDECODABLE[kind](first)), second])
    await create_processor(harness).apply([third])

    assert len(await harness.effects()) == 2
    assert [offset for offset, _ in await parked_reasons(harness)] == [first.offset]


async def test_undecodable_record_behind_a_failing_event_frees_nothing(harness: DeliveryHarness) -> None:
    harness.behaviour.failing.add(POISON)
    person = new_id()
    await harness.send(person, POISON)
    await harness.send(person)
    await harness.send(person)
    failing, second, third = await harness.records()

    await create_processor(harness).apply([failing])
    await create_processor(harness).apply([harness.signed(replace(second, value=None)), third])

    assert await harness.effects() == []
    assert (await parked_reasons(harness))[-1] == (third.offset, parked_records.BEHIND)


async def test_many_records_without_an_envelope_stop_no_consumer(harness: DeliveryHarness) -> None:
    processor = create_processor(harness, max_consecutive_parked=3)

    await processor.apply(await bad_records(harness, 9, "junk"))

    assert await processor.may_consume()
    assert len(await parked_reasons(harness)) == 9


async def test_replay_applies_parked_records_in_order(harness: DeliveryHarness) -> None:
    harness.behaviour.failing.add(POISON)
    person = new_id()
    sent = [await harness.send(person, POISON), await harness.send(person), await harness.send(person)]
    await create_processor(harness).apply(await harness.records())
    harness.behaviour.failing.clear()

    async with harness.receiver.database.read_only() as reader:
        waits = await parked_records.waiting(reader)
    for each in waits:
        await create_processor(harness).replay(each)
    last = await harness.send(person)
    await create_processor(harness).apply((await harness.records())[3:])

    assert await subjects(harness) == [parcel.id for parcel in [*sent, last]]
    assert await parked_reasons(harness) == []


async def test_failed_replay_leaves_the_event_parked(harness: DeliveryHarness) -> None:
    harness.behaviour.failing.add(POISON)
    await harness.send(condition=POISON)
    await create_processor(harness).apply(await harness.records())
    async with harness.receiver.database.read_only() as reader:
        (only,) = await parked_records.waiting(reader)

    with pytest.raises(ArithmeticError):
        await create_processor(harness).replay(only)

    assert len(await parked_reasons(harness)) == 1
    assert await harness.effects() == []


async def test_replay_refused_by_a_rule_removes_the_record(harness: DeliveryHarness) -> None:
    harness.behaviour.failing.add(POISON)
    await harness.send(condition=POISON)
    await create_processor(harness).apply(await harness.records())
    harness.behaviour.refused.add(POISON)
    async with harness.receiver.database.read_only() as reader:
        (only,) = await parked_records.waiting(reader)

    await create_processor(harness).replay(only)

    assert await parked_reasons(harness) == []
    assert await harness.owner.fetchval("SELECT refused_code FROM navigation.inbox") == "parcel-unwanted"


async def test_replay_of_an_applied_event_has_no_effect(harness: DeliveryHarness) -> None:
    harness.behaviour.failing.add(POISON)
    await harness.send(condition=POISON)
    await create_processor(harness).apply(await harness.records())
    async with harness.receiver.database.read_only() as reader:
        (only,) = await parked_records.waiting(reader)
    harness.behaviour.failing.clear()

    await create_processor(harness).replay(only)
    await create_processor(harness).replay(only)

    assert len(await harness.effects()) == 1


async def test_redelivered_parked_event_is_parked_once(harness: DeliveryHarness) -> None:
    harness.behaviour.failing.add(POISON)
    await harness.send(condition=POISON)
    records = await harness.records()

    await create_processor(harness).apply(records)
    await create_processor(harness).apply(redelivered(records))

    assert len(await parked_reasons(harness)) == 1


async def test_different_event_at_parked_offset_is_parked_too(harness: DeliveryHarness) -> None:
    """After a wiped broker the same offset holds another event of the same person."""
    harness.behaviour.failing.add(POISON)
    person = new_id()
    await harness.send(person, POISON)
    await harness.send(person)
    first, second = await harness.records()

    await create_processor(harness).apply([first])
    await create_processor(harness).apply([replace(second, offset=first.offset)])

    assert len(await parked_reasons(harness)) == 2


@pytest.mark.parametrize(
    "stranger",
    [
        Record("rapid-care.response", 0, 7, b"key", b"{}", ()),
        Record("rapid-care.response", 0, 7, None, None, (("ce_type", None),)),
        Record("rapid-care.response", 0, 7, b"\xff\x00", b"\x00\xff", (("ce_\x00", b"\x00\xff"),)),
    ],
)
async def test_invalid_record_is_parked_unchanged(harness: DeliveryHarness, stranger: Record) -> None:
    await harness.send()

    await create_processor(harness).apply([stranger, harness.signed(stranger), *await harness.records()])

    assert len(await harness.effects()) == 1
    async with harness.receiver.database.read_only() as reader:
        parked = await parked_records.waiting(reader)
    assert [(each.record, each.is_authentic) for each in parked] == [(stranger, False), (harness.signed(stranger), True)]


async def test_unsubscribed_event_is_ignored_even_when_invalid(harness: DeliveryHarness) -> None:
    await harness.send()
    (record,) = await harness.records()
    others = tuple((name, b"referrals.referral.received.v1" if name == "ce_type" else b"\xff") for name, _ in record.headers)

    there = harness.receiver.database
    unopened = Database(asyncpg.create_pool(harness.owner_url), clock=there.clock, policy=there.policy, secrets=there.secrets)

    await EventProcessor(unopened, RECEIVING).apply([replace(record, headers=others), replace(record, headers=others, value=None)])

    with pytest.raises(asyncpg.InterfaceError):  # a query would have raised it
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
async def test_unreadable_envelope_is_parked_with_its_reason(harness: DeliveryHarness, header: str, value: bytes, reason: str) -> None:
    await harness.send()
    (record,) = await harness.records()

    await create_processor(harness).apply([harness.signed(with_header(record, header, value))])

    assert await parked_reasons(harness) == [(record.offset, reason)]


async def test_event_without_a_value_is_parked(harness: DeliveryHarness) -> None:
    await harness.send()
    (record,) = await harness.records()

    await create_processor(harness).apply([harness.signed(replace(record, value=None))])

    assert await parked_reasons(harness) == [(record.offset, "the record has no value")]


async def test_reason_quotes_nothing_of_a_malformed_event(harness: DeliveryHarness) -> None:
    await harness.send()
    (record,) = await harness.records()

    await create_processor(harness).apply([harness.signed(replace(record, value=b'{"condition": "Mr Dale fell"}'))])

    ((_, reason),) = await parked_reasons(harness)
    assert "condition" in reason
    assert "Dale" not in reason


@pytest.mark.parametrize("kind", ["poison", "unknown"])
async def test_many_consecutive_parked_records_stop_the_processor(harness: DeliveryHarness, kind: str) -> None:
    with pytest.raises(TooManyParked):
        await create_processor(harness, max_consecutive_parked=3).apply(await bad_records(harness, 3, kind))

    assert len(await parked_reasons(harness)) == 3


@pytest.mark.parametrize("kind", ["poison", "unknown"])
async def test_restarted_processor_stays_stopped_until_replay(harness: DeliveryHarness, kind: str) -> None:
    with pytest.raises(TooManyParked):
        await create_processor(harness, max_consecutive_parked=3).apply(await bad_records(harness, 3, kind))
    restarted = create_processor(harness, max_consecutive_parked=3)
    assert not await restarted.may_consume()

    async with harness.receiver.database.transaction() as tx:
        await parked_records.acknowledge(tx)

    assert await restarted.may_consume()
    assert len(await parked_reasons(harness)) == 3


async def test_successful_replay_lets_the_processor_continue(harness: DeliveryHarness) -> None:
    with pytest.raises(TooManyParked):
        await create_processor(harness, max_consecutive_parked=3).apply(await bad_records(harness, 3, "poison"))
    harness.behaviour.failing.clear()
    async with harness.receiver.database.read_only() as reader:
        first, *_ = await parked_records.waiting(reader)

    await create_processor(harness).replay(first)

    assert await create_processor(harness, max_consecutive_parked=3).may_consume()


@pytest.mark.parametrize("kind", ["poison", "unknown"])
async def test_applied_record_resets_the_consecutive_count(harness: DeliveryHarness, kind: str) -> None:
    processor = create_processor(harness, max_consecutive_parked=3)
    for _ in range(3):
        await processor.apply(await bad_records(harness, 2, kind))
        await harness.send()
        await processor.apply([(await harness.records())[-1]])

    assert len(await parked_reasons(harness)) == 6


async def test_records_of_a_blocked_key_are_not_counted(harness: DeliveryHarness) -> None:
    harness.behaviour.failing.add(POISON)
    person = new_id()
    await harness.send(person, POISON)
    for _ in range(5):
        await harness.send(person)

    await create_processor(harness, max_consecutive_parked=2).apply(await harness.records())

    assert len(await parked_reasons(harness)) == 6


async def test_applied_event_is_not_parked_behind_its_key(harness: DeliveryHarness) -> None:
    person = new_id()
    await harness.send(person)
    (applied,) = await harness.records()
    await create_processor(harness).apply([applied])
    harness.behaviour.failing.add(POISON)
    await harness.send(person, POISON)
    await create_processor(harness).apply((await harness.records())[1:])

    await create_processor(harness).apply(redelivered([applied]))

    assert len(await parked_reasons(harness)) == 1


@pytest.mark.parametrize(("losses", "remains"), [(2, []), (99, ["VersionConflict in its handler"])])
async def test_version_conflict_is_retried_before_parking(harness: DeliveryHarness, losses: int, remains: list[str]) -> None:
    await harness.send()
    tries: list[UUID] = []

    async def loses(event: ResponseRequested, envelope: Envelope, *, tx: Tx) -> None:
        tries.append(envelope.id)
        if len(tries) <= losses:
            raise VersionConflict(envelope.subject, 1, 2)
        await on_requested(event, envelope, tx=tx)

    subscriptions = replace(RECEIVING, on_event={ResponseRequested: (loses,)})
    await EventProcessor(harness.receiver.database, subscriptions, replace(IMPATIENT, attempts=3)).apply(await harness.records())

    assert [reason for _, reason in await parked_reasons(harness)] == remains
    assert len(await harness.effects()) == (0 if remains else 1)


async def test_replay_with_version_conflict_leaves_event_parked(harness: DeliveryHarness) -> None:
    async def loses(_: ResponseRequested, envelope: Envelope, *, tx: Tx) -> None:
        raise VersionConflict(envelope.subject, 1, tx.now.year)

    losing = EventProcessor(harness.receiver.database, replace(RECEIVING, on_event={ResponseRequested: (loses,)}), IMPATIENT)
    await harness.send()
    await losing.apply(await harness.records())
    async with harness.receiver.database.read_only() as reader:
        (only,) = await parked_records.waiting(reader)

    with pytest.raises(VersionConflict):
        await losing.replay(only)

    assert len(await parked_reasons(harness)) == 1
    await create_processor(harness).replay(only)
    assert len(await harness.effects()) == 1


async def test_contention_is_retried_longer_than_a_failing_handler(harness: DeliveryHarness) -> None:
    for _ in range(3):
        await harness.send()

    before = REGISTRY.get_sample_value("care_transaction_conflicts_total", CONTENTION) or 0
    async with harness.raising("navigation.effect", "40001", times=10):
        await create_processor(harness).apply(await harness.records())

    assert (REGISTRY.get_sample_value("care_transaction_conflicts_total", CONTENTION) or 0) >= before + 9
    assert await harness.events_not_applied_once() == []
    assert await parked_reasons(harness) == []


def test_pauses_grow_to_a_limit() -> None:
    pauses = [RetryPolicy().pause(attempt) for attempt in range(1, 2000)]

    assert pauses == sorted(pauses)
    assert max(pauses) == RetryPolicy().longest_pause


async def test_infrastructure_error_is_raised_and_resolves_nothing(harness: DeliveryHarness) -> None:
    await harness.send()
    records = await harness.records()
    await harness.receiver.database.pool.close()

    with pytest.raises(asyncpg.InterfaceError):
        await create_processor(harness).apply(records)

    assert await harness.count("navigation.inbox") == 0
    assert await harness.effects() == []
