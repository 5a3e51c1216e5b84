"""Faulty ways from the outbox to Kafka."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer

from shared.messaging.outbound.relay import Relay
from shared.persistence.statements import Connection

_AFTER = "SELECT * FROM event WHERE seq > $1 ORDER BY seq LIMIT $2"
_FORGET = "DELETE FROM outbox WHERE seq <= $1"
_SHARE = "SELECT event.* FROM outbox JOIN event USING (seq) ORDER BY seq LIMIT 1 FOR UPDATE OF outbox SKIP LOCKED"
_UNSENT = "SELECT count(*) FROM outbox"
_A_MOMENT, _LONGEST = 0.5, 20


class CursorRelay(Relay):
    """Remembers the number that it sent last, and believes that no smaller one can come any more."""

    _last = 0

    async def _send_some(self, connection: Connection, producer: AIOKafkaProducer) -> int:
        sent: list[asyncpg.Record] = []
        if rows := await connection.fetch(_AFTER, self._last, self._settings.batch):
            await self._send(producer, rows, sent)
            self._last = rows[-1]["seq"]
        await connection.execute(_FORGET, self._last)
        return len(sent)


class HastyRelay(Relay):
    """Takes the rows out of the outbox, then sends them."""

    async def _send_some(self, connection: Connection, producer: AIOKafkaProducer) -> int:
        rows = await connection.fetch(self._pending, self._settings.batch, self._topics, list(self._blocked))
        await self._delete_published(connection, rows)
        if rows:
            await self._send(producer, rows, [])
        return len(rows)


class SharingRelay(Relay):
    """Leads beside others that lead: each takes what no other has taken."""

    async def _when_leading(self, connection: Connection) -> None:
        await self._lead(connection)

    async def _send_some(self, connection: Connection, producer: AIOKafkaProducer) -> int:
        sent: list[asyncpg.Record] = []
        async with connection.transaction():
            if rows := await connection.fetch(_SHARE):
                await self._send(producer, rows, sent)
                await self._delete_published(connection, sent)
        return len(sent)


class SlowRelay(Relay):
    """Whose way to Kafka is slow for a moment, when it holds an aggregate's first event."""

    def __init__(self, *context: Any, **more: Any) -> None:
        super().__init__(*context, **more)
        self.holds = asyncio.Event()

    async def _send(self, producer: AIOKafkaProducer, rows: Sequence[asyncpg.Record], sent: list[asyncpg.Record]) -> None:
        if any(row["type"] == "referrals.referral.received.v1" for row in rows):
            self.holds.set()
            await self._dawdle()
        await super()._send(producer, rows, sent)

    async def _dawdle(self) -> None:
        await asyncio.sleep(_A_MOMENT)


class SlowSharingRelay(SlowRelay, SharingRelay):
    """Slow until another has sent all that it has not taken itself."""

    async def _dawdle(self) -> None:
        async with asyncio.timeout(_LONGEST):
            while await self._database.pool.fetchval(_UNSENT) > 1:
                await asyncio.sleep(_A_MOMENT / 10)
