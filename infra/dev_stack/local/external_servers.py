"""Servers that somebody else runs, named by the environment.

Invariant: a given server is only asked whether it answers; no address appears in a sentence, because it may hold a password.
"""

import os
from dataclasses import dataclass

import asyncpg

from infra.dev_stack.local.ports import accepts
from infra.errors import StackError

_PATIENCE = 10


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is and what it is."""

    address: str
    version: str


def external_database_url() -> str | None:
    """`DATABASE_URL`, in the form that asyncpg takes."""
    url = os.environ.get("DATABASE_URL")
    return url.replace("postgresql+asyncpg://", "postgresql://", 1) if url else None


def external_kafka_bootstrap() -> str | None:
    return os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or None


async def check_database(url: str) -> Server:
    try:
        connection = await asyncpg.connect(url, timeout=_PATIENCE)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as trouble:
        raise StackError(f"DATABASE_URL is set, but no PostgreSQL lets us in there ({type(trouble).__name__}).") from None
    try:
        return Server(url, str(await connection.fetchval("SHOW server_version")))
    finally:
        await connection.close()


async def check_kafka(bootstrap: str) -> Server:
    """Whether one of the named brokers accepts a connection; anything more would need its credentials."""
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        if port.isdigit() and await accepts(host, int(port)):
            return Server(bootstrap, "given")
    raise StackError("KAFKA_BOOTSTRAP_SERVERS is set, but no broker accepts a connection there.")
