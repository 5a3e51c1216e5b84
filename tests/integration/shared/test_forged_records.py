"""A record that no context of the product wrote is parked, blocks nothing and never has an effect; key rotation loses no event."""

from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from infra.dev_stack.dev_secrets import Keys
from infra.operations.event_log import republish_log
from infra.operations.replay import replay
from shared.contracts.authentication import HEADER, MacKeys
from shared.contracts.envelope import Record, UnauthenticRecord
from shared.kernel.ids import new_id
from shared.messaging.kafka_settings import KafkaSettings
from shared.persistence import parked_records
from shared.persistence.gauges import read_gauges
from shared.persistence.parked_records import ParkedRecord
from tests.builders.context_app import RunningContext
from tests.integration.shared.consumer_harness import consuming, until_applied
from tests.integration.shared.delivery_harness import NOW, DeliveryHarness
from tests.integration.shared.effect_context import RECEIVING
from tests.integration.shared.parcel_context import TOPIC
from tests.integration.shared.processor_harness import POISON, create_processor, parked_reasons, subjects
from tests.integration.shared.relay_harness import read_topic, relaying, until_sent
from tests.timeouts import until

NEW = bytes(range(32))
NO_MAC = "the record has no MAC"
WRONG_MAC = "its MAC is not that of its topic, key, headers and value"
UNKNOWN_KEY = "its MAC names no key of the producer that is accepted here"


def unsigned(record: Record) -> Record:
    return replace(record, headers=tuple(header for header in record.headers if header[0] != HEADER))


def with_header(record: Record, header: str, value: bytes) -> Record:
    return replace(record, headers=tuple((name, value if name == header else other) for name, other in record.headers))


#: A record forged of a genuine one, and the reason for which it is parked.
FORGERIES: Mapping[str, tuple[Callable[[Record], Record], str]] = {
    "unsigned": (unsigned, NO_MAC),
    "another subject": (lambda record: with_header(record, "ce_subject", str(new_id()).encode()), WRONG_MAC),
    "another event id": (lambda record: with_header(record, "ce_id", str(new_id()).encode()), WRONG_MAC),
    "another actor": (lambda record: with_header(record, "ce_actororg", b"EVIL"), WRONG_MAC),
    "another value": (lambda record: replace(record, value=(record.value or b"").replace(b"copd", b"fall")), WRONG_MAC),
    "moved to another person": (lambda record: replace(record, key=str(new_id()).encode()), WRONG_MAC),
    "moved to another topic": (lambda record: replace(record, topic="rapid-care.capacity"), WRONG_MAC),
    "moved to the topic of another context": (lambda record: replace(record, topic="mdt.lead"), WRONG_MAC),
    "unknown key": (lambda record: with_header(record, HEADER, b"stolen.AAAA"), UNKNOWN_KEY),
}


async def parked(harness: DeliveryHarness) -> list[ParkedRecord]:
    async with harness.receiver.database.read_only() as reader:
        return await parked_records.waiting(reader)


def keys_of(keys: Keys, *, old: bool, new: bool, current: str) -> MacKeys:
    """The keys of the sending context, during and after a rotation from the key of the stack to a new one."""
    versions = {keys.mac_key: b64decode(keys.mac_secrets["rapid_care"])} if old else {}
    versions |= {"new": NEW} if new else {}
    return MacKeys({"rapid_care": versions}, {"rapid_care": keys.mac_key if current == "old" else "new"})


def use(context: RunningContext, mac_keys: MacKeys) -> None:
    """Gives a context other keys, as after a restart with another configuration."""
    context.database.secrets = replace(context.database.secrets, mac_keys=mac_keys)


@asynccontextmanager
async def sending(kafka: KafkaSettings) -> AsyncIterator[Callable[[Record], Awaitable[None]]]:
    """A program with access to Kafka, and without any key."""
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:

        async def send(record: Record) -> None:
            headers = [(name, value or b"") for name, value in record.headers]
            await producer.send_and_wait(kafka.prefix + TOPIC, record.value, record.key, headers=headers)

        yield send


@pytest.mark.parametrize("kind", FORGERIES)
async def test_forged_record_has_no_effect_and_blocks_nothing(harness: DeliveryHarness, kind: str) -> None:
    forge, reason = FORGERIES[kind]
    person = new_id()
    await harness.send(person)
    await harness.send(person)
    first, second = await harness.records()

    await create_processor(harness).apply([forge(first), second])
    await create_processor(harness).apply([first])

    assert await parked_reasons(harness) == [(first.offset, reason)]
    assert sorted(await subjects(harness)) == sorted(
        {row["subject"] for row in await harness.owner.fetch("SELECT * FROM rapid_care.event")}
    )
    assert [each.is_authentic for each in await parked(harness)] == [False]


async def test_forged_record_is_parked_from_kafka(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    person = new_id()
    await harness.send(person)
    (genuine,) = await harness.records()
    async with sending(kafka) as send, consuming(harness, kafka), relaying(harness, kafka):
        await until_applied(harness, 1)
        for kind in ("unsigned", "another subject", "moved to another person"):
            await send(FORGERIES[kind][0](genuine))
        await harness.send(person)
        await until_applied(harness, 2)
        await until(lambda: _count_is(harness, "navigation.parked", 3))

    assert await harness.events_not_applied_once() == []


async def _count_is(harness: DeliveryHarness, table: str, count: int) -> bool:
    return await harness.count(table) == count


async def test_repeated_genuine_record_has_one_effect(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    """An attacker sends an old record again, as it was: the inbox has its id."""
    await harness.send()
    async with sending(kafka) as send, consuming(harness, kafka) as running, relaying(harness, kafka):
        await until_applied(harness, 1)
        (genuine,) = await read_topic(kafka)
        await send(genuine)
        await harness.send()
        await until_applied(harness, 2)
        await running.consumer.until_committed()

    assert len(await read_topic(kafka)) == 3
    assert await harness.events_not_applied_once() == []
    assert await parked(harness) == []


async def test_many_forged_records_stop_no_consumer(harness: DeliveryHarness) -> None:
    await harness.send()
    (genuine,) = await harness.records()
    processor = create_processor(harness, max_consecutive_parked=3)

    await processor.apply([replace(unsigned(genuine), key=str(new_id()).encode(), offset=number) for number in range(9)])

    assert await processor.may_consume()
    assert len(await parked(harness)) == 9


async def test_forged_records_are_counted_apart(harness: DeliveryHarness) -> None:
    await harness.send()
    (genuine,) = await harness.records()
    name, labels = "care_events_unauthentic_total", {"context": "navigation"}
    before = REGISTRY.get_sample_value(name, labels) or 0

    with capture_logs() as logs:
        await create_processor(harness).apply([unsigned(genuine)])
    async with harness.receiver.database.transaction() as tx:
        await read_gauges(tx, "navigation")

    assert REGISTRY.get_sample_value(name, labels) == before + 1
    assert REGISTRY.get_sample_value("care_unauthentic_records", labels) == 1
    assert REGISTRY.get_sample_value("care_parked_records", labels) == 0
    assert [(entry["event"], entry["topic"], entry["reason"]) for entry in logs] == [("event.unauthentic", TOPIC, NO_MAC)]


async def test_replay_applies_no_forged_record(harness: DeliveryHarness) -> None:
    await harness.send()
    (genuine,) = await harness.records()
    await create_processor(harness).apply([unsigned(genuine)])
    (only,) = await parked(harness)

    done = await replay(harness.receiver.database, RECEIVING, [only])

    assert (done.applied, done.failed) == (0, [f"Record {only.id} is not applied: {NO_MAC}."])
    assert await harness.effects() == []
    with pytest.raises(UnauthenticRecord):
        await create_processor(harness).replay(only)


async def test_genuine_record_is_replayed_once_its_key_is_known(harness: DeliveryHarness, keys: Keys) -> None:
    """The key of the producer changed before this consumer had the new one."""
    await harness.send()
    use(harness.sender, keys_of(keys, old=False, new=True, current="new"))
    records = await harness.records()
    await create_processor(harness).apply(records)
    assert [reason for _, reason in await parked_reasons(harness)] == [UNKNOWN_KEY]

    use(harness.receiver, keys_of(keys, old=True, new=True, current="old"))
    done = await replay(harness.receiver.database, RECEIVING, await parked(harness))

    assert (done.applied, done.failed) == (1, [])
    assert await harness.events_not_applied_once() == []


async def test_parked_event_outlives_the_withdrawal_of_its_key(harness: DeliveryHarness, keys: Keys) -> None:
    harness.behaviour.failing.add(POISON)
    await harness.send(condition=POISON)
    await create_processor(harness).apply(await harness.records())
    harness.behaviour.failing.clear()
    use(harness.receiver, keys_of(keys, old=False, new=True, current="new"))

    done = await replay(harness.receiver.database, RECEIVING, await parked(harness))

    assert (done.applied, done.failed) == (1, [])


async def test_record_under_a_withdrawn_key_is_refused(harness: DeliveryHarness, keys: Keys) -> None:
    await harness.send()
    records = await harness.records()
    use(harness.receiver, keys_of(keys, old=False, new=True, current="new"))

    await create_processor(harness).apply(records)

    assert await harness.effects() == []
    assert [reason for _, reason in await parked_reasons(harness)] == [UNKNOWN_KEY]


async def test_rotation_loses_no_event(harness: DeliveryHarness, kafka: KafkaSettings, keys: Keys) -> None:
    """First every consumer learns the new key, then the producer uses it, then the old one is withdrawn."""
    await harness.send()
    async with relaying(harness, kafka):
        await until_sent(harness)
    use(harness.receiver, keys_of(keys, old=True, new=True, current="old"))
    use(harness.sender, keys_of(keys, old=True, new=True, current="new"))
    await harness.send()
    async with relaying(harness, kafka), consuming(harness, kafka) as running:
        await until_applied(harness, 2)
        await running.consumer.until_committed()
    use(harness.receiver, keys_of(keys, old=False, new=True, current="new"))
    use(harness.sender, keys_of(keys, old=False, new=True, current="new"))
    await harness.send()
    async with relaying(harness, kafka), consuming(harness, kafka):
        await until_applied(harness, 3)

    assert await parked(harness) == []
    assert await harness.events_not_applied_once() == []


async def test_log_is_republished_under_the_current_key(harness: DeliveryHarness, kafka: KafkaSettings, keys: Keys) -> None:
    """A consumer that has lost everything reads the log again, after the key of its events was withdrawn."""
    for _ in range(3):
        await harness.send()
    async with relaying(harness, kafka):
        await until_sent(harness)
    use(harness.sender, keys_of(keys, old=False, new=True, current="new"))
    use(harness.receiver, keys_of(keys, old=False, new=True, current="new"))

    await republish_log(harness.owner, "rapid_care", NOW.replace(year=2000))
    async with relaying(harness, kafka), consuming(harness, kafka):
        await until_applied(harness, 3)
        await until(lambda: _count_is(harness, "navigation.parked", 3))

    assert await harness.events_not_applied_once() == []
    assert {reason for _, reason in await parked_reasons(harness)} == {UNKNOWN_KEY}
