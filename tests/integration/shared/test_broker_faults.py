"""After Kafka was unavailable or lost its data, no acknowledged event is lost and none is applied twice.

These tests use a separate broker, because they kill and wipe it.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from infra.deploy.topics import forget_cluster
from infra.dev_stack.dev_secrets import Keys
from infra.dev_stack.local.kafka import LocalKafka
from infra.dev_stack.local.stack import Stack, StackAddresses
from infra.dev_stack.local.supervisor import Program, Supervisor
from infra.dev_stack.process_environment import environment
from shared.clock import wall_clock
from shared.contracts.envelope import read_envelope
from shared.kernel.ids import new_id
from shared.messaging import topics
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.outbound.relay import ClusterChanged, Relay, RelaySettings
from shared.messaging.topics import Layout
from tests.builders.programs import Programs
from tests.integration.shared.consumer_harness import GROUP, ConsumerStack, consuming, until_applied
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.parcel_context import TOPICS
from tests.integration.shared.relay_harness import QUICK, create_relay, read_topic, relaying, running, until_sent
from tests.timeouts import LONGEST_WAIT, until

AWAY_SECONDS = 15  # longer than each timeout of the relay's Kafka clients
_LESS_THAN_A_MINUTE = 30

pytestmark = pytest.mark.timeout(600)


#: The broker keeps the records of earlier tests, which a receiver may read again.
_OF_THIS_LOG = "navigation.effect JOIN rapid_care.event ON event.id = event_id"


@pytest.fixture(scope="module")
async def broker(addresses: StackAddresses) -> AsyncIterator[LocalKafka]:
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("DATABASE_URL", addresses.database_url)  # the PostgreSQL of the test process
        changed.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
        stack = Stack(name=f"test-{os.getpid()}-faults", ephemeral=True)
        await stack.start()
        assert isinstance(stack.kafka, LocalKafka)
        yield stack.kafka
        await stack.stop()


async def make_topics(broker: LocalKafka) -> None:
    await topics.create(broker.bootstrap, TOPICS, Layout(partitions=3))


@asynccontextmanager
async def working(
    harness: DeliveryHarness, broker: LocalKafka, keys: Keys, programs: Programs, folder: Path, *ends: str
) -> AsyncIterator[Supervisor]:
    """A supervised worker for each context."""
    harness.sender.clock.at = wall_clock()
    await make_topics(broker)
    variables = {**os.environ, **environment(harness.owner_url, broker.bootstrap, keys)}
    supervised = [Program(end, ["tests.integration.shared.worker_main", end], variables) for end in ends]
    async with Supervisor(supervised, folder, programs.begin) as supervisor:
        yield supervisor


async def test_requests_succeed_while_the_broker_is_down(
    harness: DeliveryHarness, broker: LocalKafka, keys: Keys, programs: Programs, tmp_path: Path
) -> None:
    async with working(harness, broker, keys, programs, tmp_path, "sender", "receiver"):
        await harness.post()
        await until(harness.is_delivered)

        await broker.kill()
        responses = []
        async with asyncio.timeout(LONGEST_WAIT):
            until_back = asyncio.create_task(asyncio.sleep(AWAY_SECONDS))
            while not until_back.done():
                sent = await harness.post()
                responses += [sent, await harness.accept(sent.json()["id"], 1)]
                await asyncio.sleep(0.2)
        assert await harness.count(_OF_THIS_LOG) == 1
        await broker.start()
        await until(harness.is_delivered)

    assert {response.status_code for response in responses} == {200, 201}
    assert await harness.count(_OF_THIS_LOG) == 1 + len(responses)


async def test_wiped_broker_is_refilled_from_the_log(
    harness: DeliveryHarness, broker: LocalKafka, keys: Keys, programs: Programs, tmp_path: Path
) -> None:
    async with working(harness, broker, keys, programs, tmp_path, "sender", "receiver") as supervisor:
        for _ in range(30):
            await harness.post()
        await until(harness.is_delivered)
        await harness.post()  # Kafka may lose it before it is consumed

        await broker.wipe()
        await make_topics(broker)
        for _ in range(10):
            await harness.post()
        await until(lambda: _has_two_clusters(harness))
        await until(harness.is_delivered)
        assert "ClusterChanged" in supervisor.log("sender").read_text()

    assert await harness.count(_OF_THIS_LOG) == 41


async def test_unread_records_arrive_after_the_broker_is_wiped(
    harness: DeliveryHarness, broker: LocalKafka, keys: Keys, programs: Programs, tmp_path: Path
) -> None:
    async with working(harness, broker, keys, programs, tmp_path, "sender"):
        for _ in range(20):
            await harness.post()
        await until(lambda: _sent(harness))
    assert await harness.effects() == []

    await broker.wipe()
    async with working(harness, broker, keys, programs, tmp_path, "sender", "receiver"):
        await until(harness.is_delivered)

    assert await harness.count(_OF_THIS_LOG) == 20


@pytest.mark.parametrize("ends_in", ["absence", "the new topic"])
async def test_running_consumer_skips_nothing_of_a_recreated_topic(ends_in: str, harness: DeliveryHarness, broker: LocalKafka) -> None:
    """A broker may return under its old cluster id without the topic; the last batch ends before or after the topic is created."""
    harness.sender.clock.at = wall_clock()
    kafka, person = KafkaSettings(broker.bootstrap, f"{new_id().hex}."), new_id()
    await _make(kafka)
    async with consuming(harness, kafka, session=6.0) as living:
        async with relaying(harness, kafka):
            for _ in range(30):
                await harness.send(person)
            await until_applied(harness, 30)
            living.processor.gate.clear()
            await harness.send(person)
            await until(lambda: _has_read(living, 31))

        assert living.consumer.client
        member = living.consumer.client
        revocations = member.revocations
        await forget_topics(broker)
        if ends_in == "absence":
            living.processor.gate.set()
            await until_applied(harness, 31)
        await until(lambda: member.revocations > revocations)  # the broker no longer knows the member
        await forget_cluster(harness.owner, "rapid_care")
        assignments = len(member.assignments)
        await _make(kafka)
        living.processor.gate.set()
        await until_applied(harness, 31)

        async def has_new_assignment() -> bool:
            assert await _committed_offset(kafka) == 0
            return len(member.assignments) > assignments and bool(living.consumer.assigned)

        await until(has_new_assignment)
        await living.consumer.until_committed()
        assert await _committed_offset(kafka) == 0
        async with relaying(harness, kafka) as relay:
            for _ in range(10):
                await harness.send(person)
            with pytest.raises(ClusterChanged):
                await relay
        async with relaying(harness, kafka):
            await until_applied(harness, 41)
    assert await harness.events_not_applied_once() == []


class SendingRelay(Relay):
    """Sets `is_sending` when it gives events to the Kafka producer."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.is_sending = asyncio.Event()

    async def _send(self, producer: AIOKafkaProducer, rows: Sequence[asyncpg.Record], sent: list[asyncpg.Record]) -> None:
        self.is_sending.set()
        await super()._send(producer, rows, sent)


async def test_wipe_during_publishing_preserves_event_order(harness: DeliveryHarness, broker: LocalKafka) -> None:
    """A producer with retries would put a later event into the new topic before the earlier ones."""
    harness.sender.clock.at = wall_clock()
    kafka, person = KafkaSettings(broker.bootstrap, f"{new_id().hex}."), new_id()
    await _make(kafka)
    without_checks = replace(QUICK, cluster_check_interval=LONGEST_WAIT, recheck_after_idle=LONGEST_WAIT)
    relay = create_relay(harness, kafka, without_checks, SendingRelay)
    async with running(relay) as task:
        sent = [await harness.send(person) for _ in range(3)]
        await until_sent(harness)
        await broker.kill()
        relay.is_sending.clear()
        sent.append(await harness.send(person))
        await asyncio.wait_for(relay.is_sending.wait(), LONGEST_WAIT)
        await broker.wipe()
        await _make(kafka)
        with pytest.raises(ClusterChanged):
            await asyncio.wait_for(task, LONGEST_WAIT)
    assert await _subjects_in_topic(harness, kafka) == [parcel.id for parcel in sent]


async def test_idle_relay_checks_cluster_id_before_next_event(harness: DeliveryHarness, broker: LocalKafka) -> None:
    harness.sender.clock.at = wall_clock()
    kafka, person = KafkaSettings(broker.bootstrap, f"{new_id().hex}."), new_id()
    await _make(kafka)
    async with relaying(harness, kafka, RelaySettings(cluster_check_interval=LONGEST_WAIT)) as relay:
        sent = [await harness.send(person) for _ in range(3)]
        await until_sent(harness)
        await broker.wipe()
        await _make(kafka)
        sent.append(await harness.send(person))
        with pytest.raises(ClusterChanged):
            await asyncio.wait_for(relay, LONGEST_WAIT)
    assert await _subjects_in_topic(harness, kafka) == [parcel.id for parcel in sent]


async def test_consumer_stops_in_order_while_broker_is_down(harness: DeliveryHarness, broker: LocalKafka) -> None:
    """One cancellation is enough, although the Kafka client raises while it closes."""
    kafka = KafkaSettings(broker.bootstrap, f"{new_id().hex}.")
    await _make(kafka)
    async with consuming(harness, kafka) as stopping:
        async with relaying(harness, kafka):
            await harness.send()
            await until_applied(harness, 1)
        await stopping.consumer.until_committed()
        await broker.kill()
        try:
            await stopping.consumer.until_committed()  # without a broker, and without an offset to commit
            stopping.task.cancel()
            await asyncio.wait([stopping.task], timeout=_LESS_THAN_A_MINUTE)
            assert stopping.task.cancelled()
        finally:
            await broker.start()


async def _subjects_in_topic(harness: DeliveryHarness, kafka: KafkaSettings) -> list[UUID]:
    """The first sequence numbers of each parcel in the topic, after a restarted relay has published everything."""
    async with relaying(harness, kafka):
        await until_sent(harness)
    return [*dict.fromkeys(UUID(read_envelope(record).subject) for record in await read_topic(kafka))]


async def forget_topics(broker: LocalKafka) -> None:
    """Removes the metadata log of the broker; its cluster id remains."""
    await broker.kill()
    for each in (broker.folder / "data").iterdir():
        if each.is_dir():
            shutil.rmtree(each)
    await broker.start()


async def _make(kafka: KafkaSettings) -> None:
    await topics.create(kafka.bootstrap, TOPICS, Layout(prefix=kafka.prefix, partitions=1))


async def _committed_offset(kafka: KafkaSettings) -> int:
    """The committed offset of the consumer group in its only partition."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        known = await admin.list_consumer_group_offsets(f"{kafka.prefix}{GROUP}")
    except KafkaError:  # the broker has no groups yet
        return 0
    else:
        return max((each.offset for each in known.values()), default=0)
    finally:
        await admin.close()


async def _has_read(consuming: ConsumerStack, count: int) -> bool:
    return sum(map(len, consuming.processor.batches)) >= count


async def _has_two_clusters(harness: DeliveryHarness) -> bool:
    return await harness.count("rapid_care.relay_state") == 2


async def _sent(harness: DeliveryHarness) -> bool:
    return not await harness.count("rapid_care.outbox")
