"""The stack under test: the servers, a proxy before each, and the product's processes, which reach the servers through the proxies alone.

The harness and `care verify` connect to the servers directly.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
from sqlalchemy.engine import make_url

from infra.contexts import CONTEXTS
from infra.demo.story_dates import day
from infra.deploy.topic_recovery import ensure_topics
from infra.deploy.topic_recreate import recreate_topics
from infra.dev_stack.local import fork_server
from infra.dev_stack.local.kafka import LocalKafka
from infra.dev_stack.local.kafka_settings import ExtraListener
from infra.dev_stack.local.paths import stack_folders
from infra.dev_stack.local.ports import HOST, free_ports
from infra.dev_stack.local.postgres import LocalPostgres
from infra.dev_stack.local.progress import WarningLines
from infra.dev_stack.local.stack import StackAddresses
from infra.dev_stack.local.supervisor import Program, Supervisor
from infra.dev_stack.local.watchdog import restart_when_ended
from infra.dev_stack.product import ProvisionedStack, provision
from infra.dev_stack.readiness import until_ready
from infra.dev_stack.stack_state import Endpoints, publish_endpoints
from infra.errors import StackError
from shared.messaging.shutdown import cancel_and_wait
from tests.chaos.control import VARIABLE, WORKERS, Control
from tests.chaos.disk import Disk, mounted_disk
from tests.chaos.proxy import Link

_SOCKET = ".s.PGSQL.5432"
_READY_TIMEOUT_SECONDS = 180.0
#: The load refers more people before a meeting than the default capacity of ten.
_MDT_POLICY = '{"capacity": 200}'


@dataclass(slots=True)
class StackUnderTest:
    """`disks` is None for a server where the machine allows no mount. `ports` are those of the API and of each worker's health endpoint."""

    provisioned: ProvisionedStack
    url: str
    kafka: LocalKafka
    postgres: LocalPostgres
    links: Mapping[str, Link]
    control: Control
    disks: Mapping[str, Disk | None]
    ports: Mapping[str, int]
    supervisor: Supervisor = field(init=False)
    _watchdogs: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def pid(self, program: str) -> int | None:
        return self.supervisor.pid(program)

    def sessions(self) -> list[int]:
        """Returns the process ids of the services' PostgreSQL sessions."""
        if self.postgres.pid is None:
            return []
        return [each.pid for each in psutil.Process(self.postgres.pid).children() if "care_" in " ".join(each.cmdline())]

    def start_watchdogs(self) -> None:
        """Restarts a server that ends."""
        self._watchdogs["kafka"] = asyncio.create_task(restart_when_ended(self.kafka, WarningLines(), self._ensure_topics))
        self._watchdogs["postgres"] = asyncio.create_task(restart_when_ended(self.postgres, WarningLines()))

    async def stop_watchdogs(self, *names: str) -> None:
        for name in names or tuple(self._watchdogs):
            await cancel_and_wait(self._watchdogs.pop(name))

    async def wipe(self) -> None:
        """Follows the runbook: a new broker at the same address, and the topics."""
        await self.stop_watchdogs("kafka")
        try:
            await self.kafka.wipe()
            await self._ensure_topics()
        finally:
            self._watchdogs["kafka"] = asyncio.create_task(restart_when_ended(self.kafka, WarningLines(), self._ensure_topics))

    async def recreate_topics(self) -> None:
        """Follows the runbook: stops the product, deletes and creates the topics, and starts the product, which republishes."""
        await self.supervisor.stop()
        await _recreate(self.kafka.bootstrap, self.provisioned.addresses.database_url)
        await self.supervisor.start()
        await self.wait_until_served()

    async def wait_until_served(self) -> None:
        """Returns when every process is ready."""
        workers = {context: f"http://{HOST}:{self.ports[context]}" for context in CONTEXTS}
        await until_ready(self.url, workers, self.supervisor, within=_READY_TIMEOUT_SECONDS)

    async def _ensure_topics(self) -> None:
        """Creates absent topics, as `care up` does when its broker has restarted."""
        await ensure_topics(self.kafka.bootstrap, self.provisioned.addresses.database_url, self.provisioned.layout)

    async def wait_until_ready(self, program: str, within: float = 60) -> None:
        """Raises TimeoutError when the worker's readiness endpoint does not return 200 in time."""
        async with asyncio.timeout(within):
            while not await _is_ready(self.ports[program]):
                await asyncio.sleep(0.1)


@asynccontextmanager
async def stack_under_test(name: str) -> AsyncIterator[StackUnderTest]:
    """Yields when every server and process is ready."""
    fork_server.prepare(["tests.chaos.programs", "infra.dev_stack.gateway", *(f"services.{context}.worker" for context in CONTEXTS)])
    async with AsyncExitStack() as exits:
        folder = exits.enter_context(_temporary_folder())
        disks = _mounted_disks(exits, folder, name)
        listening, advertised = free_ports(2)  # the proxy stands at the port that Kafka advertises
        extra_listener = ExtraListener(listening, advertised)
        provisioned = await exits.enter_async_context(
            provision(name, ephemeral=True, clock_at=day(1, "08:30"), extra_listener=extra_listener)
        )
        kafka, postgres = provisioned.stack.kafka, provisioned.stack.postgres
        if not (isinstance(kafka, LocalKafka) and postgres):
            raise TypeError("chaos needs a local PostgreSQL and a local Apache Kafka")
        links, proxied = await _open_links(exits, provisioned, listening, advertised, folder)
        port, *rest = free_ports(1 + len(WORKERS))
        ports = {"api": port, **dict(zip(WORKERS, rest, strict=True))}
        stack = StackUnderTest(provisioned, f"http://{HOST}:{port}", kafka, postgres, links, Control(folder / "control"), disks, ports)
        logs = stack_folders(name).root / "logs"
        stack.supervisor = Supervisor(_programs(stack, proxied), logs, fork_server.start, longest_pause=0.25)
        exits.callback(_copy_logs, logs, name)
        await exits.enter_async_context(stack.supervisor)
        await stack.wait_until_served()
        exits.enter_context(
            publish_endpoints(name, Endpoints(stack.url, provisioned.addresses.database_url, provisioned.addresses.kafka_bootstrap))
        )
        stack.start_watchdogs()
        exits.push_async_callback(stack.stop_watchdogs)
        yield stack


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """On a disk, in a folder that PostgreSQL's user can enter."""
    with tempfile.TemporaryDirectory(prefix="care-chaos-", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def _mounted_disks(exits: AsyncExitStack, folder: Path, name: str) -> dict[str, Disk | None]:
    """Links each server's data folder to its own disk."""
    folders, disks = stack_folders(name), {}
    for server, data in (("postgres", folders.postgres), ("kafka", folders.kafka)):
        disks[server] = exits.enter_context(mounted_disk(folder / f"{server}.img", folder / server))
        data.parent.mkdir(parents=True, exist_ok=True)
        data.parent.chmod(0o755)
        data.unlink(missing_ok=True)
        data.symlink_to(folder / server)
    return disks


async def _open_links(
    exits: AsyncExitStack, provisioned: ProvisionedStack, listening: int, advertised: int, folder: Path
) -> tuple[dict[str, Link], StackAddresses]:
    """Returns the proxies, and the addresses of the servers behind them."""
    database = make_url(provisioned.addresses.database_url)
    sockets = folder / "sockets"
    sockets.mkdir(mode=0o755)
    links = {"kafka": Link((HOST, listening)), "postgres": Link(Path(str(database.query["host"])) / _SOCKET)}
    await links["kafka"].open((HOST, advertised))
    await links["postgres"].open(sockets / _SOCKET)
    for link in links.values():
        exits.push_async_callback(link.close)
    proxied = database.update_query_dict({"host": str(sockets)}).render_as_string(hide_password=False)
    return links, replace(provisioned.addresses, database_url=proxied, kafka_bootstrap=f"{HOST}:{advertised}")


def _programs(stack: StackUnderTest, proxied: StackAddresses) -> list[Program]:
    variables = {**stack.provisioned.environment(proxied), "MDT_POLICY": _MDT_POLICY, VARIABLE: str(stack.control.path)}
    api = Program("api", ["tests.chaos.programs:api", HOST, str(stack.ports["api"])], variables)
    return [
        api,
        *(Program(name, ["tests.chaos.programs:worker", name], _worker_variables(stack, name, variables)) for name in WORKERS),
    ]


def _worker_variables(stack: StackUnderTest, name: str, variables: Mapping[str, str]) -> dict[str, str]:
    context = WORKERS[name]
    instance = name.partition("-")[2] or "1"
    return {**variables, f"{context.upper()}_METRICS_PORT": str(stack.ports[name]), "CARE_KAFKA_INSTANCE_ID": instance}


def _copy_logs(logs: Path, name: str) -> None:
    """Copies the logs of the run out of the temporary folders."""
    copies = Path(tempfile.gettempdir()) / f"{name}-logs"
    shutil.rmtree(copies, ignore_errors=True)
    shutil.copytree(logs, copies)


async def _recreate(bootstrap: str, database_url: str) -> None:
    """Repeats the command until the groups of the stopped workers have no member: their sessions expire later."""
    async with asyncio.timeout(_READY_TIMEOUT_SECONDS):
        while True:
            try:
                await recreate_topics(bootstrap, database_url)
            except StackError:
                await asyncio.sleep(2)
            else:
                return


async def _is_ready(port: int) -> bool:
    try:
        async with asyncio.timeout(3):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: worker\r\n\r\n")
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
