"""The path through real Kafka and faust: HTTP request, relay, batches of the consumer, one effect, offset commit after the transaction."""

import asyncio
import threading
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from time import monotonic

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from infra.dev_stack.local.ports import HOST
from shared.contracts.codes import Condition
from shared.contracts.envelope import Record
from shared.kernel.ids import new_id
from shared.messaging.inbound.consumer import BATCH, Consumer, ConsumerStopped
from shared.messaging.inbound.lag import LagReporter
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.shutdown import cancel_and_wait
from shared.persistence import parked_records
from shared.telemetry import metrics
from tests.integration.shared.consumer_harness import GROUP, RecordingProcessor, consuming, send_many, until_applied
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.parcel_context import TOPIC
from tests.integration.shared.relay_harness import relaying, until_sent
from tests.timeouts import LONGEST_WAIT, until


async def test_http_command_takes_effect_in_other_context(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    async with relaying(harness, kafka), consuming(harness, kafka):
        parcel = (await harness.post()).json()
        await harness.accept(parcel["id"], 1)
        await until_applied(harness, 2)

    assert [(str(row["subject"]), row["sequence"]) for row in await harness.effects()] == [(parcel["id"], 1), (parcel["id"], 2)]
    assert await harness.events_not_applied_once() == []


async def test_backlog_is_applied_in_batches_in_key_order(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    people = [new_id() for _ in range(10)]
    sent = [await harness.send(people[number % 10]) for number in range(250)]
    async with relaying(harness, kafka), consuming(harness, kafka) as running:
        await until_applied(harness, 250)

    sizes = [len(batch) for batch in running.processor.batches]
    assert 1 < max(sizes) <= BATCH
    assert len(sizes) < 125
    for person in people:
        assert [row["subject"] for row in await harness.effects() if row["person_id"] == person] == [
            parcel.id for parcel in sent if parcel.person_id == person
        ]


async def test_next_consumer_continues_at_committed_offset(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    threads = set(threading.enumerate())
    async with relaying(harness, kafka), consuming(harness, kafka) as first:
        await harness.send()
        await until_applied(harness, 1)
        first.task.cancel()
        await asyncio.wait([first.task], timeout=LONGEST_WAIT)
        assert first.task.cancelled()
        assert set(threading.enumerate()) <= threads | {threading.main_thread()}

        await harness.send()
        async with consuming(harness, kafka) as second:
            await until_applied(harness, 2)

    assert [len(batch) for batch in second.processor.batches] == [1]


async def test_consumer_stops_uncommitted_when_processing_fails(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    for _ in range(3):
        await harness.send()
    async with relaying(harness, kafka):
        async with consuming(harness, kafka, fault=OSError("the database is away")) as first:
            with pytest.raises(ConsumerStopped) as stopped:
                await asyncio.wait_for(first.task, LONGEST_WAIT)
        assert isinstance(stopped.value.__cause__, OSError)
        assert await harness.effects() == []

        async with consuming(harness, kafka):
            await until_applied(harness, 3)

    assert await harness.events_not_applied_once() == []


async def test_records_after_unapplied_batch_are_not_committed(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    async with relaying(harness, kafka):
        async with consuming(harness, kafka) as first:
            first.processor.gate.clear()
            await harness.send()
            await until(lambda: bool(first.processor.batches))
            await send_many(harness, 200)
            await until_sent(harness)
            await first.consumer.until_committed()

        async with consuming(harness, kafka):
            await until_applied(harness, 201)

    assert await harness.events_not_applied_once() == []


class SlowProcessor(RecordingProcessor):
    """Needs a tenth of a second for a batch, at whose end the next record is in Kafka; records when each batch began and ended."""

    def __init__(self, harness: DeliveryHarness) -> None:
        super().__init__(harness)
        self.harness, self.times = harness, list[tuple[float, float]]()

    async def apply(self, records: Sequence[Record]) -> None:
        began = monotonic()
        await super().apply(records)
        await self.harness.send()
        await until_sent(self.harness)
        await asyncio.sleep(0.1)
        self.times.append((began, monotonic()))


async def test_consumer_waits_between_batches_under_load(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    processor = SlowProcessor(harness)
    consumer = Consumer(processor, GROUP, [TOPIC], kafka)
    task = asyncio.create_task(consumer.run())
    try:
        async with relaying(harness, kafka):
            await harness.send()
            await until(lambda: len(processor.times) >= 4)
    finally:
        await cancel_and_wait(task)

    delays = [following - ended for (_, ended), (following, _) in pairwise(processor.times)]
    assert min(delays) > 0.04


async def test_records_deleted_by_retention_are_no_gap(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    """Retention deletes the beginning of a partition; a new consumer continues with the rest."""
    person = new_id()
    for _ in range(5):
        await harness.send(person)
    async with relaying(harness, kafka):
        await until_sent(harness)
        await _delete_records(kafka, 3)
        async with consuming(harness, kafka) as running:
            await until_applied(harness, 2)
            assert not running.task.done()


async def _delete_records(kafka: KafkaSettings, before: int) -> None:
    """Deletes the records of every partition before an offset, where a partition has so many."""
    client = AIOKafkaConsumer(kafka.prefix + TOPIC, bootstrap_servers=kafka.bootstrap)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await client.start()
    await admin.start()
    try:
        ends = await client.end_offsets(client.assignment())
        await admin.delete_records({partition: RecordsToDelete(before_offset=before) for partition, end in ends.items() if end >= before})
    finally:
        await client.stop()
        await admin.close()


async def test_invalid_record_is_parked_and_later_ones_applied(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        await producer.send_and_wait(kafka.prefix + TOPIC, b"\x00 no event", key=b"\xff")
        await producer.send_and_wait(kafka.prefix + TOPIC, None, key=b"person", headers=[("ce_type", None), ("x", b"\x00")])
        await producer.send_and_wait(kafka.prefix + TOPIC, b"")
    async with relaying(harness, kafka), consuming(harness, kafka):
        await harness.send()
        await until_applied(harness, 1)
        await until(lambda: _has_parked(harness, 3))

    async with harness.receiver.database.read_only() as reader:
        assert {each.record.key for each in await parked_records.waiting(reader)} == {b"\xff", b"person", None}


async def test_poison_event_does_not_stop_the_consumer(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    harness.behaviour.failing.add(Condition.FALL)
    async with relaying(harness, kafka), consuming(harness, kafka) as running:
        await harness.send(condition=Condition.FALL)
        for _ in range(5):
            await harness.send()
        await until_applied(harness, 5)
        assert not running.task.done()
        await until(lambda: _has_parked(harness, 1))


async def _has_parked(harness: DeliveryHarness, count: int) -> bool:
    return await harness.count("navigation.parked") >= count


def lag() -> float:
    samples = [each for metric in metrics.CONSUMER_LAG.collect() for each in metric.samples]
    return sum(each.value for each in samples if (each.labels["context"], each.labels["topic"]) == (GROUP, TOPIC))


async def test_lag_is_reported_while_stopped_and_when_current(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    harness.behaviour.failing.add(Condition.FALL)
    async with relaying(harness, kafka):
        for _ in range(7):
            await harness.send()
        await until_sent(harness)
        async with consuming(harness, kafka, is_stopped=True):
            await until(lambda: lag() == 7)
        async with consuming(harness, kafka):
            await until(lambda: lag() == 0)

    assert await harness.events_not_applied_once() == []


async def test_lag_disappears_when_broker_is_away() -> None:
    metrics.CONSUMER_LAG.labels("navigation", TOPIC, 0).set(3)
    assert lag() >= 3
    nowhere = LagReporter("navigation", "navigation", [TOPIC], KafkaSettings(f"{HOST}:9"))
    watching = asyncio.create_task(nowhere.run())
    await until(lambda: not next(iter(metrics.CONSUMER_LAG.collect())).samples)
    await cancel_and_wait(watching)


async def test_consumer_stopped_by_parked_records_waits_for_operator(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    await harness.send()
    async with relaying(harness, kafka), consuming(harness, kafka, is_stopped=True) as running:
        await until_sent(harness)
        await until(lambda: running.processor.refusals >= 2)
        assert await harness.effects() == []
        assert not running.task.done()

        running.processor.is_stopped = False
        await until_applied(harness, 1)


def folders() -> set[Path]:
    return set(Path().glob("*-data"))


async def test_consumer_leaves_no_folder_in_working_directory(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    before = folders()
    async with relaying(harness, kafka), consuming(harness, kafka):
        await harness.send()
        await until_applied(harness, 1)

    assert folders() == before


async def test_consumer_waits_for_its_broker_and_topics(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    elsewhere = KafkaSettings(kafka.bootstrap, f"{new_id().hex}.")
    async with consuming(harness, KafkaSettings("127.0.0.1:9")) as nowhere, consuming(harness, elsewhere) as topicless:
        await until(lambda: len(nowhere.consumer.reasons) >= 2 and len(topicless.consumer.reasons) >= 2)
        assert set(nowhere.consumer.reasons) == {"KafkaConnectionError"}
        assert {each.partition(":")[0] for each in topicless.consumer.reasons} == {"topics are absent"}
        assert not nowhere.task.done()
        assert not topicless.task.done()
