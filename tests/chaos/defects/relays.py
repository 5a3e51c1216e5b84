"""Relays with seeded defects."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer

from shared.messaging.outbound.relay import Relay
from shared.persistence.statements import Connection

_LATER = "SELECT * FROM event WHERE seq > $1 ORDER BY seq LIMIT $2"
_DELETE_SENT = "DELETE FROM outbox WHERE seq <= $1"
_LOCK_ONE = "SELECT event.* FROM outbox JOIN event USING (seq) ORDER BY seq LIMIT 1 FOR UPDATE OF outbox SKIP LOCKED"
_UNSENT = "SELECT count(*) FROM outbox"
_DELAY_SECONDS, _TIMEOUT_SECONDS = 0.5, 20


class CursorRelay(Relay):
    """Reads the events after the highest number that it has sent, and misses lower numbers that are committed later."""

    _last = 0

    async def _send_batch(self, connection: Connection, producer: AIOKafkaProducer) -> int:
        sent: list[asyncpg.Record] = []
        if rows := await connection.fetch(_LATER, self._last, self._settings.batch):
            await self._send(producer, rows, sent)
            self._last = rows[-1]["seq"]
        await connection.execute(_DELETE_SENT, self._last)
        return len(sent)


class DeleteFirstRelay(Relay):
    """Deletes the rows from the outbox, then sends them."""

    async def _send_batch(self, connection: Connection, producer: AIOKafkaProducer) -> int:
        rows = await connection.fetch(self._pending, self._settings.batch, self._topics, list(self._blocked))
        await self._delete_published(connection, rows)
        if rows:
            await self._send(producer, rows, [])
        return len(rows)


class SharedOutboxRelay(Relay):
    """Runs concurrently with other relays; each sends the rows that no other has locked."""

    async def _wait_and_lead(self, connection: Connection) -> None:
        await self._lead(connection)

    async def _send_batch(self, connection: Connection, producer: AIOKafkaProducer) -> int:
        sent: list[asyncpg.Record] = []
        async with connection.transaction():
            if rows := await connection.fetch(_LOCK_ONE):
                await self._send(producer, rows, sent)
                await self._delete_published(connection, sent)
        return len(sent)


class SlowRelay(Relay):
    """Delays the send of an aggregate's first event."""

    def __init__(self, *context: Any, **more: Any) -> None:
        super().__init__(*context, **more)
        self.has_first_event = asyncio.Event()

    async def _send(self, producer: AIOKafkaProducer, rows: Sequence[asyncpg.Record], sent: list[asyncpg.Record]) -> None:
        if any(row["type"] == "referrals.referral.received.v1" for row in rows):
            self.has_first_event.set()
            await self._delay()
        await super()._send(producer, rows, sent)

    async def _delay(self) -> None:
        await asyncio.sleep(_DELAY_SECONDS)


class SlowSharedOutboxRelay(SlowRelay, SharedOutboxRelay):
    """Delays until another relay has sent every other row."""

    async def _delay(self) -> None:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            while await self._database.pool.fetchval(_UNSENT) > 1:
                await asyncio.sleep(_DELAY_SECONDS / 10)
