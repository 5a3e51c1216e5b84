"""A broker that has lost its topics but not its name is given again what the logs hold; nobody has to notice first."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from infra.established import establish
from infra.keys import Keys
from infra.local.stack import StackAddresses
from shared.kernel.ids import new_id
from shared.messaging.relay import AnotherCluster, Pace, Relay
from shared.messaging.topics import Layout
from tests.builders.referrals import MONDAY, referrals
from tests.patience import LONGEST_WAIT

_LOST = "referrals.referral"
_OF_TOPIC = "SELECT id FROM referrals.event WHERE topic = $1"


@pytest.fixture
async def owner(own_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(own_url)
    yield connection
    await connection.close()


async def _send_everything(relay: Relay, owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    task = asyncio.create_task(relay.run())
    async with asyncio.timeout(LONGEST_WAIT):
        while await owner.fetchval("SELECT count(*) FROM referrals.outbox"):
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait([task])


async def _on_kafka(bootstrap: str, topic: str) -> set[str]:
    """The ids of the events of a topic with one partition."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as client:
        partition = TopicPartition(topic, 0)
        client.assign([partition])
        end = (await client.end_offsets([partition]))[partition]
        ids = set[str]()
        while await client.position(partition) < end:
            for record in (await client.getmany(partition, timeout_ms=1_000)).get(partition, []):
                ids.add(dict(record.headers)["ce_id"].decode())
        return ids


async def _lose(topic: str, bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([topic])
        async with asyncio.timeout(LONGEST_WAIT):
            while topic in await admin.list_topics():
                await asyncio.sleep(0.1)
    finally:
        await admin.close()


async def test_a_topic_that_was_lost_is_given_its_log_again(
    own_url: str, addresses: StackAddresses, keys: Keys, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    layout, bootstrap = Layout(prefix=f"{new_id().hex}.", partitions=1), addresses.kafka_bootstrap
    lost = layout.prefix + _LOST
    assert lost in await establish(bootstrap, own_url, layout)
    async with referrals(own_url, keys, MONDAY) as desk:
        relay = Relay(desk.context.database, "referrals", bootstrap, prefix=layout.prefix, pace=Pace(standby=0.05))
        await desk.sent()
        await _send_everything(relay, owner)
        await _lose(lost, bootstrap)

        assert await establish(bootstrap, own_url, layout) == [lost]

        with pytest.raises(AnotherCluster):
            await asyncio.wait_for(relay.run(), LONGEST_WAIT)
        await _send_everything(relay, owner)
        assert await _on_kafka(bootstrap, lost) == {str(row["id"]) for row in await owner.fetch(_OF_TOPIC, _LOST)}


async def test_where_nothing_was_lost_no_relay_begins_anew(
    own_url: str, addresses: StackAddresses, keys: Keys, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Neither where all topics are there, nor where the only absent ones never held anything."""
    layout, bootstrap = Layout(prefix=f"{new_id().hex}.", partitions=1), addresses.kafka_bootstrap
    new = layout.prefix + "mdt.risk"
    await establish(bootstrap, own_url, layout)
    async with referrals(own_url, keys, MONDAY) as desk:
        await desk.sent()
        await _send_everything(Relay(desk.context.database, "referrals", bootstrap, prefix=layout.prefix, pace=Pace(standby=0.05)), owner)

    assert await establish(bootstrap, own_url, layout) == []
    await _lose(new, bootstrap)
    assert await establish(bootstrap, own_url, layout) == [new]

    assert await owner.fetchval("SELECT count(*) FROM referrals.relay_state") == 1
    assert await owner.fetchval("SELECT count(*) FROM mdt.relay_state") == 0
