"""Recreates the topics with the configured layout and marks every event log for republication.

Invariant: no worker runs, so no process relies on the old topics or their committed offsets.
"""

import asyncio

from aiokafka.admin import AIOKafkaAdminClient

from infra.contexts import CONTEXTS
from infra.database_owner import Owner, connected_owner
from infra.deploy.topics import declarations, forget_cluster, layout_of_environment
from infra.errors import StackError
from shared.messaging.kafka_settings import KafkaCredentials, client_options
from shared.messaging.topics import create, delete

_TIMEOUT_SECONDS = 60


async def recreate_topics(bootstrap: str, database_url: str, credentials: KafkaCredentials | None = None) -> list[str]:
    """Returns the names of the topics. Raises StackError while a worker runs."""
    layout = layout_of_environment()
    admin = AIOKafkaAdminClient(**client_options(bootstrap, credentials))
    async with connected_owner(database_url) as owner:
        try:
            await admin.start()
            await _require_no_worker(admin, owner, layout.prefix)
            for context in CONTEXTS:
                await forget_cluster(owner, context)
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                while True:
                    await delete(admin, [layout.prefix + each.name for each in declarations()])
                    created = await create(bootstrap, declarations(), layout, credentials)
                    if len(created) == len(declarations()):
                        return created
                    await asyncio.sleep(0.5)  # a broker learns of new topics later than its controller
        finally:
            await admin.close()


def _groups(prefix: str) -> set[str]:
    return {f"{prefix}{context.replace('_', '-')}" for context in CONTEXTS}


async def _require_no_worker(admin: AIOKafkaAdminClient, owner: Owner, prefix: str) -> None:
    """Raises StackError when a relay holds its lock or a consumer group has members."""
    for context in CONTEXTS:
        lock = f"SELECT pg_try_advisory_lock(hashtext('relay {context}'))"
        if not await owner.fetchval(lock):
            raise StackError(f"A worker of {context} is running: stop all workers first.")
    known = {name for name, *_ in await admin.list_consumer_groups()}
    for group in sorted(_groups(prefix) & known):  # one by one: no broker accepts the client's request for several
        (response,) = await admin.describe_consumer_groups([group])
        for _, _, state, *_ in response.groups:
            if state not in {"Empty", "Dead"}:
                raise StackError(f"The consumer group {group} still has members: stop all workers and wait for their session timeout.")
