"""The in-memory broker for machines without Kafka's jars delivers events in the same way."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.deploy.topics import declarations
from infra.dev_stack.local.fallback_broker import FallbackBroker
from shared.messaging import topics
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.topics import Layout
from tests.integration.shared.consumer_harness import consuming, until_applied
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.parcel_context import TOPIC
from tests.integration.shared.relay_harness import relaying


@pytest.fixture
async def fallback_kafka(tmp_path: Path) -> AsyncIterator[KafkaSettings]:
    broker = FallbackBroker(tmp_path)
    await broker.start()
    yield KafkaSettings(broker.bootstrap)
    await broker.stop()


async def test_every_declared_topic_is_created(fallback_kafka: KafkaSettings) -> None:
    declared = [declaration.name for declaration in declarations()]

    assert await topics.create(fallback_kafka.bootstrap, declarations(), Layout()) == declared


async def test_event_takes_effect_through_the_fallback_broker(harness: DeliveryHarness, fallback_kafka: KafkaSettings) -> None:
    await topics.create(fallback_kafka.bootstrap, declarations(), Layout())
    async with relaying(harness, fallback_kafka), consuming(harness, fallback_kafka):
        for _ in range(10):
            await harness.post()
        await until_applied(harness, 10)

    assert await harness.events_not_applied_once() == []


async def test_existing_topics_are_not_created(kafka: KafkaSettings) -> None:
    layout = Layout(prefix=kafka.prefix, partitions=1)

    made = await topics.create(kafka.bootstrap, declarations(), layout)

    assert sorted([*made, kafka.prefix + TOPIC]) == sorted(kafka.prefix + each.name for each in declarations())
    assert await topics.create(kafka.bootstrap, declarations(), layout) == []
