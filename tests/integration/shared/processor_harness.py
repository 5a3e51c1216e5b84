"""An event processor with short pauses between its attempts, and the rows after its run."""

from dataclasses import replace
from uuid import UUID

from shared.contracts.codes import Condition
from shared.messaging.event_processor import EventProcessor, RetryPolicy
from shared.persistence import parked_records
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.effect_context import RECEIVING

POISON = Condition.FALL
IMPATIENT = RetryPolicy(attempts=2, first_pause=0.001)


def create_processor(harness: DeliveryHarness, **changes: int) -> EventProcessor:
    return EventProcessor(harness.receiver.database, RECEIVING, replace(IMPATIENT, **changes))


async def parked_reasons(harness: DeliveryHarness) -> list[tuple[int, str]]:
    """Offset and reason of each parked record."""
    async with harness.receiver.database.read_only() as reader:
        return [(each.record.offset, each.reason) for each in await parked_records.waiting(reader)]


async def subjects(harness: DeliveryHarness) -> list[UUID]:
    return [row["subject"] for row in await harness.effects()]
