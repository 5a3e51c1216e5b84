"""Kafka's topics made anew: they are empty, laid out as is wished now, and each relay sends its log again as to another cluster.

Invariant: nobody of the product reads or writes them meanwhile, so what it knows to be sent or read is forgotten with them.
"""

import asyncio

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient

from infra.contexts import CONTEXTS
from infra.deploy.topics import declarations, forget_cluster, layout_of_environment
from infra.errors import StackError
from shared.messaging.topics import Layout, create

_PATIENCE_SECONDS = 60


async def recreate_topics(bootstrap: str, database_url: str) -> list[str]:
    """The names of the topics. Raises StackError while a worker is there."""
    layout = layout_of_environment()
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    owner = await asyncpg.connect(database_url)
    try:
        await admin.start()
        await _require_no_worker(admin, owner, layout.prefix)
        for context in CONTEXTS:
            await forget_cluster(owner, context)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while len(made := await _replace(admin, bootstrap, layout)) < len(declarations()):
                await asyncio.sleep(0.5)  # a broker learns a moment later than its controller which topics there are
        return made
    finally:
        await owner.close()
        await admin.close()


def _groups(prefix: str) -> set[str]:
    return {f"{prefix}{context.replace('_', '-')}" for context in CONTEXTS}


async def _require_no_worker(admin: AIOKafkaAdminClient, owner: "asyncpg.Connection[asyncpg.Record]", prefix: str) -> None:
    """A relay holds a lock, a consumer is a member of its group."""
    for context in CONTEXTS:
        lock = f"SELECT pg_try_advisory_lock(hashtext('relay {context}'))"
        if not await owner.fetchval(lock):
            raise StackError(f"A worker of {context} is running: stop all workers first.")
    known = {name for name, *_ in await admin.list_consumer_groups()}
    for group in sorted(_groups(prefix) & known):  # one by one: of several at once the client asks what no broker understands
        (answer,) = await admin.describe_consumer_groups([group])
        for _, _, state, *_ in answer.groups:
            if state not in {"Empty", "Dead"}:
                raise StackError(f"The group {group} still has members: stop all workers, and wait until Kafka has missed them.")


async def _replace(admin: AIOKafkaAdminClient, bootstrap: str, layout: Layout) -> list[str]:
    """What the groups had read of the old ones Kafka forgets with them."""
    topics = {layout.prefix + each.name for each in declarations()}
    if there := topics & set(await admin.list_topics()):
        await admin.delete_topics([*there])
    while topics & set(await admin.list_topics()):
        await asyncio.sleep(0.2)
    return await create(bootstrap, declarations(), layout)
