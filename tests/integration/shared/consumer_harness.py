"""A consumer under test: it records its batches and can be blocked, made to fail, or given a modified faust consumer."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from shared.contracts.envelope import Record
from shared.messaging.event_processor import EventProcessor
from shared.messaging.inbound.consumer import SESSION_SECONDS, Consumer
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.shutdown import cancel_and_wait
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.effect_context import RECEIVING
from tests.integration.shared.parcel_context import TOPIC
from tests.timeouts import until

GROUP = "navigation"


class RecordingProcessor(EventProcessor):
    """Records its batches. Raises `fault` instead of applying a batch, and waits until `gate` is set."""

    def __init__(self, harness: DeliveryHarness) -> None:
        super().__init__(harness.receiver.database, RECEIVING)
        self.batches: list[list[Record]] = []
        self.fault: Exception | None = None
        self.is_stopped = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def may_consume(self) -> bool:
        return not self.is_stopped and await super().may_consume()

    async def apply(self, records: Sequence[Record]) -> None:
        self.batches.append(list(records))
        await self.gate.wait()
        if self.fault:
            raise self.fault
        await super().apply(records)


class InspectableConsumer(Consumer):
    """Keeps its faust application and its assigned partitions for the test."""

    assigned: Collection[Any] | None = None

    def _build(self) -> Any:
        self.app = super()._build()
        self.app.on_partitions_assigned.connect(self._keep, weak=False)
        return self.app

    async def _keep(self, *message: Any, **_: Any) -> None:
        _, self.assigned = message


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
) -> AsyncIterator[ConsumerStack]:
    """Runs a consumer. With `is_stopped` it starts as after too many parked records."""
    running = ConsumerStack(RecordingProcessor(harness))
    running.processor.fault, running.processor.is_stopped = fault, is_stopped
    running.consumer = InspectableConsumer(running.processor, GROUP, [TOPIC], kafka, session=session)
    running.task = asyncio.create_task(running.consumer.run())
    try:
        yield running
    finally:
        await cancel_and_wait(running.task)


async def until_applied(harness: DeliveryHarness, count: int) -> None:
    async def are_applied() -> bool:
        return await harness.count("navigation.effect") >= count

    await until(are_applied)


class ModifiedConsumer(InspectableConsumer):
    """Modifies the Kafka consumer of faust before its start."""

    def _build(self) -> Any:
        app = super()._build()
        make = app._new_consumer

        def make_modified() -> Any:
            consumer = make()
            self._modify(consumer)
            return consumer

        app._new_consumer = make_modified
        return app

    def _modify(self, consumer: Any) -> None: ...


async def send_many(harness: DeliveryHarness, count: int) -> None:
    for _ in range(count):
        await harness.send()
