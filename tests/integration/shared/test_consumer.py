"""The way through real Kafka and faust: over HTTP in, relayed, consumed in batches, applied once, acknowledged after the commit."""

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
from shared.persistence import parked
from shared.telemetry import metrics
from tests.integration.shared.consumer_harness import GROUP, RecordingProcessor, consuming, send_to_all, until, until_applied
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.parcel_context import TOPIC
from tests.integration.shared.test_relay import relaying, until_sent
from tests.timeouts import LONGEST_WAIT


async def test_what_is_sent_over_http_takes_effect_in_the_other_context(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    async with relaying(post, kafka), consuming(post, kafka):
        parcel = (await post.post()).json()
        await post.accept(parcel["id"], 1)
        await until_applied(post, 2)

    assert [(str(row["subject"]), row["sequence"]) for row in await post.effects()] == [(parcel["id"], 1), (parcel["id"], 2)]
    assert await post.events_without_their_one_effect() == []


async def test_a_backlog_is_applied_in_batches_and_in_the_order_of_each_person(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    people = [new_id() for _ in range(10)]
    sent = [await post.send(people[number % 10]) for number in range(250)]
    async with relaying(post, kafka), consuming(post, kafka) as running:
        await until_applied(post, 250)

    sizes = [len(batch) for batch in running.intake.batches]
    assert 1 < max(sizes) <= BATCH
    assert len(sizes) < 125
    for person in people:
        assert [row["subject"] for row in await post.effects() if row["person_id"] == person] == [
            parcel.id for parcel in sent if parcel.person_id == person
        ]


async def test_a_consumer_ends_when_it_is_told_to_and_the_next_goes_on_where_it_stopped(
    post: DeliveryHarness, kafka: KafkaSettings
) -> None:
    threads = set(threading.enumerate())
    async with relaying(post, kafka), consuming(post, kafka) as first:
        await post.send()
        await until_applied(post, 1)
        first.task.cancel()
        await asyncio.wait([first.task], timeout=LONGEST_WAIT)
        assert first.task.cancelled()
        assert set(threading.enumerate()) <= threads | {threading.main_thread()}

        await post.send()
        async with consuming(post, kafka) as second:
            await until_applied(post, 2)

    assert [len(batch) for batch in second.intake.batches] == [1]


async def test_a_consumer_that_cannot_apply_stops_with_the_cause_and_nothing_is_acknowledged(
    post: DeliveryHarness, kafka: KafkaSettings
) -> None:
    for _ in range(3):
        await post.send()
    async with relaying(post, kafka):
        async with consuming(post, kafka, broken=OSError("the database is away")) as first:
            with pytest.raises(ConsumerStopped) as stopped:
                await asyncio.wait_for(first.task, 40)
        assert isinstance(stopped.value.__cause__, OSError)
        assert await post.effects() == []

        async with consuming(post, kafka):
            await until_applied(post, 3)

    assert await post.events_without_their_one_effect() == []


async def test_what_comes_behind_a_batch_that_was_not_applied_is_not_acknowledged(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    async with relaying(post, kafka):
        async with consuming(post, kafka) as first:
            first.intake.gate.clear()
            await post.send()
            await until(lambda: bool(first.intake.batches))
            await send_to_all(post, 200)
            await until_sent(post)
            await asyncio.sleep(2)

        async with consuming(post, kafka):
            await until_applied(post, 201)

    assert await post.events_without_their_one_effect() == []


class _Deliberate(RecordingProcessor):
    """Takes a tenth of a second for a batch; remembers when each began and ended."""

    def __init__(self, post: DeliveryHarness) -> None:
        super().__init__(post)
        self.times: list[tuple[float, float]] = []

    async def apply(self, records: Sequence[Record]) -> None:
        began = monotonic()
        await super().apply(records)
        await asyncio.sleep(0.1)
        self.times.append((began, monotonic()))


async def test_a_consumer_rests_after_its_work_though_more_has_come(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    deliberate = _Deliberate(post)
    consumer = Consumer(deliberate, GROUP, [TOPIC], kafka)
    task = asyncio.create_task(consumer.run())
    try:
        async with relaying(post, kafka), asyncio.timeout(LONGEST_WAIT):
            while len(deliberate.times) < 4:
                await post.send()
                await asyncio.sleep(0.02)
    finally:
        await cancel_and_wait(task)

    rests = [following - ended for (_, ended), (following, _) in pairwise(deliberate.times)]
    assert min(rests) > 0.04


async def test_what_kafka_holds_no_longer_is_not_missed(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    """Retention takes the beginning of a partition; a consumer that never read it goes on with what is there."""
    person = new_id()
    for _ in range(5):
        await post.send(person)
    async with relaying(post, kafka):
        await until_sent(post)
        await _take_away(kafka, 3)
        async with consuming(post, kafka) as running:
            await until_applied(post, 2)
            assert not running.task.done()


async def _take_away(kafka: KafkaSettings, before: int) -> None:
    """The records of every partition that has any, up to an offset."""
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


async def test_what_is_no_event_is_parked_and_what_comes_after_it_flows(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        await producer.send_and_wait(kafka.prefix + TOPIC, b"\x00 no event", key=b"\xff")
        await producer.send_and_wait(kafka.prefix + TOPIC, None, key=b"somebody", headers=[("ce_type", None), ("x", b"\x00")])
        await producer.send_and_wait(kafka.prefix + TOPIC, b"")
    async with relaying(post, kafka), consuming(post, kafka):
        await post.send()
        await until_applied(post, 1)
        async with asyncio.timeout(LONGEST_WAIT):
            while await post.count("navigation.parked") < 3:
                await asyncio.sleep(0.02)

    async with post.receiver.database.read_only() as reader:
        assert {each.record.key for each in await parked.waiting(reader)} == {b"\xff", b"somebody", None}


async def test_a_poisonous_event_does_not_stop_the_consumer(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    post.behaviour.failing.add(Condition.FALL)
    async with relaying(post, kafka), consuming(post, kafka) as running:
        await post.send(condition=Condition.FALL)
        for _ in range(5):
            await post.send()
        await until_applied(post, 5)
        assert not running.task.done()
        async with asyncio.timeout(LONGEST_WAIT):
            while not await post.count("navigation.parked"):
                await asyncio.sleep(0.02)


def lag() -> float:
    samples = [each for metric in metrics.CONSUMER_LAG.collect() for each in metric.samples]
    return sum(each.value for each in samples if (each.labels["context"], each.labels["topic"]) == (GROUP, TOPIC))


async def test_the_lag_is_told_while_nothing_can_be_applied_and_when_all_is(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    post.behaviour.failing.add(Condition.FALL)
    async with relaying(post, kafka):
        for _ in range(7):
            await post.send()
        await until_sent(post)
        async with consuming(post, kafka, stopped=True):
            await until(lambda: lag() == 7)
        async with consuming(post, kafka):
            await until(lambda: lag() == 0)

    assert await post.events_without_their_one_effect() == []


async def test_lag_disappears_when_broker_is_away() -> None:
    metrics.CONSUMER_LAG.labels("navigation", TOPIC, 0).set(3)
    assert lag() >= 3
    nowhere = LagReporter("navigation", "navigation", [TOPIC], bootstrap=f"{HOST}:9", prefix="")
    watching = asyncio.create_task(nowhere.run())
    await until(lambda: not next(iter(metrics.CONSUMER_LAG.collect())).samples)
    await cancel_and_wait(watching)


async def test_a_consumer_that_was_stopped_by_what_was_parked_waits_for_the_operator(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    await post.send()
    async with relaying(post, kafka), consuming(post, kafka, stopped=True) as running:
        await asyncio.sleep(3)
        assert await post.effects() == []
        assert not running.task.done()

        running.intake.stopped = False
        await until_applied(post, 1)


def folders() -> set[Path]:
    return set(Path().glob("*-data"))


async def test_a_consumer_leaves_no_folder_where_it_runs(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    before = folders()
    async with relaying(post, kafka), consuming(post, kafka):
        await post.send()
        await until_applied(post, 1)

    assert folders() == before


async def test_a_consumer_waits_for_a_broker_and_for_its_topics(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    elsewhere = KafkaSettings(kafka.bootstrap, f"{new_id().hex}.")
    async with consuming(post, KafkaSettings("127.0.0.1:9")) as nowhere, consuming(post, elsewhere) as topicless:
        await asyncio.sleep(1.5)
        assert not nowhere.task.done()
        assert not topicless.task.done()
