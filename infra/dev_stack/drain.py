"""Has everything that was committed arrived? Asked of the databases alone, from outside every service."""

import asyncio
from collections.abc import Mapping, Sequence

import asyncpg

from infra.wiring import SUBSCRIPTIONS
from shared.messaging.subscriptions import Subscriptions

_UNSENT = "SELECT count(*) FROM {producer}.outbox"
_NOT_APPLIED = """
SELECT count(*) FROM {producer}.event AS event
WHERE event.type = ANY($1::text[]) AND NOT EXISTS (SELECT FROM {consumer}.inbox WHERE inbox.event_id = event.id)"""
_PARKED = "SELECT count(*) FROM {context}.parked"
_PARKED_DEADLINES = "SELECT count(*) FROM {context}.deadline WHERE state = 'parked'"
_OVERDUE = "SELECT count(*) FROM {context}.deadline, {context}.clock_offset WHERE state = 'pending' AND due_at <= clock_timestamp() + delta"


async def pending_work(owner: "asyncpg.Connection[asyncpg.Record]") -> dict[str, int]:
    """What is still on its way, by name; empty when all is quiet."""
    counts: dict[str, int] = {}
    for producer in SUBSCRIPTIONS:
        counts[f"{producer} unsent"] = await owner.fetchval(_UNSENT.format(producer=producer))
        counts[f"{producer} parked"] = await owner.fetchval(_PARKED.format(context=producer))
        counts[f"{producer} parked deadlines"] = await owner.fetchval(_PARKED_DEADLINES.format(context=producer))
        counts[f"{producer} overdue"] = await owner.fetchval(_OVERDUE.format(context=producer))
        for consumer, types in _listeners(producer).items():
            query = _NOT_APPLIED.format(producer=producer, consumer=consumer)
            counts[f"{producer} to {consumer}"] = await owner.fetchval(query, types)
    return {name: count for name, count in counts.items() if count}


async def wait_until_drained(owner: "asyncpg.Connection[asyncpg.Record]", within: float = 120) -> None:
    """Waits until nothing is on its way. Raises TimeoutError, naming what is."""
    work: dict[str, int] = {}
    try:
        async with asyncio.timeout(within):
            while work := await pending_work(owner):
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise TimeoutError(f"still on its way after {within} s: {work}") from None


def _listeners(producer: str) -> Mapping[str, Sequence[str]]:
    wanted = {consumer: _types(wiring, producer) for consumer, wiring in SUBSCRIPTIONS.items()}
    return {consumer: types for consumer, types in wanted.items() if types}


def _types(wiring: Subscriptions, producer: str) -> list[str]:
    topics = f"{producer.replace('_', '-')}."
    return [event.TYPE for event in wiring.on_event if event.TOPIC.startswith(topics)]
