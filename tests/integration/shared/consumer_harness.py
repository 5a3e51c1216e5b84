"""A consumer under test: what it was given is remembered, and it can be held up, broken, or given an altered faust."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
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
from tests.timeouts import LONGEST_WAIT

GROUP = "navigation"


class RecordingProcessor(EventProcessor):
    """Remembers which batches it was given; refuses them while `broken` says with what, and applies them only while its gate is open."""

    def __init__(self, post: DeliveryHarness) -> None:
        super().__init__(post.receiver.database, RECEIVING)
        self.batches: list[list[Record]] = []
        self.broken: Exception | None = None
        self.stopped = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def may_consume(self) -> bool:
        return not self.stopped and await super().may_consume()

    async def apply(self, records: Sequence[Record]) -> None:
        self.batches.append(list(records))
        await self.gate.wait()
        if self.broken:
            raise self.broken
        await super().apply(records)


class InspectableConsumer(Consumer):
    """Shows the application that it builds."""

    def _build(self) -> Any:
        self.app = super()._build()
        return self.app


@dataclass
class ConsumerStack:
    intake: RecordingProcessor
    consumer: InspectableConsumer = field(init=False)
    task: asyncio.Task[None] = field(init=False)


@asynccontextmanager
async def consuming(
    post: DeliveryHarness, kafka: KafkaSettings, broken: Exception | None = None, session: float = SESSION_SECONDS, *, stopped: bool = False
) -> AsyncIterator[ConsumerStack]:
    running = ConsumerStack(RecordingProcessor(post))
    running.intake.broken, running.intake.stopped = broken, stopped
    running.consumer = InspectableConsumer(running.intake, GROUP, [TOPIC], kafka, session=session)
    running.task = asyncio.create_task(running.consumer.run())
    try:
        yield running
    finally:
        await cancel_and_wait(running.task)


async def until_applied(post: DeliveryHarness, count: int) -> None:
    async with asyncio.timeout(LONGEST_WAIT):
        while await post.count("navigation.effect") < count:
            await asyncio.sleep(0.02)


class ModifiedConsumer(InspectableConsumer):
    """Its faust is altered before it begins."""

    def _build(self) -> Any:
        app = super()._build()
        make = app._new_consumer

        def altered() -> Any:
            consumer = make()
            self._alter(consumer)
            return consumer

        app._new_consumer = altered
        return app

    def _alter(self, consumer: Any) -> None: ...


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONGEST_WAIT):
        while not holds():
            await asyncio.sleep(0.05)


async def send_to_all(post: DeliveryHarness, count: int) -> None:
    for _ in range(count):
        await post.send()
