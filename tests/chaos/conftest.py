"""Fixtures of the tests on seeded defects."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from infra.deploy.topics import declarations
from infra.dev_stack.dev_secrets import Keys
from infra.dev_stack.local.stack import StackAddresses
from shared.kernel.ids import new_id
from shared.messaging import topics
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.topics import Layout
from tests.chaos.defects.stack import DefectStack


@pytest.fixture
async def stack(own_url: str, addresses: StackAddresses, keys: Keys, tmp_path: Path) -> AsyncIterator[DefectStack]:
    prefix = f"{new_id().hex}."
    await topics.create(addresses.kafka_bootstrap, declarations(), Layout(prefix=prefix, partitions=1))
    owner = await asyncpg.connect(own_url)
    try:
        yield DefectStack(own_url, owner, KafkaSettings(addresses.kafka_bootstrap, prefix), keys, tmp_path)
    finally:
        await owner.close()
