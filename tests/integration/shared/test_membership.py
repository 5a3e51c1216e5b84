"""A member of the group: partitions come and go, and whatever becomes of the member, no record is passed over and none waits unseen."""

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
    send_to_all,
    until,
    until_applied,
)
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.parcel_context import TOPIC
from tests.integration.shared.test_relay import relaying, until_sent
from tests.timeouts import LONGEST_WAIT

_SESSION = 6.0  # the shortest that a broker allows


class StaleMember(ModifiedConsumer):
    """Kafka never tells it where to begin."""

    def _alter(self, consumer: Any) -> None:
        consumer._thread.seek_to_committed = partial(asyncio.sleep, LONGEST_WAIT)


async def test_a_consumer_that_cannot_learn_where_to_begin_ends(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    """Faust would wait, and then read nothing any more without a word."""
    uninformed = StaleMember(RecordingProcessor(post), GROUP, [TOPIC], kafka, session=6.0)
    with pytest.raises(ConsumerStopped) as stopped:
        await asyncio.wait_for(uninformed.run(), LONGEST_WAIT)

    assert isinstance(stopped.value.__cause__, TimeoutError)


class ExpelledMember(ModifiedConsumer):
    """The second record of a partition is dropped once on its way, as faust may when partitions are given out anew."""

    def _alter(self, consumer: Any) -> None:
        look, dropped = consumer._getmany, list[int]()

        async def forgetting(*given: Any) -> Any:
            found = await look(*given)
            for records in found.values():
                if not dropped and (second := [record for record in records if record.offset == 1]):
                    records.remove(second[0])
                    dropped.append(1)
            return found

        consumer._getmany = forgetting


async def test_a_record_that_faust_passes_over_is_not_lost(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    person = new_id()
    for _ in range(5):
        await post.send(person)
    async with relaying(post, kafka):
        await until_sent(post)
        forgetful = ExpelledMember(RecordingProcessor(post), GROUP, [TOPIC], kafka)
        with pytest.raises(ConsumerStopped) as stopped:
            await asyncio.wait_for(forgetful.run(), LONGEST_WAIT)
        assert isinstance(stopped.value.__cause__, OffsetGap)

        async with consuming(post, kafka):
            await until_applied(post, 5)

    assert await post.events_without_their_one_effect() == []


async def test_two_instances_share_the_partitions_and_one_carries_on_alone(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    async with relaying(post, kafka), consuming(post, kafka, session=_SESSION) as first:
        await send_to_all(post, 30)
        await until_applied(post, 30)
        async with consuming(post, replace(kafka, instance="1"), session=_SESSION) as second:
            async with asyncio.timeout(LONGEST_WAIT):
                while not second.intake.batches:
                    await send_to_all(post, 10)
                    await asyncio.sleep(0.2)
        await send_to_all(post, 30)
        await until_applied(post, await post.count("rapid_care.event"))

    partitions = {record.partition for batch in second.intake.batches for record in batch}
    assert 0 < len(partitions) < 3
    assert {record.partition for batch in first.intake.batches for record in batch} == {0, 1, 2}
    assert await post.events_without_their_one_effect() == []


async def test_what_was_read_before_the_partitions_were_given_out_anew_is_left(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    """It is sent again from the last acknowledged place, to whoever has the partition then."""
    person = new_id()
    for _ in range(3 * BATCH):
        await post.send(person)
    async with relaying(post, kafka):
        await until_sent(post)
        async with consuming(post, kafka, session=_SESSION) as first:
            first.intake.gate.clear()
            await until(lambda: bool(first.intake.batches))
            async with consuming(post, replace(kafka, instance="1"), session=_SESSION) as second:
                await until(lambda: second.consumer.is_working)
                first.intake.gate.set()
                await until_applied(post, 3 * BATCH)

    read_anew = [record.offset for batch in first.intake.batches[1:] for record in batch]
    assert read_anew[:1] in ([], [0])
    assert read_anew == list(range(len(read_anew)))
    assert await post.events_without_their_one_effect() == []


async def test_a_consumer_that_its_group_does_not_take_ends_and_says_why(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    """Kafka's client would tell it to whoever waits for records, and to nobody else; here nobody waits yet."""
    stranger = AIOKafkaConsumer(kafka.prefix + TOPIC, bootstrap_servers=kafka.bootstrap, group_id=kafka.prefix + GROUP)
    async with stranger, consuming(post, kafka) as running:
        with pytest.raises(ConsumerStopped) as stopped:
            await asyncio.wait_for(running.task, LONGEST_WAIT)

    assert isinstance(stopped.value.__cause__, InconsistentGroupProtocolError)


class Cancelled(ModifiedConsumer):
    """Its first look is cancelled by nobody who stops it."""

    def _alter(self, consumer: Any) -> None:
        look: Callable[..., Any] = consumer._getmany

        async def cancelled(*_: Any) -> Any:
            consumer._getmany = look
            raise asyncio.CancelledError

        consumer._getmany = cancelled


async def test_a_reading_that_is_cancelled_out_of_nowhere_ends_the_consumer(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    cancelled = Cancelled(RecordingProcessor(post), GROUP, [TOPIC], kafka)
    with pytest.raises(ConsumerStopped) as stopped:
        await asyncio.wait_for(cancelled.run(), LONGEST_WAIT)

    assert isinstance(stopped.value.__cause__, asyncio.CancelledError)


class Interrupted(ModifiedConsumer):
    """Told to end while partitions are given out to it; notes the threads that close the client of faust's thread."""

    closing: list[threading.Thread]
    ending: asyncio.Task[None]

    def _alter(self, consumer: Any) -> None:
        give, self.closing = consumer.on_partitions_assigned, []

        async def late(*given: Any) -> None:
            client = consumer._thread._consumer._client
            close = client.close

            async def noting() -> None:
                self.closing.append(threading.current_thread())
                await close()

            client.close = noting
            self.ending = asyncio.create_task(self.app.stop())
            await asyncio.sleep(0)
            await give(*given)

        consumer.on_partitions_assigned = late


async def test_a_consumer_that_ends_while_partitions_are_given_out_closes_its_client_where_it_lives(
    post: DeliveryHarness, kafka: KafkaSettings
) -> None:
    """Faust would close it from outside its thread, which then at times waits for a connection's end that nobody tells it."""
    interrupted = Interrupted(RecordingProcessor(post), GROUP, [TOPIC], kafka)
    with pytest.raises(ConsumerStopped):
        await asyncio.wait_for(interrupted.run(), LONGEST_WAIT)
    await asyncio.wait_for(interrupted.ending, LONGEST_WAIT)

    assert interrupted.closing
    assert threading.main_thread() not in interrupted.closing
