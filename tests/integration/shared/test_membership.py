"""Rebalances and failures of a group member skip no record and leave none unread."""

import asyncio
import threading
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import InconsistentGroupProtocolError

from shared.kernel.ids import new_id
from shared.messaging.inbound.consumer import BATCH, ConsumerStopped
from shared.messaging.inbound.gap_detector import OffsetGap
from shared.messaging.kafka_client import connections_of
from shared.messaging.kafka_settings import KafkaSettings
from tests.integration.shared.consumer_harness import (
    GROUP,
    InspectableClient,
    consuming,
    send_many,
    until_applied,
)
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.parcel_context import TOPIC
from tests.integration.shared.relay_harness import relaying, until_sent
from tests.timeouts import LONGEST_WAIT, until

_SESSION = 6.0  # the minimum of a broker


class ClientWithoutOffsets(InspectableClient):
    """Never receives its committed offsets from Kafka."""

    async def seek_committed(self) -> Mapping[TopicPartition, int | None]:
        await asyncio.sleep(LONGEST_WAIT)
        return {}


async def test_consumer_without_committed_offsets_ends(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    """Without the product's client, faust would wait and then stop reading without an error."""
    async with consuming(harness, kafka, session=6.0, client=ClientWithoutOffsets) as running:
        with pytest.raises(ConsumerStopped) as stopped:
            await asyncio.wait_for(running.task, LONGEST_WAIT)

    assert isinstance(stopped.value.__cause__, TimeoutError)


class SkippingClient(InspectableClient):
    """Drops the second record of a partition once, as faust may in a rebalance."""

    has_skipped = False

    async def read(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, list[ConsumerRecord]]:
        found = await super().read(partitions)
        for records in found.values():
            if not self.has_skipped and (second := [record for record in records if record.offset == 1]):
                records.remove(second[0])
                self.has_skipped = True
        return found


async def test_record_skipped_by_faust_is_not_lost(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    person = new_id()
    for _ in range(5):
        await harness.send(person)
    async with relaying(harness, kafka):
        await until_sent(harness)
        async with consuming(harness, kafka, client=SkippingClient) as running:
            with pytest.raises(ConsumerStopped) as stopped:
                await asyncio.wait_for(running.task, LONGEST_WAIT)
        assert isinstance(stopped.value.__cause__, OffsetGap)

        async with consuming(harness, kafka):
            await until_applied(harness, 5)

    assert await harness.events_not_applied_once() == []


async def test_two_instances_share_partitions_until_one_ends(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    async with relaying(harness, kafka), consuming(harness, kafka, session=_SESSION) as first:
        await send_many(harness, 30)
        await until_applied(harness, 30)
        async with consuming(harness, replace(kafka, instance="1"), session=_SESSION) as second:
            async with asyncio.timeout(LONGEST_WAIT):
                while not second.processor.batches:
                    await send_many(harness, 10)
                    await asyncio.sleep(0.2)
        await send_many(harness, 30)
        await until_applied(harness, await harness.count("rapid_care.event"))

    partitions = {record.partition for batch in second.processor.batches for record in batch}
    assert 0 < len(partitions) < 3
    assert {record.partition for batch in first.processor.batches for record in batch} == {0, 1, 2}
    assert await harness.events_not_applied_once() == []


async def test_records_read_before_a_rebalance_are_dropped(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    """The next owner of the partition reads them again from the committed offset."""
    person = new_id()
    for _ in range(3 * BATCH):
        await harness.send(person)
    async with relaying(harness, kafka):
        await until_sent(harness)
        async with consuming(harness, kafka, session=_SESSION) as first:
            first.processor.gate.clear()
            await until(lambda: bool(first.processor.batches))
            async with consuming(harness, replace(kafka, instance="1"), session=_SESSION) as second:
                await until(lambda: second.consumer.is_working)
                first.processor.gate.set()
                await until_applied(harness, 3 * BATCH)

    read_again = [record.offset for batch in first.processor.batches[1:] for record in batch]
    assert read_again[:1] in ([], [0])
    assert read_again == list(range(len(read_again)))
    assert await harness.events_not_applied_once() == []


async def test_consumer_refused_by_its_group_ends(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    """Kafka's client raises the error only in a waiting fetch; here no fetch waits yet."""
    stranger = AIOKafkaConsumer(kafka.prefix + TOPIC, bootstrap_servers=kafka.bootstrap, group_id=kafka.prefix + GROUP)
    async with stranger, consuming(harness, kafka) as running:
        with pytest.raises(ConsumerStopped) as stopped:
            await asyncio.wait_for(running.task, LONGEST_WAIT)

    assert isinstance(stopped.value.__cause__, InconsistentGroupProtocolError)


class CancelledClient(InspectableClient):
    """Its first fetch is cancelled, although the consumer is not stopped."""

    is_cancelled = False

    async def read(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, list[ConsumerRecord]]:
        if not self.is_cancelled:
            self.is_cancelled = True
            raise asyncio.CancelledError
        return await super().read(partitions)


async def test_cancelled_fetch_ends_the_consumer(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    async with consuming(harness, kafka, client=CancelledClient) as running:
        with pytest.raises(ConsumerStopped) as stopped:
            await asyncio.wait_for(running.task, LONGEST_WAIT)

    assert isinstance(stopped.value.__cause__, asyncio.CancelledError)


class ClientStoppedInAssignment(InspectableClient):
    """Is stopped during the assignment of partitions; records the threads that close its connections."""

    stopping: asyncio.Task[None]

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.closing: list[threading.Thread] = []

    async def take_partitions(self, *assigned: Any) -> None:
        connections = connections_of(self.thread)
        close = connections.close

        async def record_and_close() -> None:
            self.closing.append(threading.current_thread())
            await close()

        connections.close = record_and_close
        self.stopping = asyncio.create_task(self.stop())
        await asyncio.sleep(0)
        await super().take_partitions(*assigned)


async def test_stop_during_assignment_closes_client_in_its_thread(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    """Otherwise faust would close the client from another thread, and could wait without limit for a connection to end."""
    async with consuming(harness, kafka, client=ClientStoppedInAssignment) as running:
        with pytest.raises(ConsumerStopped):
            await asyncio.wait_for(running.task, LONGEST_WAIT)

    client = running.consumer.client
    assert isinstance(client, ClientStoppedInAssignment)
    await asyncio.wait_for(client.stopping, LONGEST_WAIT)
    assert client.closing
    assert threading.main_thread() not in client.closing
