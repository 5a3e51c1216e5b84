"""The servers of the whole test run, and a database of its own for every test that asks for one."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from infra.keys import Keys, make
from infra.local.stack import Stack, StackAddresses
from infra.migrate import migrate
from shared.kernel.ids import new_id

_TEMPLATE = "care_template"


@dataclass(frozen=True)
class Servers:
    """The run's servers, and where they are."""

    stack: Stack
    addresses: StackAddresses


@pytest.fixture(scope="session")
async def servers() -> AsyncIterator[Servers]:
    """Real PostgreSQL and real Apache Kafka, for this run only."""
    stack = Stack(name=f"test-{os.getpid()}", ephemeral=True)
    async with stack as addresses:
        yield Servers(stack, addresses)


@pytest.fixture(scope="session")
def addresses(servers: Servers) -> StackAddresses:
    return servers.addresses


@pytest.fixture(scope="session")
def keys() -> Keys:
    return make()


@pytest.fixture(scope="session")
async def template(addresses: StackAddresses, keys: Keys) -> str:
    """A migrated database that others are copied from."""
    await _administer(addresses.database_url, f"CREATE DATABASE {_TEMPLATE}")
    await migrate(_database(addresses.database_url, _TEMPLATE), keys.database_password)
    return _TEMPLATE


@pytest.fixture
async def owner_url(addresses: StackAddresses, template: str) -> AsyncIterator[str]:
    """The owner's address of a fresh database with all four schemas."""
    name = f"test_{new_id().hex}"
    await _administer(addresses.database_url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield _database(addresses.database_url, name)
    await _administer(addresses.database_url, f"DROP DATABASE {name} WITH (FORCE)")


def _database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


async def _administer(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
