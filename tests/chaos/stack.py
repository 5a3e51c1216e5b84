"""Where it all happens: servers, a proxy before each, and the processes of the product, which reach the servers only through the proxies.

The harness itself and `care verify` go to the servers directly.
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
from infra.dev_stack.local import fork_server
from infra.dev_stack.local.kafka import LocalKafka
from infra.dev_stack.local.kafka_settings import ExtraListener
from infra.dev_stack.local.paths import stack_folders
from infra.dev_stack.local.ports import HOST, free_ports
from infra.dev_stack.local.postgres import LocalPostgres
from infra.dev_stack.local.progress import Silent
from infra.dev_stack.local.stack import StackAddresses
from infra.dev_stack.local.supervisor import Program, Supervisor
from infra.dev_stack.local.watchdog import restart_when_ended
from infra.dev_stack.product import ProvisionedStack, provision
from infra.dev_stack.readiness import until_ready
from infra.dev_stack.stack_state import Endpoints, publish_endpoints
from shared.messaging.shutdown import cancel_and_wait
from tests.chaos.control import VARIABLE, WORKERS, Control
from tests.chaos.disk import Disk, own_disk
from tests.chaos.proxy import Link

_SOCKET = ".s.PGSQL.5432"
_READY_WITHIN = 180.0
#: The load brings more people before a meeting than would stay in ten places.
_LONG_AGENDA = '{"capacity": 200}'


@dataclass(slots=True)
class StackUnderTest:
    """`disks` holds those that this machine allows."""

    place: ProvisionedStack
    url: str
    kafka: LocalKafka
    postgres: LocalPostgres
    links: Mapping[str, Link]
    control: Control
    disks: Mapping[str, Disk | None]
    ports: Mapping[str, int]
    supervisor: Supervisor = field(init=False)
    _keeping: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def pid(self, program: str) -> int | None:
        return self.supervisor.pid(program)

    def sessions(self) -> list[int]:
        """Of the services."""
        if self.postgres.pid is None:
            return []
        return [each.pid for each in psutil.Process(self.postgres.pid).children() if "care_" in " ".join(each.cmdline())]

    def keep(self) -> None:
        """Whatever server ends is started again."""
        self._keeping["kafka"] = asyncio.create_task(restart_when_ended(self.kafka, Silent(), self._establish))
        self._keeping["postgres"] = asyncio.create_task(restart_when_ended(self.postgres, Silent()))

    async def stop_keeping(self, *names: str) -> None:
        for name in names or tuple(self._keeping):
            await cancel_and_wait(self._keeping.pop(name))

    async def wipe(self) -> None:
        """As the runbook says: a new broker at the same address, and the topics."""
        await self.stop_keeping("kafka")
        try:
            await self.kafka.wipe()
            await self._establish()
        finally:
            self._keeping["kafka"] = asyncio.create_task(restart_when_ended(self.kafka, Silent(), self._establish))

    async def _establish(self) -> None:
        """What `care up` does when its broker is back."""
        await ensure_topics(self.kafka.bootstrap, self.place.addresses.database_url, self.place.layout)

    async def ready(self, program: str, within: float = 60) -> None:
        """Returns when this worker says that it is. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while not await _is_ready(self.ports[program]):
                await asyncio.sleep(0.1)


@asynccontextmanager
async def ground(name: str) -> AsyncIterator[StackUnderTest]:
    """Everything stands and is ready."""
    fork_server.prepare(["tests.chaos.programs", "infra.dev_stack.gateway", *(f"services.{context}.worker" for context in CONTEXTS)])
    async with AsyncExitStack() as exits:
        folder = exits.enter_context(_own_folder())
        disks = _own_disks(exits, folder, name)
        side = ExtraListener(*free_ports(2))
        place = await exits.enter_async_context(provision(name, ephemeral=True, clock_at=day(1, "08:30"), side=side))
        kafka, postgres = place.stack.kafka, place.stack.postgres
        if not (isinstance(kafka, LocalKafka) and postgres):
            raise TypeError("chaos needs PostgreSQL and Apache Kafka of its own")
        links, reached = await _proxied(exits, place, side, folder)
        port, *rest = free_ports(1 + len(WORKERS))
        ports = {"api": port, **dict(zip(WORKERS, rest, strict=True))}
        there = StackUnderTest(place, f"http://{HOST}:{port}", kafka, postgres, links, Control(folder / "control"), disks, ports)
        there.supervisor = Supervisor(_programs(there, reached), stack_folders(name).root / "logs", fork_server.start, longest_pause=0.25)
        exits.callback(_keep_logs, stack_folders(name).root / "logs", name)
        await exits.enter_async_context(there.supervisor)
        workers = {context: f"http://{HOST}:{ports[context]}" for context in CONTEXTS}
        await until_ready(there.url, workers, there.supervisor, within=_READY_WITHIN)
        exits.enter_context(publish_endpoints(name, Endpoints(there.url, place.addresses.database_url, place.addresses.kafka_bootstrap)))
        there.keep()
        exits.push_async_callback(there.stop_keeping)
        yield there


@contextmanager
def _own_folder() -> Iterator[Path]:
    """On a disk, where PostgreSQL's user passes."""
    with tempfile.TemporaryDirectory(prefix="care-chaos-", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def _own_disks(exits: AsyncExitStack, folder: Path, name: str) -> dict[str, Disk | None]:
    """Each server's folder is a link to a disk of its own."""
    where, disks = stack_folders(name), {}
    for server, place in (("postgres", where.postgres), ("kafka", where.kafka)):
        disks[server] = exits.enter_context(own_disk(folder / f"{server}.img", folder / server))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.parent.chmod(0o755)
        place.unlink(missing_ok=True)
        place.symlink_to(folder / server)
    return disks


async def _proxied(
    exits: AsyncExitStack, place: ProvisionedStack, side: ExtraListener, folder: Path
) -> tuple[dict[str, Link], StackAddresses]:
    """The links, and where the servers are for those that go through them."""
    database = make_url(place.addresses.database_url)
    sockets = folder / "sockets"
    sockets.mkdir(mode=0o755)
    links = {"kafka": Link((HOST, side.port)), "postgres": Link(Path(str(database.query["host"])) / _SOCKET)}
    await links["kafka"].open((HOST, side.told))
    await links["postgres"].open(sockets / _SOCKET)
    for link in links.values():
        exits.push_async_callback(link.close)
    through = database.update_query_dict({"host": str(sockets)}).render_as_string(hide_password=False)
    return links, replace(place.addresses, database_url=through, kafka_bootstrap=f"{HOST}:{side.told}")


def _programs(there: StackUnderTest, reached: StackAddresses) -> list[Program]:
    told = {**there.place.environment(reached), "MDT_POLICY": _LONG_AGENDA, VARIABLE: str(there.control.path)}
    api = Program("api", ["tests.chaos.programs:api", HOST, str(there.ports["api"])], told)
    return [api, *(Program(name, ["tests.chaos.programs:worker", name], _of_worker(there, name, told)) for name in WORKERS)]


def _of_worker(there: StackUnderTest, name: str, told: Mapping[str, str]) -> dict[str, str]:
    context = WORKERS[name]
    return {**told, f"{context.upper()}_METRICS_PORT": str(there.ports[name]), "CARE_KAFKA_INSTANCE_ID": name.partition("-")[2] or "1"}


def _keep_logs(logs: Path, name: str) -> None:
    """For whoever asks why."""
    kept = Path(tempfile.gettempdir()) / f"{name}-logs"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(logs, kept)


async def _is_ready(port: int) -> bool:
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(HOST, port), 1)
    except (OSError, TimeoutError):
        return False
    try:
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: worker\r\n\r\n")
        return b" 200 " in await asyncio.wait_for(reader.readline(), 2)
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
