"""PostgreSQL and Apache Kafka for the tests, each started only when a test needs it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from infra.dev_stack.local.external_servers import Server, check_database, external_database_url
from infra.dev_stack.local.lock import take
from infra.dev_stack.local.paths import stack_folders
from infra.dev_stack.local.postgres import LocalPostgres
from infra.dev_stack.local.stack import Stack, StackAddresses
from infra.dev_stack.local.stale_stacks import delete_stack
from tests.builders.shared_servers import ask


@asynccontextmanager
async def run_postgres() -> AsyncIterator[Server]:
    """The server of `DATABASE_URL`, the one that the processes of this run share, or an ephemeral one without Kafka."""
    if url := external_database_url():
        yield await check_database(url)
    elif shared := await ask("postgres"):
        yield Server(**shared)
    else:
        async with start_postgres() as server:
            yield server


@asynccontextmanager
async def run_kafka(postgres: Server) -> AsyncIterator[StackAddresses]:
    """The server of `KAFKA_BOOTSTRAP_SERVERS`, the one that the processes of this run share, or an ephemeral one."""
    if "KAFKA_BOOTSTRAP_SERVERS" not in os.environ and (shared := await ask("kafka")):
        yield StackAddresses(postgres.address, shared["kafka_bootstrap"], postgres.version, shared["kafka_version"])
    else:
        async with start_kafka(postgres.address) as addresses:
            yield addresses


@asynccontextmanager
async def start_postgres() -> AsyncIterator[Server]:
    name = f"test-{os.getpid()}-database"
    folders = stack_folders(name)
    with take(folders.lock, name):
        folders.ephemeral_mark.touch()
        postgres = LocalPostgres(folders.postgres)
        try:
            await postgres.start()
            yield await check_database(postgres.dsn)
        finally:
            await postgres.stop()
            delete_stack(folders)


@asynccontextmanager
async def start_kafka(database_url: str) -> AsyncIterator[StackAddresses]:
    """Starts Kafka beside the PostgreSQL of `database_url`."""
    stack = Stack(name=f"test-{os.getpid()}", ephemeral=True)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DATABASE_URL", database_url)
        addresses = await stack.start()
    yield addresses
    await stack.stop()
