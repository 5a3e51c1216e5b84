"""The post of every proof, and topics of its own on the run's Kafka."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from infra.contexts import CONTEXTS
from infra.dev_stack.dev_secrets import Keys
from infra.dev_stack.local.stack import StackAddresses
from shared.kernel.ids import new_id
from shared.messaging import topics
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.topics import Layout, TopicDeclaration
from tests.integration.shared.delivery_harness import DeliveryHarness, make_tables, opened
from tests.integration.shared.parcel_context import TOPIC

TOPICS = [TopicDeclaration(TOPIC, is_compacted=False, retention_days=1)]
_PLATFORM = ("outbox", "event", "inbox", "parked", "deadline", "idempotency", "audit", "relay_state", "log_pruning")
_FILLED = [f"{schema}.{table}" for schema in CONTEXTS for table in _PLATFORM] + ["rapid_care.parcel", "navigation.effect"]


@pytest.fixture(scope="session")
async def platform_url(addresses: StackAddresses, template: str, keys: Keys) -> AsyncIterator[str]:
    """A database of these proofs' own, with the parcel's tables beside the platform's."""
    name = f"platform_{new_id().hex}"
    await _run(addresses.database_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    url = make_url(addresses.database_url).set(database=name).render_as_string(hide_password=False)
    await make_tables(url, keys.roles)
    yield url
    await _run(addresses.database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def post(platform_url: str, keys: Keys) -> AsyncIterator[DeliveryHarness]:
    await _run(platform_url, *(f"DELETE FROM {table}" for table in _FILLED))  # noqa: S608  the names above
    async with opened(platform_url, keys) as post:
        yield post


@pytest.fixture
async def kafka(addresses: StackAddresses) -> KafkaSettings:
    """The run's Kafka under a prefix of the test's own, with the topics made."""
    prefix = f"{new_id().hex}."
    await topics.create(addresses.kafka_bootstrap, TOPICS, Layout(prefix=prefix, partitions=3))
    return KafkaSettings(addresses.kafka_bootstrap, prefix)


async def _run(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
