"""The servers of a test process, and databases for its tests."""

import gc
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import settings

from infra.deploy.migrate import drop_roles, migrate
from infra.dev_stack.dev_secrets import Keys, make
from infra.dev_stack.local.external_servers import Server
from infra.dev_stack.local.stack import StackAddresses
from infra.dev_stack.temporary_resources import administer
from shared.kernel.ids import new_id
from tests.builders.database import CommonDatabase, Databases, database_url, open_common_database
from tests.builders.limits import VARIABLES
from tests.builders.programs import Programs, open_programs
from tests.builders.servers import run_kafka, run_postgres
from tests.builders.shared_servers import sharing_servers
from tests.xdist_weights import LongestFirstScheduling, longest_first

#: Different in every process: other runs may use the same external server.
_TEMPLATE, _COMMON = f"care_template_{os.getpid()}", f"care_common_{os.getpid()}"
_VERSIONS = pytest.StashKey[str]()
_SERVERS = "servers"
#: The name of a property whose value the terminal summary prints.
SUMMARY = "summary"
_JAVA_OPTIONS = (
    "-XX:Tier3InvocationThreshold=2000",
    "-XX:Tier3MinInvocationThreshold=1000",
    "-XX:Tier3CompileThreshold=20000",
    "-XX:Tier3BackEdgeThreshold=600000",
)

settings.register_profile("quick", max_examples=25)  # `make unit`; every other run tries 100 examples of a property


def pytest_configure(config: pytest.Config) -> None:
    """Limits the compilers of Java: a broker of a test ends before its machine code pays off. Callers have no limits."""
    os.environ.setdefault("CARE_KAFKA_JAVA_OPTS", " ".join(_JAVA_OPTIONS))
    os.environ.update(VARIABLES)
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        shared = ExitStack()
        shared.enter_context(sharing_servers())
        config.add_cleanup(shared.close)
    else:
        gc.disable()  # until the tests are collected, which this process does itself


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = longest_first(items)


def pytest_collection_finish() -> None:
    """Excludes all imported modules and collected tests from later garbage collections, which are rarer: most objects die young."""
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(50_000, 20, 50)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LongestFirstScheduling | None:
    return LongestFirstScheduling(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """`-n auto`: one process more than cores, because many tests wait for other processes. `-n logical`: one for each core."""
    return (os.cpu_count() or 1) + int(config.option.numprocesses == "auto")


@pytest.fixture(scope="session")
async def database_server(pytestconfig: pytest.Config) -> AsyncIterator[Server]:
    """Real PostgreSQL."""
    async with run_postgres() as server:
        pytestconfig.stash.setdefault(_VERSIONS, f"PostgreSQL {server.version}")
        yield server


@pytest.fixture(scope="session")
async def addresses(database_server: Server, pytestconfig: pytest.Config) -> AsyncIterator[StackAddresses]:
    """Real PostgreSQL and real Apache Kafka. A test without Kafka uses a narrower fixture, so that Java is not started for it."""
    async with run_kafka(database_server) as addresses:
        pytestconfig.stash[_VERSIONS] = str(addresses)
        yield addresses


@pytest.fixture(scope="session")
def kafka_bootstrap(addresses: StackAddresses) -> str:
    return addresses.kafka_bootstrap


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Sends the server versions of this xdist process to the first process."""
    if output := getattr(session.config, "workeroutput", None):
        output[_SERVERS] = session.config.stash.get(_VERSIONS, None)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Keeps the longest text: one process may have started PostgreSQL alone."""
    if servers := getattr(node, "workeroutput", {}).get(_SERVERS):
        node.config.stash[_VERSIONS] = max(servers, node.config.stash.get(_VERSIONS, ""), key=len)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Prints the summaries of long tests, the number of tests and the versions of their servers."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == SUMMARY:
                terminalreporter.write_line(value)
    ran = sum(len(terminalreporter.getreports(outcome)) for outcome in ("passed", "failed"))
    servers = config.stash.get(_VERSIONS, "no server")
    terminalreporter.write_line(f"{ran} {'test' if ran == 1 else 'tests'} on {servers}")


@pytest.fixture(scope="session")
async def programs() -> AsyncIterator[Programs]:
    """Python programs that start without importing the product again."""
    async with open_programs() as programs:
        yield programs


@pytest.fixture(scope="session")
def keys() -> Keys:
    return make()


@pytest.fixture(scope="session")
async def databases(database_server: Server, keys: Keys) -> AsyncIterator[Databases]:
    """Copies of one migrated database."""
    server_url = database_server.address
    await administer(server_url, f"CREATE DATABASE {_TEMPLATE}")
    await migrate(database_url(server_url, _TEMPLATE), keys.roles)
    yield Databases(server_url, _TEMPLATE)
    await administer(server_url, f"DROP DATABASE {_TEMPLATE} WITH (FORCE)")
    await drop_roles(server_url, keys.roles)


@pytest.fixture(scope="session")
async def common_database(databases: Databases) -> AsyncIterator[CommonDatabase]:
    """The database that most tests use in turn."""
    async with databases.copy(_COMMON) as url, open_common_database(url) as common_database:
        yield common_database


@pytest.fixture
async def owner_url(common_database: CommonDatabase) -> str:
    """The owner's URL of a database with all four schemas and only reference data."""
    await common_database.reset()
    return common_database.url


@pytest.fixture
async def own_url(databases: Databases) -> AsyncIterator[str]:
    """The owner's URL of a new database, for a test that changes tables or needs the database alone."""
    async with databases.copy(f"test_{new_id().hex}") as url:
        yield url


@pytest.fixture(autouse=True)
def loopback_guard() -> Iterator[None]:
    """Refuses connections to other machines. The session fixtures download the programs of the servers before."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and str(address[0]) not in {"127.0.0.1", "::1", "localhost"}:
            raise PermissionError(f"a test may not connect to {address[0]}")
        connect(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign, assignment]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]
