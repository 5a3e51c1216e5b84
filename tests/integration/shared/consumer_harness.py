"""A consumer under test: it records its batches and can be blocked, made to fail, or have another client."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from shared.contracts.envelope import Record
from shared.messaging.event_processor import EventProcessor
from shared.messaging.inbound.consumer import SESSION_SECONDS, Consumer
from shared.messaging.kafka_client import GroupClient
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.shutdown import cancel_and_wait
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.effect_context import RECEIVING
from tests.integration.shared.parcel_context import TOPIC
from tests.timeouts import until

GROUP = "navigation"


class RecordingProcessor(EventProcessor):
    """Records its batches. Raises `fault` instead of applying a batch, and waits until `gate` is set.

    `refusals` counts how often the consumer was not allowed to consume.
    """

    def __init__(self, harness: DeliveryHarness) -> None:
        super().__init__(harness.receiver.database, RECEIVING)
        self.batches: list[list[Record]] = []
        self.fault: Exception | None = None
        self.is_stopped = False
        self.refusals = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def may_consume(self) -> bool:
        self.refusals += self.is_stopped
        return not self.is_stopped and await super().may_consume()

    async def apply(self, records: Sequence[Record]) -> None:
        self.batches.append(list(records))
        await self.gate.wait()
        if self.fault:
            raise self.fault
        await super().apply(records)


class InspectableClient(GroupClient):
    """Records its assignments, and counts their ends and the commits."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.assignments: list[Collection[Any]] = []
        self.revocations = self.commits_begun = 0
        self.on_partitions_assigned.connect(self._keep, weak=False)
        self.on_partitions_revoked.connect(self._count, weak=False)

    async def require_member(self) -> None:
        """The consumer calls this before each commit, and commits at intervals also when no offset is new."""
        self.commits_begun += 1
        await super().require_member()

    async def _keep(self, *message: Any, **_: Any) -> None:
        _, assigned = message
        self.assignments.append(assigned)

    async def _count(self, *_: Any, **__: Any) -> None:
        self.revocations += 1


class InspectableConsumer(Consumer):
    """Keeps its client, which is None until the broker and the topics exist, and the reasons for which it waited."""

    client: InspectableClient | None = None

    def __init__(self, *arguments: Any, client: type[InspectableClient] = InspectableClient, **settings: Any) -> None:
        self.reasons: list[str] = []
        super().__init__(*arguments, client=partial(self._keep, client), **settings)

    @property
    def assigned(self) -> Collection[Any] | None:
        """The partitions of the present assignment; None before the first."""
        return self.client.assignments[-1] if self.client and self.client.assignments else None

    async def until_committed(self) -> None:
        """Waits until the consumer has committed the offsets of all records that it has processed."""
        await until(lambda: self.client)
        assert self.client
        after_next = self.client.commits_begun + 2
        await until(lambda: self.client and self.client.commits_begun >= after_next)

    def _keep(self, client: type[InspectableClient], *arguments: Any, **settings: Any) -> InspectableClient:
        self.client = client(*arguments, **settings)
        return self.client

    async def _missing(self) -> str | None:
        if reason := await super()._missing():
            self.reasons.append(reason)
        return reason


@dataclass
class ConsumerStack:
    processor: RecordingProcessor
    consumer: InspectableConsumer = field(init=False)
    task: asyncio.Task[None] = field(init=False)


@asynccontextmanager
async def consuming(
    harness: DeliveryHarness,
    kafka: KafkaSettings,
    fault: Exception | None = None,
    session: float = SESSION_SECONDS,
    *,
    is_stopped: bool = False,
    client: type[InspectableClient] = InspectableClient,
) -> AsyncIterator[ConsumerStack]:
    """Runs a consumer. With `is_stopped` it starts as after too many parked records."""
    running = ConsumerStack(RecordingProcessor(harness))
    running.processor.fault, running.processor.is_stopped = fault, is_stopped
    running.consumer = InspectableConsumer(running.processor, GROUP, [TOPIC], kafka, session=session, client=client)
    running.task = asyncio.create_task(running.consumer.run())
    try:
        yield running
    finally:
        await cancel_and_wait(running.task)


async def until_applied(harness: DeliveryHarness, count: int) -> None:
    async def are_applied() -> bool:
        return await harness.count("navigation.effect") >= count

    await until(are_applied)


async def send_many(harness: DeliveryHarness, count: int) -> None:
    for _ in range(count):
        await harness.send()
