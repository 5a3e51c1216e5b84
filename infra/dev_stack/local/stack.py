"""PostgreSQL and Kafka for one machine: started together, stopped together.

Invariant: what was started here is ended here, a stack of one name runs at most once, and a server named by `DATABASE_URL` or
`KAFKA_BOOTSTRAP_SERVERS` is used as it is and never touched.
"""

import asyncio
import re
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType

from infra.dev_stack.local.brokers import Broker, choose_broker
from infra.dev_stack.local.class_data_cache import start_learning
from infra.dev_stack.local.external_servers import Server, check_database, check_kafka, external_database_url, external_kafka_bootstrap
from infra.dev_stack.local.kafka import LocalKafka
from infra.dev_stack.local.kafka_settings import ExtraListener
from infra.dev_stack.local.lock import take
from infra.dev_stack.local.orphan_processes import end_leftovers
from infra.dev_stack.local.paths import StackFolders, stack_folders
from infra.dev_stack.local.postgres import LocalPostgres
from infra.dev_stack.local.progress import Progress, Silent, timed
from infra.dev_stack.local.signals import sigterm_as_interrupt
from infra.dev_stack.local.stale_stacks import delete_stack, throw_away_abandoned
from infra.errors import StackError


@dataclass(frozen=True, slots=True)
class StackAddresses:
    """Where the servers are."""

    database_url: str
    kafka_bootstrap: str
    postgres_version: str
    kafka_version: str

    def __str__(self) -> str:
        is_ours = self.kafka_version[:1].isdigit()
        broker = f"Apache Kafka {self.kafka_version}" if is_ours else f"the {self.kafka_version} broker"
        return f"PostgreSQL {self.postgres_version} and {broker}"


@dataclass(slots=True)
class Stack:
    """A named stack: `async with Stack() as addresses`, or start() and stop(). An ephemeral one leaves no data.

    Start it from the main thread: the kernel ends the servers when the thread that started them ends.
    """

    name: str = "default"
    ephemeral: bool = False
    progress: Progress = field(default_factory=Silent)
    side: ExtraListener | None = None  # for clients of Kafka that something stands before
    postgres: LocalPostgres | None = field(default=None, init=False)
    kafka: Broker | None = field(default=None, init=False)
    _undo: AsyncExitStack = field(default_factory=AsyncExitStack, init=False)

    async def start(self) -> StackAddresses:
        """Raises StackError with a sentence when it cannot."""
        try:
            return await self._start()
        except BaseExceptionGroup as troubles:  # of the servers that start together; one sentence is enough
            await self.stop()
            raise troubles.exceptions[0] from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        await self._undo.aclose()

    async def _start(self) -> StackAddresses:
        folders = stack_folders(_checked(self.name))
        await self._claim(folders)
        async with asyncio.TaskGroup() as both:
            database = both.create_task(self._database(folders))
            broker = both.create_task(self._broker(folders))
        return StackAddresses(
            database_url=database.result().address,
            kafka_bootstrap=broker.result().address,
            postgres_version=database.result().version,
            kafka_version=broker.result().version,
        )

    async def _claim(self, folders: StackFolders) -> None:
        """From here until `stop` the folders are ours alone."""
        self._undo.enter_context(sigterm_as_interrupt())
        with timed(self.progress, f"Claiming the stack “{self.name}” and ending what a crashed run left"):
            self._undo.enter_context(take(folders.lock, self.name))
            if self.ephemeral:
                folders.ephemeral_mark.touch()
                self._undo.callback(delete_stack, folders)
            await asyncio.to_thread(end_leftovers, [folders.root, folders.postgres])
            await asyncio.to_thread(throw_away_abandoned)

    async def _database(self, folders: StackFolders) -> Server:
        if url := external_database_url():
            with timed(self.progress, "Asking the PostgreSQL of DATABASE_URL"):
                return await check_database(url)
        self.postgres = LocalPostgres(folders.postgres)
        self._undo.push_async_callback(self.postgres.stop)
        with timed(self.progress, f"Starting {self.postgres.title}"):
            await self.postgres.start()
        return await check_database(self.postgres.dsn)

    async def _broker(self, folders: StackFolders) -> Server:
        if bootstrap := external_kafka_bootstrap():
            with timed(self.progress, "Asking the Kafka of KAFKA_BOOTSTRAP_SERVERS"):
                return await check_kafka(bootstrap)
        step = f"Starting {LocalKafka.title}"
        with timed(self.progress, step):
            self.kafka = await choose_broker(folders.kafka, progress=self.progress, tell=partial(self.progress.reached, step))
            if isinstance(self.kafka, LocalKafka):
                self.kafka.side = self.side
            self._undo.push_async_callback(self.kafka.stop)
            await self.kafka.start()
        await self._learn(self.kafka)
        return Server(self.kafka.bootstrap, self.kafka.version)

    async def _learn(self, broker: Broker) -> None:
        """Let the next start be quicker."""
        if isinstance(broker, LocalKafka) and (learning := await start_learning(broker.jars)):
            self._undo.push_async_callback(learning.stop)

    async def __aenter__(self) -> StackAddresses:
        return await self.start()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()


def _checked(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", name):
        raise StackError(f"“{name}” cannot name a stack: use lower-case letters, digits and hyphens.")
    return name
