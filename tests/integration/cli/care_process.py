"""Runs `care` as a process, with its own home, database and topics on the servers of the test run.

The installed script runs `infra.cli:main` too; the journeys start that script.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from infra.contexts import CONTEXTS
from infra.deploy.database_roles import Roles, password_variable
from infra.dev_stack.dev_secrets import load
from infra.dev_stack.local.ports import free_ports
from infra.dev_stack.local.stack import StackAddresses
from infra.dev_stack.temporary_resources import administer
from shared.kernel.ids import new_id
from tests.builders.programs import ForkedProcess, Programs
from tests.timeouts import LONGEST_WAIT

_PROGRAM = "infra.cli:main"
_PRODUCT_VARIABLES = ("CARE_", "DATABASE_URL", "KAFKA_", "REFERRALS_", "RAPID_CARE_", "MDT_", "NAVIGATION_")

#: What `care migrate` sets; a local stack has others.
PASSWORDS = {password_variable(context): f"hush {context}" for context in CONTEXTS}


@dataclass(frozen=True)
class Result:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def refusal(self) -> str:
        """The message on standard error of a command that failed properly: exit code 1 and no traceback."""
        assert self.code == 1, (self.code, self.out, self.err)
        assert "Traceback" not in self.err
        assert 'File "' not in self.err
        return self.err.strip()


@dataclass(frozen=True)
class Workspace:
    """A home and an environment for `care`."""

    home: Path
    variables: Mapping[str, str]
    programs: Programs

    @property
    def database_url(self) -> str:
        return self.variables["DATABASE_URL"]

    async def run(self, *arguments: str, **changes: str) -> Result:
        """Runs a command to its end. A variable changed to an empty text is unset."""
        process = await self.start(*arguments, **changes)
        out, err = await process.communicate()
        return Result(process.returncode or 0, out.decode(), err.decode())

    async def migrate(self, name: str) -> Result:
        """Runs `care migrate` for the roles of the stack `name`."""
        roles = self.roles(name)
        passwords = {password_variable(context): password for context, password in roles.passwords.items()}
        return await self.run("migrate", "--roles", roles.prefix, **passwords)

    def roles(self, name: str) -> Roles:
        """Those of the stack `name`."""
        keys = load(self.home / "stacks" / name)
        assert keys
        return keys.roles

    async def start(self, *arguments: str, **changes: str) -> ForkedProcess:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_PRODUCT_VARIABLES)}
        own = {"CARE_HOME": str(self.home), "COLUMNS": "200", **PASSWORDS, **self.variables, **changes}
        environment = inherited | {name: value for name, value in own.items() if value}
        return await self.programs.start(_PROGRAM, *arguments, environment=environment)


@dataclass(frozen=True)
class RunningProduct:
    """A ready `care up`; `output` is its output up to readiness."""

    workspace: Workspace
    name: str
    port: int
    process: ForkedProcess
    output: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def token(self, caller: str) -> str:
        """Returns the printed token of a caller."""
        marker = f"export TOKEN_{caller}="
        return next(line.removeprefix(marker) for line in self.output.splitlines() if line.startswith(marker))

    async def read_line(self, text: str) -> str:
        """Returns the next line that contains `text`."""
        assert self.process.stdout
        async with asyncio.timeout(LONGEST_WAIT):
            while text not in (line := (await self.process.stdout.readline()).decode()):
                assert line, f"the process ended before it printed “{text}”"
        return line


@asynccontextmanager
async def care_up(workspace: Workspace, name: str, **changes: str) -> AsyncIterator[RunningProduct]:
    """Runs `care up` for the stack `name`; stops it with SIGTERM at the end."""
    (port,) = free_ports(1)
    process = await workspace.start("up", "--name", name, "--port", str(port), **changes)
    try:
        yield RunningProduct(workspace, name, port, process, await _read_until_ready(process))
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


@asynccontextmanager
async def temporary_workspace(addresses: StackAddresses, home: Path, programs: Programs) -> AsyncIterator[Workspace]:
    """Creates an empty database and a topic prefix on the servers; drops the database at the end."""
    name = f"care_cli_{new_id().hex}"
    await administer(addresses.database_url, f"CREATE DATABASE {name}")
    url = make_url(addresses.database_url).set(database=name).render_as_string(hide_password=False)
    kafka = {"KAFKA_BOOTSTRAP_SERVERS": addresses.kafka_bootstrap, "CARE_TOPIC_PREFIX": f"{name}.", "CARE_TOPIC_PARTITIONS": "2"}
    try:
        yield Workspace(home, {"DATABASE_URL": url, **kafka}, programs)
    finally:
        await administer(addresses.database_url, f"DROP DATABASE {name} WITH (FORCE)")


async def _read_until_ready(process: ForkedProcess) -> str:
    assert process.stdout
    output = ""
    async with asyncio.timeout(LONGEST_WAIT):
        while "Ctrl-C stops." not in output:
            line = (await process.stdout.readline()).decode()
            if not line:
                raise AssertionError(output + (await process.stderr.read()).decode() if process.stderr else output)
            output += line
    return output
