"""An event whose data key was erased has no value on Kafka any more, and no effect; compaction removes its earlier records."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.contracts.envelope import read_envelope
from shared.contracts.persons import PersonRecordRecorded
from shared.kernel.ids import new_id
from shared.messaging import topics
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.topics import Layout, TopicDeclaration
from shared.persistence.transaction import EventSubject
from tests.builders.mdt import a_person_record
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.relay_harness import read_topic, relaying, until_sent
from tests.timeouts import until

RECORD, TOPIC = a_person_record(), PersonRecordRecorded.TOPIC

#: Kafka compacts a segment as soon as it can.
_AT_ONCE = {"segment.ms": "100", "max.compaction.lag.ms": "100", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "100"}
_ERASE = "UPDATE rapid_care.event SET data_key = NULL WHERE key = $1"
_AGAIN = "INSERT INTO rapid_care.outbox (seq) SELECT seq FROM rapid_care.event WHERE key = $1"


async def _record(harness: DeliveryHarness, person: EventSubject, sequence: int = 1) -> None:
    async with harness.sender.database.transaction() as tx:
        tx.record(person, RECORD, sequence)


def _someone() -> EventSubject:
    person = new_id()
    return EventSubject(person, person, new_id())


@asynccontextmanager
async def _compacted(kafka: KafkaSettings) -> AsyncIterator[None]:
    await topics.create(kafka.bootstrap, [TopicDeclaration(TOPIC, is_compacted=True, retention_days=1)], Layout(kafka.prefix, 1))
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        await admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, kafka.prefix + TOPIC, _AT_ONCE | {"cleanup.policy": "compact"})]
        )
        yield
    finally:
        await admin.close()


async def test_erased_event_is_published_without_its_value(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    person = _someone()
    async with _compacted(kafka), relaying(harness, kafka):
        await _record(harness, person)
        await until_sent(harness)
        await harness.owner.execute(_ERASE, person.key)
        await harness.owner.execute(_AGAIN, person.key)
        await until_sent(harness)

        first, last = await read_topic(kafka, TOPIC)

    secrets = harness.sender.database.secrets
    secrets.mac_keys.verify(last)
    assert first.value is not None
    assert (last.key, last.value, read_envelope(last).id) == (first.key, None, read_envelope(first).id)


async def test_compaction_removes_the_erased_records(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    person, another = _someone(), _someone()
    async with _compacted(kafka), relaying(harness, kafka):
        for sequence in (1, 2):
            await _record(harness, person, sequence)
        await until_sent(harness)
        await harness.owner.execute(_ERASE, person.key)
        await harness.owner.execute(_AGAIN, person.key)
        await until_sent(harness)
        number = 0

        async def is_gone() -> bool:
            """Other people's records close the segment; Kafka never compacts the one that is written to."""
            nonlocal number
            number += 1
            await _record(harness, replace(another, id=another.id), number)
            await until_sent(harness)
            found = await read_topic(kafka, TOPIC)
            return all(record.value is None for record in found if record.key == str(person.key).encode())

        await until(is_gone)
