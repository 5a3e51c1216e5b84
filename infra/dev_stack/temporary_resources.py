"""A temporary database and temporary topics on external servers.

Invariant: nothing is written outside them, and both are dropped at an orderly shutdown.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient
from sqlalchemy.engine import make_url

from infra.database_owner import connected_owner
from infra.deploy.database_roles import Roles
from infra.deploy.migrate import drop_roles
from shared.messaging import topics
from shared.messaging.kafka_settings import KafkaCredentials, client_options


def unique_name(name: str) -> str:
    """Returns a unique name for the temporary database and the prefix of the topics."""
    return f"care_{name.replace('-', '_')}_{secrets.token_hex(4)}"


@asynccontextmanager
async def temporary_database(url: str, name: str, roles: Roles) -> AsyncIterator[str]:
    """Yields the address of a new, empty database on the server of `url`; drops it and its roles at the end."""
    await administer(url, f'CREATE DATABASE "{name}"')
    try:
        yield make_url(url).set(database=name).render_as_string(hide_password=False)
    finally:
        await administer(url, f'DROP DATABASE "{name}" WITH (FORCE)')
        await drop_roles(url, roles)


@asynccontextmanager
async def temporary_topics(bootstrap: str, prefix: str, credentials: KafkaCredentials | None = None) -> AsyncIterator[None]:
    """Deletes all topics with this prefix at the end."""
    try:
        yield
    finally:
        admin = AIOKafkaAdminClient(**client_options(bootstrap, credentials))
        try:
            await admin.start()
            await topics.delete(admin, [topic for topic in await admin.list_topics() if topic.startswith(prefix)])
        finally:
            await asyncio.shield(admin.close())


async def administer(url: str, statement: str) -> None:
    """Runs one statement on a new connection, such as CREATE DATABASE."""
    async with connected_owner(url) as connection:
        await connection.execute(statement)
