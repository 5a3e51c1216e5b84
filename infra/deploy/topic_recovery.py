"""Creates declared topics that are absent, and has lost topics refilled from the event logs.

A broker can lose its topics and keep its cluster id, for example after its disk was full. The relays would not notice and would publish
only new events; unread events would be lost. An absent topic with events in the log is therefore marked for republication.
"""

from collections.abc import Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from infra.database_owner import connected_owner
from infra.deploy.topics import declarations, forget_cluster
from shared.contracts.event import producer_of
from shared.messaging.kafka_settings import KafkaCredentials, client_options
from shared.messaging.topics import Layout, create

_HOLDS = "SELECT EXISTS (SELECT FROM {context}.event WHERE topic = $1)"


async def ensure_topics(bootstrap: str, database_url: str, layout: Layout, credentials: KafkaCredentials | None = None) -> list[str]:
    """Returns the names of the created topics. Raises KafkaError.

    Marks before it creates: an interrupted run can be repeated.
    """
    existing = await _topics(client_options(bootstrap, credentials))
    if absent := [each.name for each in declarations() if layout.prefix + each.name not in existing]:
        await _mark_for_republication(absent, database_url)
    return await create(bootstrap, declarations(), layout, credentials)


async def _mark_for_republication(absent: list[str], database_url: str) -> None:
    async with connected_owner(database_url) as owner:
        lost = [topic for topic in absent if await owner.fetchval(_HOLDS.format(context=producer_of(topic)), topic)]
        for context in {producer_of(topic) for topic in lost}:
            await forget_cluster(owner, context)


async def _topics(options: Mapping[str, Any]) -> set[str]:
    admin = AIOKafkaAdminClient(**options)
    try:
        await admin.start()
        return set(await admin.list_topics())
    finally:
        await admin.close()
