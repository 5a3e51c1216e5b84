"""Topics are created when there are enough brokers for their replicas."""

import pytest
from aiokafka.errors import InvalidReplicationFactorError

from shared.kernel.ids import new_id
from shared.messaging import topics
from shared.messaging.topics import Layout
from tests.integration.shared.parcel_context import TOPICS


async def test_topic_with_more_replicas_than_brokers_is_refused(kafka_bootstrap: str) -> None:
    prefix = f"{new_id().hex}."

    with pytest.raises(InvalidReplicationFactorError, match=prefix):
        await topics.create(kafka_bootstrap, TOPICS, Layout(prefix=prefix, replication=2), wait_seconds=0.7)

    assert await topics.create(kafka_bootstrap, TOPICS, Layout(prefix=prefix)) == [f"{prefix}{each.name}" for each in TOPICS]
