"""Starts and stops PostgreSQL and Kafka together on one machine.

Invariant: every server started here is stopped here, a stack of one name runs at most once, and an external server (`DATABASE_URL`,
`KAFKA_BOOTSTRAP_SERVERS`) is used unchanged.
"""

import asyncio
import re
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType

from infra.dev_stack.local.brokers import Broker, choose_broker
from infra.dev_stack.local.class_data_cache import start_building
from infra.dev_stack.local.external_servers import (
    Server,
    check_database,
    check_kafka,
    external_database_url,
    external_kafka_bootstrap,
    external_kafka_credentials,
)
from infra.dev_stack.local.kafka import LocalKafka
from infra.dev_stack.local.kafka_settings import ExtraListener
from infra.dev_stack.local.lock import take
from infra.dev_stack.local.orphan_processes import end_orphans
from infra.dev_stack.local.paths import StackFolders, stack_folders
from infra.dev_stack.local.postgres import LocalPostgres
from infra.dev_stack.local.progress import Progress, WarningLines, timed
from infra.dev_stack.local.signals import sigterm_as_interrupt
from infra.dev_stack.local.stale_stacks import delete_abandoned_stacks, delete_stack
from infra.errors import StackError
from shared.messaging.kafka_settings import KafkaCredentials


@dataclass(frozen=True, slots=True)
class StackAddresses:
    """The addresses and versions of the servers. `kafka_credentials` are the operator's; the embedded broker is open."""

    database_url: str
    kafka_bootstrap: str
    postgres_version: str
    kafka_version: str
    kafka_credentials: KafkaCredentials | None = None

    def __str__(self) -> str:
        is_apache = self.kafka_version[:1].isdigit()
        broker = f"Apache Kafka {self.kafka_version}" if is_apache else f"the {self.kafka_version} broker"
        return f"PostgreSQL {self.postgres_version} and {broker}"


@dataclass(slots=True)
class Stack:
    """A named stack: `async with Stack() as addresses`, or start() and stop(). An ephemeral stack leaves no data.

    Start it in the main thread: the kernel ends the servers when the thread that started them ends.
    """

    name: str = "default"
    ephemeral: bool = False
    progress: Progress = field(default_factory=WarningLines)
    extra_listener: ExtraListener | None = None  # for clients behind a proxy
    postgres: LocalPostgres | None = field(default=None, init=False)
    kafka: Broker | None = field(default=None, init=False)
    _undo: AsyncExitStack = field(default_factory=AsyncExitStack, init=False)

    async def start(self) -> StackAddresses:
        """Raises StackError when a server cannot start."""
        try:
            return await self._start()
        except BaseExceptionGroup as problems:  # both servers start together; one error is enough
            await self.stop()
            raise problems.exceptions[0] from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        await self._undo.aclose()

    async def _start(self) -> StackAddresses:
        folders = stack_folders(_validated(self.name))
        await self._claim(folders)
        async with asyncio.TaskGroup() as both:
            database = both.create_task(self._database(folders))
            broker = both.create_task(self._broker(folders))
        return StackAddresses(
            database_url=database.result().address,
            kafka_bootstrap=broker.result().address,
            postgres_version=database.result().version,
            kafka_version=broker.result().version,
            kafka_credentials=external_kafka_credentials(),
        )

    async def _claim(self, folders: StackFolders) -> None:
        """Locks the folders until `stop` and ends orphans of a crashed run."""
        self._undo.enter_context(sigterm_as_interrupt())
        with timed(self.progress, f"Locking the stack “{self.name}” and ending orphaned servers"):
            self._undo.enter_context(take(folders.lock, self.name))
            if self.ephemeral:
                folders.ephemeral_mark.touch()
                self._undo.callback(delete_stack, folders)
            await asyncio.to_thread(end_orphans, [folders.root, folders.postgres])
            await asyncio.to_thread(delete_abandoned_stacks)

    async def _database(self, folders: StackFolders) -> Server:
        if url := external_database_url():
            with timed(self.progress, "Connecting to the PostgreSQL of DATABASE_URL"):
                return await check_database(url)
        self.postgres = LocalPostgres(folders.postgres)
        self._undo.push_async_callback(self.postgres.stop)
        with timed(self.progress, f"Starting {self.postgres.title}"):
            await self.postgres.start()
        return await check_database(self.postgres.dsn)

    async def _broker(self, folders: StackFolders) -> Server:
        if bootstrap := external_kafka_bootstrap():
            with timed(self.progress, "Connecting to the Kafka of KAFKA_BOOTSTRAP_SERVERS"):
                return await check_kafka(bootstrap)
        step = f"Starting {LocalKafka.title}"
        with timed(self.progress, step):
            self.kafka = await choose_broker(folders.kafka, progress=self.progress, report=partial(self.progress.reached, step))
            if isinstance(self.kafka, LocalKafka):
                self.kafka.extra_listener = self.extra_listener
            self._undo.push_async_callback(self.kafka.stop)
            await self.kafka.start()
        await self._build_class_cache(self.kafka)
        return Server(self.kafka.bootstrap, self.kafka.version)

    async def _build_class_cache(self, broker: Broker) -> None:
        """Makes the next start quicker."""
        if isinstance(broker, LocalKafka) and (building := await start_building(broker.jars)):
            self._undo.push_async_callback(building.stop)

    async def __aenter__(self) -> StackAddresses:
        return await self.start()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()


def _validated(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", name):
        raise StackError(f"“{name}” is not a valid stack name: use lower-case letters, digits and hyphens.")
    return name
