"""Declared topics that are absent are made. What a log holds for one of them was there once and is lost: its relay sends it again.

A broker that has lost its topics but not its name, after its disk was full for instance, would be no other cluster to the relays: they
would go on with what is new, and what nobody had read yet would be lost.
"""

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient

from infra.deploy.topics import declarations, forget_cluster
from shared.contracts.event import producer_of
from shared.messaging.topics import Layout, create

_HOLDS = "SELECT EXISTS (SELECT FROM {context}.event WHERE topic = $1)"


async def ensure_topics(bootstrap: str, database_url: str, layout: Layout) -> list[str]:
    """The names of the topics that were made. Raises KafkaError.

    The relays are told first: whoever is interrupted in between, or finds the broker away, begins anew.
    """
    there = await _topics(bootstrap)
    if absent := [each.name for each in declarations() if layout.prefix + each.name not in there]:
        await _mark_for_republication(absent, database_url)
    return await create(bootstrap, declarations(), layout)


async def _mark_for_republication(absent: list[str], database_url: str) -> None:
    owner = await asyncpg.connect(database_url)
    try:
        lost = [topic for topic in absent if await owner.fetchval(_HOLDS.format(context=producer_of(topic)), topic)]
        for context in {producer_of(topic) for topic in lost}:
            await forget_cluster(owner, context)
    finally:
        await owner.close()


async def _topics(bootstrap: str) -> set[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        return set(await admin.list_topics())
    finally:
        await admin.close()
