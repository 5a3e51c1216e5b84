"""External servers, named by the environment.

Invariant: an external server is only checked for a response; no address appears in a message, because it may contain a password.
"""

import os
import re
from dataclasses import dataclass

import asyncpg

from infra.deploy.kafka_operator import operator_credentials
from infra.dev_stack.local.ports import accepts
from infra.errors import StackError
from shared.messaging.kafka_settings import KafkaCredentials
from shared.persistence.protected_address import protected

_TIMEOUT_SECONDS = 10
_SCHEMES = ("postgresql", "postgres", "postgresql+asyncpg")
_SCHEME = re.compile(r"[a-z][a-z0-9+]{0,30}")


@dataclass(frozen=True, slots=True)
class Server:
    """The address and the version of a server."""

    address: str
    version: str


def external_database_url() -> str | None:
    """Returns `DATABASE_URL` in the form that asyncpg accepts, or None. Raises StackError."""
    url = os.environ.get("DATABASE_URL")
    return require_postgresql(url) if url else None


def require_postgresql(url: str) -> str:
    """Returns `url` in the form that asyncpg accepts.

    Raises StackError when the scheme is not one of PostgreSQL, and when the connection would be unprotected. The message names only a word
    that can be a scheme.
    """
    scheme, separator, _ = url.partition("://")
    if separator and scheme in _SCHEMES:
        return _protected(url).replace("postgresql+asyncpg://", "postgresql://", 1)
    found = f" has the scheme {scheme}://, which is not PostgreSQL" if separator and _SCHEME.fullmatch(scheme) else " is not an address"
    raise StackError(f"DATABASE_URL{found}. Its form is postgresql://owner:password@host:5432/database.")


def _protected(url: str) -> str:
    try:
        return protected(url)
    except ValueError as problem:
        raise StackError(f"DATABASE_URL: {problem}.") from None


def external_kafka_bootstrap() -> str | None:
    return os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or None


def external_kafka_credentials() -> KafkaCredentials | None:
    """The operator's, for the brokers of `KAFKA_BOOTSTRAP_SERVERS`; None for open ones and for embedded ones. Raises ConfigurationError."""
    return operator_credentials() if external_kafka_bootstrap() else None


async def check_database(url: str) -> Server:
    try:
        connection = await asyncpg.connect(url, timeout=_TIMEOUT_SECONDS)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as problem:
        raise StackError(f"DATABASE_URL is set, but PostgreSQL accepts no connection there ({type(problem).__name__}).") from None
    try:
        return Server(url, str(await connection.fetchval("SHOW server_version")))
    finally:
        await connection.close()


async def check_kafka(bootstrap: str) -> Server:
    """Checks that one of the brokers accepts a connection; more would need credentials. Raises StackError."""
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        if port.isdigit() and await accepts(host, int(port)):
            return Server(bootstrap, "external")
    raise StackError("KAFKA_BOOTSTRAP_SERVERS is set, but no broker accepts a connection there.")
