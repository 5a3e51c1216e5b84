"""Rebalances and failures of a group member skip no record and leave none unread."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import InconsistentGroupProtocolError

from shared.kernel.ids import new_id
from shared.messaging.inbound.consumer import BATCH, ConsumerStopped
from shared.messaging.inbound.gap_detector import OffsetGap
from shared.messaging.kafka_settings import KafkaSettings
from tests.integration.shared.consumer_harness import (
    GROUP,
    ModifiedConsumer,
    RecordingProcessor,
    consuming,
    send_many,
    until_applied,
)
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.parcel_context import TOPIC
from tests.integration.shared.relay_harness import relaying, until_sent
from tests.timeouts import LONGEST_WAIT, until

_SESSION = 6.0  # the minimum of a broker


class StaleMember(ModifiedConsumer):
    """Never receives its committed offsets from Kafka."""

    def _modify(self, consumer: Any) -> None:
        consumer._thread.seek_to_committed = partial(asyncio.sleep, LONGEST_WAIT)


async def test_consumer_without_committed_offsets_ends(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    """Without the product's consumer, faust would wait and then stop reading without an error."""
    uninformed = StaleMember(RecordingProcessor(harness), GROUP, [TOPIC], kafka, session=6.0)
    with pytest.raises(ConsumerStopped) as stopped:
        await asyncio.wait_for(uninformed.run(), LONGEST_WAIT)

    assert isinstance(stopped.value.__cause__, TimeoutError)


class ForgetfulMember(ModifiedConsumer):
    """Drops the second record of a partition once, as faust may in a rebalance."""

    def _modify(self, consumer: Any) -> None:
        getmany, dropped = consumer._getmany, list[int]()

        async def forgetting(*args: Any) -> Any:
            found = await getmany(*args)
            for records in found.values():
                if not dropped and (second := [record for record in records if record.offset == 1]):
                    records.remove(second[0])
                    dropped.append(1)
            return found

        consumer._getmany = forgetting


async def test_record_skipped_by_faust_is_not_lost(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    person = new_id()
    for _ in range(5):
        await harness.send(person)
    async with relaying(harness, kafka):
        await until_sent(harness)
        forgetful = ForgetfulMember(RecordingProcessor(harness), GROUP, [TOPIC], kafka)
        with pytest.raises(ConsumerStopped) as stopped:
            await asyncio.wait_for(forgetful.run(), LONGEST_WAIT)
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


class CancelledFetch(ModifiedConsumer):
    """The consumer's first fetch is cancelled, although the consumer is not stopped."""

    def _modify(self, consumer: Any) -> None:
        getmany: Callable[..., Any] = consumer._getmany

        async def cancelled(*_: Any) -> Any:
            consumer._getmany = getmany
            raise asyncio.CancelledError

        consumer._getmany = cancelled


async def test_cancelled_fetch_ends_the_consumer(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    cancelled = CancelledFetch(RecordingProcessor(harness), GROUP, [TOPIC], kafka)
    with pytest.raises(ConsumerStopped) as stopped:
        await asyncio.wait_for(cancelled.run(), LONGEST_WAIT)

    assert isinstance(stopped.value.__cause__, asyncio.CancelledError)


class StoppedInAssignment(ModifiedConsumer):
    """A consumer that is stopped during the assignment of partitions; records the threads that close faust's client."""

    closing: list[threading.Thread]
    stopping: asyncio.Task[None]

    def _modify(self, consumer: Any) -> None:
        give, self.closing = consumer.on_partitions_assigned, []

        async def late(*args: Any) -> None:
            client = consumer._thread._consumer._client
            close = client.close

            async def record_and_close() -> None:
                self.closing.append(threading.current_thread())
                await close()

            client.close = record_and_close
            self.stopping = asyncio.create_task(self.app.stop())
            await asyncio.sleep(0)
            await give(*args)

        consumer.on_partitions_assigned = late


async def test_stop_during_assignment_closes_client_in_its_thread(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    """Without the product's consumer, faust would close the client from another thread, and could wait for ever for a connection to end."""
    interrupted = StoppedInAssignment(RecordingProcessor(harness), GROUP, [TOPIC], kafka)
    with pytest.raises(ConsumerStopped):
        await asyncio.wait_for(interrupted.run(), LONGEST_WAIT)
    await asyncio.wait_for(interrupted.stopping, LONGEST_WAIT)

    assert interrupted.closing
    assert threading.main_thread() not in interrupted.closing
