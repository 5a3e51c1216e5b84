"""A broker that has lost its topics but not its name is given again what the logs hold; nobody has to notice first."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from infra.established import establish
from infra.keys import Keys
from infra.local.stack import StackAddresses
from shared.kernel.ids import new_id
from shared.messaging.relay import Pace, Relay
from shared.messaging.topics import Layout
from tests.builders.referrals import MONDAY, referrals
from tests.patience import LONGEST_WAIT

_LOST = "referrals.referral"
_OF_TOPIC = "SELECT count(*) FROM referrals.event WHERE topic = $1"
_WAITING = "SELECT topic, count(*) FROM referrals.outbox JOIN referrals.event USING (seq) GROUP BY topic"


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


@pytest.mark.parametrize("last", [None, "of before"], ids=["a broker that the relay knows", "another one, to which it sends all by itself"])
async def test_a_topic_that_was_lost_is_given_its_log_again(
    last: str | None, own_url: str, addresses: StackAddresses, keys: Keys, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    layout = Layout(prefix=f"{new_id().hex}.", partitions=1)
    made = await establish(addresses.kafka_bootstrap, own_url, layout)
    assert layout.prefix + _LOST in made
    async with referrals(own_url, keys, MONDAY) as desk:
        relay = Relay(desk.context.database, "referrals", addresses.kafka_bootstrap, prefix=layout.prefix, pace=Pace(standby=0.05))
        await desk.sent()
        await _send_everything(relay, owner)
        if last:
            await owner.execute("UPDATE referrals.relay_state SET cluster_id = $1", last)
        await _lose(layout.prefix + _LOST, addresses.kafka_bootstrap)

        assert await establish(addresses.kafka_bootstrap, own_url, layout) == [layout.prefix + _LOST]

        waiting = {row["topic"]: row["count"] for row in await owner.fetch(_WAITING)}
        assert waiting == ({_LOST: await owner.fetchval(_OF_TOPIC, _LOST)} if last is None else {})
        await _send_everything(relay, owner)


async def test_where_nothing_is_absent_nothing_is_sent_again(own_url: str, addresses: StackAddresses, keys: Keys) -> None:
    layout = Layout(prefix=f"{new_id().hex}.", partitions=1)
    await establish(addresses.kafka_bootstrap, own_url, layout)

    async with referrals(own_url, keys, MONDAY) as desk:
        await desk.sent()

    assert await establish(addresses.kafka_bootstrap, own_url, layout) == []
