"""Topics are created when there are brokers for them."""

import pytest
from aiokafka.errors import InvalidReplicationFactorError

from infra.dev_stack.local.stack import StackAddresses
from shared.kernel.ids import new_id
from shared.messaging import topics
from shared.messaging.topics import Layout
from tests.integration.shared.conftest import TOPICS


async def test_more_copies_than_brokers_are_refused_when_no_other_broker_has_come(addresses: StackAddresses) -> None:
    prefix = f"{new_id().hex}."

    with pytest.raises(InvalidReplicationFactorError, match=prefix):
        await topics.create(addresses.kafka_bootstrap, TOPICS, Layout(prefix=prefix, replication=2), patience=0.7)

    assert await topics.create(addresses.kafka_bootstrap, TOPICS, Layout(prefix=prefix)) == [f"{prefix}{each.name}" for each in TOPICS]
