"""The stack of a seeded defect: the real contexts on a temporary database, and temporary topics on the test run's Kafka."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import asyncpg

from infra.dev_stack.clock_offset import set_clock
from infra.dev_stack.dev_secrets import Keys
from infra.operations.verify.broker import connected
from infra.operations.verify.deliveries import snapshot_kafka
from infra.operations.verify.report import Options, verify
from infra.operations.verify.verdict import Verdict
from shared.clock import FrozenClock
from shared.messaging.event_processor import EventProcessor
from shared.messaging.inbound.consumer import Consumer, ConsumerStopped
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.outbound.relay import Relay, RelaySettings
from shared.messaging.subscriptions import Subscriptions
from shared.persistence.database import Database
from tests.builders.faulty_database import FaultyDatabase
from tests.timeouts import until

R = TypeVar("R", bound=Relay)


class Runner(Protocol):
    async def run(self) -> None: ...


#: Creates a consumer from its event processor, context, topics and settings.
ConsumerFactory = Callable[[EventProcessor, str, list[str], KafkaSettings], Runner]

RELAY_SETTINGS = RelaySettings(standby=0.05, restart_delay=0.05)


@dataclass(frozen=True)
class DefectStack(FaultyDatabase):
    """`owner` is the owner's connection. `folder` is for a client's log."""

    owner_url: str
    owner: "asyncpg.Connection[asyncpg.Record]"
    kafka: KafkaSettings
    keys: Keys
    folder: Path

    async def verify(self, clock: FrozenClock, log: Path | None = None) -> Verdict:
        """Runs `care verify --live`, so that contexts without a consumer in the scenario cause no contradiction."""
        await set_clock(self.owner, clock.at)
        return await verify(self.owner_url, self.kafka.bootstrap, prefix=self.kafka.prefix, options=Options(is_live=True, log=log))

    async def until_rows(self, table: str, where: str = "true", count: int = 1) -> None:
        await until(lambda: self._has(table, where, count))

    async def until_published(self, context: str) -> None:
        await until(lambda: self._is_empty(f"{context}.outbox"))

    async def until_read(self, context: str) -> None:
        """Returns when the context's consumer has committed the end of its topics."""
        async with connected(self.kafka.bootstrap, self.kafka.prefix) as broker:

            async def is_at_the_end() -> bool:
                return context not in (await snapshot_kafka(broker)).unread

            await until(is_at_the_end)

    async def _has(self, table: str, where: str, count: int) -> bool:
        return await self.count(table, where) >= count

    async def _is_empty(self, table: str) -> bool:
        return not await self.count(table)


@asynccontextmanager
async def running(*work: Awaitable[object]) -> AsyncIterator[Sequence[asyncio.Task[object]]]:
    """Cancels the work that still runs at the end of the block."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def relay(stack: DefectStack, context: str, database: Database[Any], kind: type[R]) -> R:
    return kind(database, context, stack.kafka, settings=RELAY_SETTINGS)


def run_relay(stack: DefectStack, context: str, database: Database[Any]) -> Awaitable[object]:
    """Runs the real relay."""
    return relay(stack, context, database, Relay).run()


async def run_consumer(
    stack: DefectStack,
    subscriptions: Subscriptions,
    database: Database[Any],
    kind: ConsumerFactory = Consumer,
    processor: type[EventProcessor] = EventProcessor,
) -> None:
    """Restarts the consumer whenever it stops, as its supervisor does."""
    while True:
        with suppress(ConsumerStopped):
            await kind(processor(database, subscriptions), subscriptions.context, subscriptions.topics, stack.kafka).run()
