"""Declared topics that are absent are made; on a broker that the relays know, they are given again what the logs hold for them.

A broker that has lost its topics but not its name, after its disk was full for instance, is no other cluster to the relays: they would
go on with what is new, and what nobody had read yet would be lost.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient

from infra.event_log import resend_log
from infra.topics import declarations, last_cluster
from shared.contracts.event import producer_of
from shared.messaging.relay import Pace
from shared.messaging.topics import Layout, TopicDeclaration, create

_EVER = datetime.min.replace(tzinfo=UTC)


async def establish(bootstrap: str, database_url: str, layout: Layout) -> list[str]:
    """The names of the topics that were made. Raises KafkaError.

    First they are given again, then made: whoever is interrupted in between, or finds the broker away, begins anew.
    """
    cluster, there = await _what_is_there(bootstrap)
    if absent := [each for each in declarations() if layout.prefix + each.name not in there]:
        await _give_again(absent, cluster, database_url)
    return await create(bootstrap, declarations(), layout)


async def _give_again(topics: Sequence[TopicDeclaration], cluster: str, database_url: str) -> None:
    owner = await asyncpg.connect(database_url, server_settings={"timezone": "UTC"})
    try:
        horizon: datetime = await owner.fetchval("SELECT now() - CAST($1 AS interval)", Pace().horizon)
        for topic in topics:
            context = producer_of(topic.name)
            if await last_cluster(owner, context) == cluster:
                await resend_log(owner, context, _EVER if topic.is_compacted else horizon, topic.name)
    finally:
        await owner.close()


async def _what_is_there(bootstrap: str) -> tuple[str, set[str]]:
    """The name of the cluster, and its topics."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        return str((await admin.describe_cluster())["cluster_id"]), set(await admin.list_topics())
    finally:
        await admin.close()
