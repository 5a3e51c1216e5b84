"""A static member that restarts is given the assignment of the process before it; it must still read what that one did not know."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from shared.messaging import topics
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.topics import Layout
from tests.integration.shared.consumer_harness import ConsumerStack, consuming, send_many, until_applied
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.parcel_context import TOPIC, TOPICS
from tests.integration.shared.relay_harness import relaying
from tests.timeouts import until


@pytest.fixture
def static_member(kafka: KafkaSettings) -> KafkaSettings:
    return replace(kafka, instance="0")


@asynccontextmanager
async def _administrating(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def _add_partitions(kafka: KafkaSettings) -> None:
    async with _administrating(kafka) as admin:
        await admin.create_partitions({kafka.prefix + TOPIC: NewPartitions(6)})


async def _delete_topic(kafka: KafkaSettings) -> None:
    async with _administrating(kafka) as admin:
        await topics.delete(admin, [kafka.prefix + TOPIC])


async def _until_assigned(running: ConsumerStack, count: int) -> None:
    await until(lambda: running.consumer.assigned is not None and len(running.consumer.assigned) == count)


async def _start_once(harness: DeliveryHarness, static_member: KafkaSettings) -> None:
    async with consuming(harness, static_member) as first:
        await _until_assigned(first, 3)


async def test_restarted_member_reads_partitions_added_before(harness: DeliveryHarness, static_member: KafkaSettings) -> None:
    await _start_once(harness, static_member)
    await _add_partitions(static_member)
    async with relaying(harness, static_member), consuming(harness, static_member) as restarted:
        await _until_assigned(restarted, 6)
        await send_many(harness, 30)
        await until_applied(harness, 30)

    assert await harness.events_not_applied_once() == []


async def test_restarted_member_reads_partitions_added_later(harness: DeliveryHarness, static_member: KafkaSettings) -> None:
    await _start_once(harness, static_member)
    async with relaying(harness, static_member), consuming(harness, static_member) as restarted:
        await _until_assigned(restarted, 3)
        await _add_partitions(static_member)
        await _until_assigned(restarted, 6)
        await send_many(harness, 30)
        await until_applied(harness, 30)

    assert await harness.events_not_applied_once() == []


async def test_restarted_member_reads_topic_that_was_absent(harness: DeliveryHarness, static_member: KafkaSettings) -> None:
    """A process that joins while a wiped broker has no topics is assigned nothing, and ends when its relay sees the new cluster."""
    async with consuming(harness, static_member) as first:
        await _until_assigned(first, 3)
        await _delete_topic(static_member)
        await _until_assigned(first, 0)
    await topics.create(static_member.bootstrap, TOPICS, Layout(prefix=static_member.prefix, partitions=3))
    async with relaying(harness, static_member), consuming(harness, static_member):
        await send_many(harness, 10)
        await until_applied(harness, 10)

    assert await harness.events_not_applied_once() == []
