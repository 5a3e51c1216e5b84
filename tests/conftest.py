"""The servers of the whole test run, and a database of its own for every test that asks for one."""

import gc
import os
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from infra.deploy.migrate import drop_roles, migrate
from infra.dev_stack.dev_secrets import Keys, make
from infra.dev_stack.ephemeral import administer
from infra.dev_stack.local.stack import Stack, StackAddresses
from shared.kernel.ids import new_id
from tests.xdist_weights import LongestFirst, longest_first

#: Named for this run: the server may be a given one, which other runs use too.
_TEMPLATE, _COMMON = f"care_template_{os.getpid()}", f"care_common_{os.getpid()}"
_TABLES = """
SELECT format('%s.%I', relnamespace::regnamespace, relname) AS name FROM pg_class
WHERE relnamespace::regnamespace::text IN ('referrals', 'rapid_care', 'mdt', 'navigation') AND relkind IN ('r', 'p') AND NOT relispartition
ORDER BY 1"""


@dataclass(frozen=True)
class Servers:
    """The run's servers, and where they are."""

    stack: Stack
    addresses: StackAddresses


@dataclass(frozen=True)
class Common:
    """A database, and which of its tables tests fill."""

    url: str
    connection: "asyncpg.Connection[asyncpg.Record]"
    empty: str


_VERSIONS = pytest.StashKey[str]()
_SERVERS = "servers"


def pytest_configure() -> None:
    """A broker of tests lives for so short a time that the machine code Java makes in its second pass costs more than it brings."""
    os.environ.setdefault("CARE_KAFKA_JAVA_OPTS", "-XX:TieredStopAtLevel=1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = longest_first(items)


def pytest_collection_finish() -> None:
    """What was imported and collected is there to stay: the garbage collector need not pass over it again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LongestFirst | None:
    return LongestFirst(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: many tests wait for what they started."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
async def servers(pytestconfig: pytest.Config) -> AsyncIterator[Servers]:
    """Real PostgreSQL and real Apache Kafka, for this run only."""
    stack = Stack(name=f"test-{os.getpid()}", ephemeral=True)
    async with stack as addresses:
        pytestconfig.stash[_VERSIONS] = str(addresses)
        yield Servers(stack, addresses)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes says on which servers its tests ran."""
    if output := getattr(session.config, "workeroutput", None):
        output[_SERVERS] = session.config.stash.get(_VERSIONS, None)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """The process that began the others hears it."""
    if servers := getattr(node, "workeroutput", {}).get(_SERVERS):
        node.config.stash[_VERSIONS] = servers


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says on which servers the tests ran."""
    ran = sum(len(terminalreporter.getreports(outcome)) for outcome in ("passed", "failed"))
    servers = config.stash.get(_VERSIONS, "no server")
    terminalreporter.write_line(f"{ran} tests on {servers}")


@pytest.fixture(scope="session")
def addresses(servers: Servers) -> StackAddresses:
    return servers.addresses


@pytest.fixture(scope="session")
def keys() -> Keys:
    return make()


@pytest.fixture(scope="session")
async def template(addresses: StackAddresses, keys: Keys) -> AsyncIterator[str]:
    """A migrated database that others are copied from."""
    await administer(addresses.database_url, f"CREATE DATABASE {_TEMPLATE}")
    await migrate(_database(addresses.database_url, _TEMPLATE), keys.roles)
    yield _TEMPLATE
    await administer(addresses.database_url, f"DROP DATABASE {_TEMPLATE} WITH (FORCE)")
    await drop_roles(addresses.database_url, keys.roles)


@pytest.fixture(scope="session")
async def common(addresses: StackAddresses, template: str) -> AsyncIterator[Common]:
    """The database that tests take turns with."""
    await administer(addresses.database_url, f"CREATE DATABASE {_COMMON} TEMPLATE {template}")
    url = _database(addresses.database_url, _COMMON)
    connection = await asyncpg.connect(url)
    tables = [row["name"] for row in await connection.fetch(_TABLES)]
    filled = {name for name in tables if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {name})")}  # noqa: S608  names of the catalogue
    deletes = (f"DELETE FROM {name}" for name in sorted(set(tables) - filled))  # noqa: S608  names of the catalogue
    yield Common(url, connection, "; ".join(["SET LOCAL session_replication_role = replica", *deletes]))
    await connection.close()
    await administer(addresses.database_url, f"DROP DATABASE {_COMMON} WITH (FORCE)")


@pytest.fixture
async def owner_url(common: Common) -> str:
    """The owner's address of a database with all four schemas and nothing but reference data in it."""
    async with common.connection.transaction():
        await common.connection.execute(common.empty)
    return common.url


@pytest.fixture
async def own_url(addresses: StackAddresses, template: str) -> AsyncIterator[str]:
    """The same, for a test that changes tables or needs the database for itself."""
    name = f"test_{new_id().hex}"
    await administer(addresses.database_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _database(addresses.database_url, name)
    await administer(addresses.database_url, f"DROP DATABASE {name} WITH (FORCE)")


def _database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(autouse=True)
def only_loopback() -> Iterator[None]:
    """A test that talks to anything but this machine fails. Servers' programs are fetched before, by the session's fixtures."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and str(address[0]) not in {"127.0.0.1", "::1", "localhost"}:
            raise PermissionError(f"a test may not connect to {address[0]}")
        connect(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign, assignment]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]
