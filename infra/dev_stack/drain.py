"""Waits until every committed event is published and applied and no deadline is overdue; reads the databases only."""

import asyncio
from collections.abc import Mapping, Sequence

import asyncpg

from infra.contexts import CONTEXTS, subscribed_types

_UNSENT = "SELECT count(*) FROM {producer}.outbox"
_NOT_APPLIED = """
SELECT count(*) FROM {producer}.event AS event
WHERE event.type = ANY($1::text[]) AND NOT EXISTS (SELECT FROM {consumer}.inbox WHERE inbox.event_id = event.id)"""
_PARKED = "SELECT count(*) FROM {context}.parked"
_PARKED_DEADLINES = "SELECT count(*) FROM {context}.deadline WHERE state = 'parked'"
_OVERDUE = "SELECT count(*) FROM {context}.deadline, {context}.clock_offset WHERE state = 'pending' AND due_at <= now() + delta"


async def pending_work(owner: "asyncpg.Connection[asyncpg.Record]") -> dict[str, int]:
    """Returns the counts of pending work by name, of one snapshot; empty when there is none.

    Statements with a snapshot each would miss an event that a context publishes after its own statement, from another's event.
    """
    async with owner.transaction(isolation="repeatable_read", readonly=True):
        return await _pending_work(owner)


async def _pending_work(owner: "asyncpg.Connection[asyncpg.Record]") -> dict[str, int]:
    counts: dict[str, int] = {}
    for producer in CONTEXTS:
        counts[f"{producer} unsent"] = await owner.fetchval(_UNSENT.format(producer=producer))
        counts[f"{producer} parked"] = await owner.fetchval(_PARKED.format(context=producer))
        counts[f"{producer} parked deadlines"] = await owner.fetchval(_PARKED_DEADLINES.format(context=producer))
        counts[f"{producer} overdue"] = await owner.fetchval(_OVERDUE.format(context=producer))
        for consumer, types in _subscribers(producer).items():
            query = _NOT_APPLIED.format(producer=producer, consumer=consumer)
            counts[f"{producer} to {consumer}"] = await owner.fetchval(query, types)
    return {name: count for name, count in counts.items() if count}


async def wait_until_drained(owner: "asyncpg.Connection[asyncpg.Record]", within: float = 120) -> None:
    """Returns when no work is pending. Raises TimeoutError, naming the pending work, after `within` seconds."""
    work: dict[str, int] = {}
    try:
        async with asyncio.timeout(within):
            while work := await pending_work(owner):
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise TimeoutError(f"still pending after {within} s: {work}") from None


def _subscribers(producer: str) -> Mapping[str, Sequence[str]]:
    subscribed = {consumer: subscribed_types(consumer, producer) for consumer in CONTEXTS}
    return {consumer: types for consumer, types in subscribed.items() if types}
