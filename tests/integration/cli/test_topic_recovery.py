"""Topics that a broker lost without a new cluster id are refilled from the event logs."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from infra.deploy.topic_recovery import ensure_topics
from infra.dev_stack.dev_secrets import Keys
from infra.dev_stack.local.stack import StackAddresses
from shared.contracts.envelope import read_envelope
from shared.kernel.ids import new_id
from shared.messaging import topics
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.outbound.relay import ClusterChanged, Relay, RelaySettings
from shared.messaging.topics import Layout
from tests.builders.referrals import MONDAY, referrals
from tests.integration.shared.relay_harness import read_topic
from tests.timeouts import LONGEST_WAIT

_LOST = "referrals.referral"
_OF_TOPIC = "SELECT id FROM referrals.event WHERE topic = $1"


@pytest.fixture
async def owner(own_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(own_url)
    yield connection
    await connection.close()


async def _publish_all(relay: Relay, owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    task = asyncio.create_task(relay.run())
    async with asyncio.timeout(LONGEST_WAIT):
        while await owner.fetchval("SELECT count(*) FROM referrals.outbox"):
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait([task])


async def _delete_topic(topic: str, bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await topics.delete(admin, [topic])
    finally:
        await admin.close()


async def test_lost_topic_is_refilled_from_the_event_log(
    own_url: str, addresses: StackAddresses, keys: Keys, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    layout, bootstrap = Layout(prefix=f"{new_id().hex}.", partitions=1), addresses.kafka_bootstrap
    lost = layout.prefix + _LOST
    assert lost in await ensure_topics(bootstrap, own_url, layout)
    async with referrals(own_url, keys, MONDAY) as client:
        relay = Relay(client.context.database, "referrals", KafkaSettings(bootstrap, layout.prefix), settings=RelaySettings(standby=0.05))
        await client.refer()
        await _publish_all(relay, owner)
        await _delete_topic(lost, bootstrap)

        assert await ensure_topics(bootstrap, own_url, layout) == [lost]

        with pytest.raises(ClusterChanged):
            await asyncio.wait_for(relay.run(), LONGEST_WAIT)
        await _publish_all(relay, owner)
        assert {read_envelope(record).id for record in await read_topic(KafkaSettings(bootstrap, layout.prefix), _LOST)} == {
            row["id"] for row in await owner.fetch(_OF_TOPIC, _LOST)
        }


async def test_new_topic_causes_no_republication(
    own_url: str, addresses: StackAddresses, keys: Keys, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """No topic is refilled when all are present, or when an absent topic never had an event."""
    layout, bootstrap = Layout(prefix=f"{new_id().hex}.", partitions=1), addresses.kafka_bootstrap
    new = layout.prefix + "mdt.risk"
    await ensure_topics(bootstrap, own_url, layout)
    async with referrals(own_url, keys, MONDAY) as client:
        await client.refer()
        await _publish_all(
            Relay(client.context.database, "referrals", KafkaSettings(bootstrap, layout.prefix), settings=RelaySettings(standby=0.05)),
            owner,
        )

    assert await ensure_topics(bootstrap, own_url, layout) == []
    await _delete_topic(new, bootstrap)
    assert await ensure_topics(bootstrap, own_url, layout) == [new]

    assert await owner.fetchval("SELECT count(*) FROM referrals.relay_state") == 1
    assert await owner.fetchval("SELECT count(*) FROM mdt.relay_state") == 0
