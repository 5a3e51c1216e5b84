"""`care` as people run it: a process of its own, on the run's servers, with a home, a database and topics of its own."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from infra.dev_stack.ephemeral import administer
from infra.dev_stack.local.ports import free_ports
from infra.dev_stack.local.stack import StackAddresses
from shared.kernel.ids import new_id
from tests.timeouts import LONGEST_WAIT

_PROGRAM = str(Path(sys.executable).with_name("care"))
_OURS = ("CARE_", "DATABASE_URL", "KAFKA_", "REFERRALS_", "RAPID_CARE_", "MDT_", "NAVIGATION_")


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """What stands on standard error, when the command refused as it should: exit code 1 and no traceback."""
        assert self.code == 1, (self.code, self.out, self.err)
        assert "Traceback" not in self.err
        assert 'File "' not in self.err
        return self.err.strip()


@dataclass(frozen=True)
class Place:
    """A home for `care`, and what its environment says."""

    home: Path
    variables: Mapping[str, str]

    @property
    def database_url(self) -> str:
        return self.variables["DATABASE_URL"]

    async def care(self, *arguments: str, **changes: str) -> Answer:
        """Runs a command to its end; a variable that is changed to nothing is not set."""
        process = await self.start(*arguments, **changes)
        out, err = await process.communicate()
        return Answer(process.returncode or 0, out.decode(), err.decode())

    async def start(self, *arguments: str, **changes: str) -> Process:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        given = {"CARE_HOME": str(self.home), "COLUMNS": "200", **self.variables, **changes}
        environment = inherited | {name: value for name, value in given.items() if value}
        return await asyncio.create_subprocess_exec(_PROGRAM, *arguments, env=environment, stdout=PIPE, stderr=PIPE)


@dataclass(frozen=True)
class Served:
    """`care up`, ready."""

    place: Place
    name: str
    port: int
    process: Process
    said: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def token(self, caller: str) -> str:
        """As it was printed."""
        marker = f"export TOKEN_{caller}="
        return next(line.removeprefix(marker) for line in self.said.splitlines() if line.startswith(marker))

    async def hears(self, words: str) -> str:
        """The next line with these words."""
        assert self.process.stdout
        async with asyncio.timeout(LONGEST_WAIT):
            while words not in (line := (await self.process.stdout.readline()).decode()):
                assert line, f"it ended before it said “{words}”"
        return line


@asynccontextmanager
async def serving(place: Place, name: str) -> AsyncIterator[Served]:
    """`care up` under this name, from readiness until it has ended."""
    (port,) = free_ports(1)
    process = await place.start("up", "--name", name, "--port", str(port))
    try:
        yield Served(place, name, port, process, await _until_it_serves(process))
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


async def _until_it_serves(process: Process) -> str:
    assert process.stdout
    said = ""
    async with asyncio.timeout(LONGEST_WAIT):
        while "Ctrl-C stops." not in said:
            line = (await process.stdout.readline()).decode()
            if not line:
                raise AssertionError(said + (await process.stderr.read()).decode() if process.stderr else said)
            said += line
    return said


@asynccontextmanager
async def _placed(addresses: StackAddresses, home: Path) -> AsyncIterator[Place]:
    mark = f"care_cli_{new_id().hex}"
    await administer(addresses.database_url, f"CREATE DATABASE {mark}")
    url = make_url(addresses.database_url).set(database=mark).render_as_string(hide_password=False)
    kafka = {"KAFKA_BOOTSTRAP_SERVERS": addresses.kafka_bootstrap, "CARE_TOPIC_PREFIX": f"{mark}.", "CARE_TOPIC_PARTITIONS": "2"}
    yield Place(home, {"DATABASE_URL": url, **kafka})
    await administer(addresses.database_url, f"DROP DATABASE {mark} WITH (FORCE)")


@pytest.fixture(scope="package")
async def served(addresses: StackAddresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """The product that the tests of this folder share. It ends with them: idle it would only take time from those that follow."""
    async with _placed(addresses, tmp_path_factory.mktemp("care")) as place, serving(place, "shared") as running:
        yield running


@pytest.fixture
async def place(addresses: StackAddresses, tmp_path: Path) -> AsyncIterator[Place]:
    """A home and a database in which nothing is yet."""
    async with _placed(addresses, tmp_path) as empty:
        yield empty


@pytest.fixture
def nowhere(tmp_path: Path) -> Place:
    """No servers at all."""
    return Place(tmp_path, {})


@pytest.fixture
def secrets_file(nowhere: Place) -> Callable[[str], Path]:
    """Writes the secrets of the stack “default”."""

    def write(content: str) -> Path:
        path = nowhere.home / "stacks" / "default" / "secrets.json"
        path.parent.mkdir(parents=True)
        path.write_text(content)
        return path

    return write
