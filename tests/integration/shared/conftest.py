"""The delivery harness of the tests of shared/, and topics of each test on the shared Kafka."""

from collections.abc import AsyncIterator

import pytest

from infra.contexts import CONTEXTS
from infra.dev_stack.dev_secrets import Keys
from shared.kernel.ids import new_id
from shared.messaging import topics
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.topics import Layout
from tests.builders.database import Databases
from tests.integration.shared.delivery_harness import DeliveryHarness, make_tables, open_harness
from tests.integration.shared.parcel_context import TOPICS

_SHARED_TABLES = (
    "outbox",
    "event",
    "inbox",
    "parked",
    "deadline",
    "idempotency",
    "audit",
    "audit_unsealed",
    "audit_block",
    "relay_state",
    "log_pruning",
)
_TABLES = [f"{schema}.{table}" for schema in CONTEXTS for table in _SHARED_TABLES] + ["rapid_care.parcel", "navigation.effect"]


@pytest.fixture(scope="session")
async def parcel_url(databases: Databases, keys: Keys) -> AsyncIterator[str]:
    """A database for the tests of shared/, with the tables of the parcel added."""
    async with databases.copy(f"parcel_{new_id().hex}") as url:
        await make_tables(url, keys.roles)
        yield url


@pytest.fixture
async def harness(parcel_url: str, keys: Keys) -> AsyncIterator[DeliveryHarness]:
    async with open_harness(parcel_url, keys) as harness:
        await harness.owner.execute("; ".join(f"DELETE FROM {table}" for table in _TABLES))  # noqa: S608  names of the test
        yield harness


@pytest.fixture
async def kafka(kafka_bootstrap: str) -> KafkaSettings:
    """The shared Kafka, with new topics under a prefix of this test."""
    prefix = f"{new_id().hex}."
    await topics.create(kafka_bootstrap, TOPICS, Layout(prefix=prefix, partitions=3))
    return KafkaSettings(kafka_bootstrap, prefix)
