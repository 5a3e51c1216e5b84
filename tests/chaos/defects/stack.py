"""Where a seeded defect is lived through: the real contexts on a database of its own, and topics of its own on the run's Kafka."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

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
from tests.builders.faulty_database import FaultyDatabase, until

R = TypeVar("R", bound=Relay)

PACE = RelaySettings(standby=0.05, restart_delay=0.05)


@dataclass(frozen=True)
class Ground(FaultyDatabase):
    """`owner` may look at everything. `folder` takes a client's log."""

    owner_url: str
    owner: "asyncpg.Connection[asyncpg.Record]"
    kafka: KafkaSettings
    keys: Keys
    folder: Path

    async def judge(self, clock: FrozenClock, log: Path | None = None) -> Verdict:
        """As beside running services: contexts that have no part in this have applied nothing, and are no contradiction."""
        await set_clock(self.owner, clock.at)
        return await verify(self.owner_url, self.kafka.bootstrap, prefix=self.kafka.prefix, terms=Options(is_live=True, log=log))

    async def until(self, table: str, where: str = "true", count: int = 1) -> None:
        await until(lambda: self._has(table, where, count))

    async def until_sent(self, context: str) -> None:
        await until(lambda: self._is_empty(f"{context}.outbox"))

    async def until_read(self, context: str) -> None:
        """Until its consumer has told Kafka that it is at the end."""
        async with connected(self.kafka.bootstrap, self.kafka.prefix) as broker:

            async def is_at_the_end() -> bool:
                return context not in (await snapshot_kafka(broker)).unread

            await until(is_at_the_end)

    async def _has(self, table: str, where: str, count: int) -> bool:
        return await self.count(table, where) >= count

    async def _is_empty(self, table: str) -> bool:
        return not await self.count(table)


@asynccontextmanager
async def doing(*work: Awaitable[object]) -> AsyncIterator[Sequence[asyncio.Task[object]]]:
    """Whatever still runs at the end is cancelled."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def relay(ground: Ground, context: str, database: Database[Any], kind: type[R]) -> R:
    return kind(database, context, ground.kafka.bootstrap, prefix=ground.kafka.prefix, pace=PACE)


def relaying(ground: Ground, context: str, database: Database[Any]) -> Awaitable[object]:
    """The sound one, at work."""
    return relay(ground, context, database, Relay).run()


async def consume(
    ground: Ground,
    wiring: Subscriptions,
    database: Database[Any],
    kind: type[Consumer] = Consumer,
    intake: type[EventProcessor] = EventProcessor,
) -> None:
    """Begins anew whenever it gives up, as its supervisor has it."""
    while True:
        with suppress(ConsumerStopped):
            await kind(intake(database, wiring), wiring.context, wiring.topics, ground.kafka).run()
