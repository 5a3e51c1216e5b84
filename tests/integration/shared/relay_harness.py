"""A relay under test, and the records that it published to Kafka."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.contracts.envelope import Record
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.outbound.relay import Relay, RelaySettings
from shared.messaging.shutdown import cancel_and_wait
from shared.persistence.statements import Connection
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.parcel_context import TOPIC
from tests.timeouts import until

R = TypeVar("R", bound=Relay)

QUICK = RelaySettings(standby=0.05, restart_delay=0.05, cluster_check_interval=0.1)


class CheckingRelay(Relay):
    """Counts its checks of the cluster id."""

    checks = 0

    async def _check_cluster(self, connection: Connection, admin: AIOKafkaAdminClient) -> None:
        await super()._check_cluster(connection, admin)
        self.checks += 1

    async def until_checked(self, times: int) -> None:
        """Waits for this number of further checks, each of which follows everything that the relay sent before it."""
        last = self.checks + times
        await until(lambda: self.checks >= last)


def create_relay(harness: DeliveryHarness, kafka: KafkaSettings, settings: RelaySettings, kind: type[R]) -> R:
    return kind(harness.sender.database, "rapid_care", kafka, settings=settings)


def relaying(
    harness: DeliveryHarness, kafka: KafkaSettings, settings: RelaySettings = QUICK
) -> AbstractAsyncContextManager[asyncio.Task[None]]:
    return running(create_relay(harness, kafka, settings, Relay))


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(relay.run())
    try:
        yield task
    finally:
        await cancel_and_wait(task)  # an error of a connection that is lost at this moment replaces a cancellation


async def until_sent(harness: DeliveryHarness, left: int = 0) -> None:
    """Waits until at most `left` rows are in the outbox."""

    async def are_sent() -> bool:
        return await harness.count("rapid_care.outbox") <= left

    await until(are_sent)


async def limit_batch_bytes(kafka: KafkaSettings, limit: int) -> None:
    """Sets the largest record batch that the broker accepts for the topic, and waits until the broker applies it.

    A broker shows a change shortly before it applies it, and applies changes in order: the second is shown when the first is applied.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        for index_interval in ("4096", "8192"):
            await _configure(admin, kafka.prefix + TOPIC, {"max.message.bytes": str(limit), "index.interval.bytes": index_interval})
    finally:
        await admin.close()


async def _configure(admin: AIOKafkaAdminClient, topic: str, wanted: dict[str, str]) -> None:
    """Returns when the broker shows these values."""

    async def is_shown() -> bool:
        [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        [(*_, entries)] = answer.resources
        return wanted.items() <= {entry[0]: entry[1] for entry in entries}.items()

    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, wanted)])
    await until(is_shown)


async def read_topic(kafka: KafkaSettings, topic: str = TOPIC) -> list[Record]:
    """All records of the topic, partition by partition."""
    async with AIOKafkaConsumer(kafka.prefix + topic, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest") as consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        records = []
        for partition, end in ends.items():
            while await consumer.position(partition) < end:
                found = await consumer.getone(partition)
                records.append(Record(topic, found.partition, found.offset, found.key, found.value, tuple(found.headers)))
        return records
