"""No batch of a foreign program stops a consumer, not even one that this client cannot read."""

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c
from confluent_kafka import Producer

from shared.messaging.kafka_settings import KafkaSettings
from shared.persistence import parked_records
from tests.integration.shared.consumer_harness import consuming, until_applied
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.parcel_context import TOPIC
from tests.integration.shared.relay_harness import relaying

_PARTITIONS = 3
#: The place of the checksum in a batch, and of what it covers.
_CHECKSUM, _COVERED = slice(17, 21), slice(21, None)
Send = Callable[[KafkaSettings], Awaitable[None]]


async def send_compressed(kafka: KafkaSettings, codec: str) -> None:
    """One batch to each partition."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "compression.type": codec})
    for partition in range(_PARTITIONS):
        producer.produce(kafka.prefix + TOPIC, b"x" * 1000, b"person", partition)
    producer.flush()


async def send_transaction(kafka: KafkaSettings) -> None:
    """The markers of a transaction leave gaps between the offsets of records."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": kafka.prefix})
    producer.init_transactions()
    producer.begin_transaction()
    for partition in range(_PARTITIONS):
        producer.produce(kafka.prefix + TOPIC, b"x", b"person", partition)
    producer.commit_transaction()


async def send_invalid_header_names(kafka: KafkaSettings) -> None:
    """A batch of two records to each partition, the second with a header name that is no UTF-8."""
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        for partition in range(_PARTITIONS):
            batch = producer.create_batch()
            for name in ("aaaa", "zzzz"):
                batch.append(timestamp=None, key=b"person", value=b"{}", headers=[(name, str(partition).encode())])
            built = bytearray(bytes(batch._build()).replace(b"zzzz", b"\xff\xfe\xfd\xfc"))
            built[_CHECKSUM] = calc_crc32c(bytes(built[_COVERED])).to_bytes(4, "big")
            batch._buffer = built
            await (await producer.send_batch(batch, kafka.prefix + TOPIC, partition=partition))


#: How a foreign program writes, and how many of its records are then parked. Equal records are parked once.
HOSTILE: dict[str, tuple[Send, int]] = {codec: (partial(send_compressed, codec=codec), 1) for codec in ("gzip", "snappy", "lz4", "zstd")}
HOSTILE |= {"transaction": (send_transaction, 1), "invalid header names": (send_invalid_header_names, 4)}


@pytest.mark.parametrize("form", HOSTILE)
async def test_foreign_batch_stops_no_consumer(harness: DeliveryHarness, kafka: KafkaSettings, form: str) -> None:
    send, parked = HOSTILE[form]
    await send(kafka)

    async with relaying(harness, kafka), consuming(harness, kafka) as running:
        for _ in range(3 * _PARTITIONS):
            await harness.send()
        await until_applied(harness, 3 * _PARTITIONS)
        await running.consumer.until_committed()

    assert await harness.events_not_applied_once() == []
    async with harness.receiver.database.read_only() as reader:
        found = await parked_records.waiting(reader)
    assert [each.is_authentic for each in found] == [False] * parked
