"""Rows of the event log on their way to Kafka, in their order: of each partition one batch at a time, all partitions together.

Kafka refuses a batch whole. Then its rows go one by one, and a row that is refused alone is held back with the later ones of its key.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from struct import unpack_from
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.contracts.envelope import Envelope, to_headers

#: Kafka will not take this record, or nothing on its topic from us. Everything else begins anew.
_UNDELIVERABLE = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidTopicError, TopicAuthorizationFailedError, PolicyViolationError)

#: The batches of one producer: a broker takes a megabyte at once.
BATCH_BYTES = 256 * 1024

_SEED, _M, _32_BITS = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class OutboxPublisher:
    """What goes out together. `held` names the places that are held back; `hold` is told of each row that is refused alone."""

    producer: AIOKafkaProducer
    prefix: str
    source: str
    blocked: set[str]
    block: Callable[[asyncpg.Record], None]
    sent: list[asyncpg.Record]

    async def send(self, rows: Iterable[asyncpg.Record]) -> None:
        """Adds to `sent` what is acknowledged. Raises what is no fault of the events themselves."""
        lanes = await self._partition_queues(rows)
        ended = await asyncio.gather(*[self._send_queue(*lane, waiting) for lane, waiting in lanes.items()], return_exceptions=True)
        for trouble in ended:
            if trouble is not None:
                raise trouble

    async def _partition_queues(self, rows: Iterable[asyncpg.Record]) -> dict[tuple[str, int], deque[asyncpg.Record]]:
        """By topic and partition."""
        partitions: dict[str, int] = {}
        lanes: dict[tuple[str, int], deque[asyncpg.Record]] = {}
        for row in rows:
            topic = self.prefix + row["topic"]
            if topic not in partitions:
                partitions[topic] = len(await self.producer.partitions_for(topic))
            lanes.setdefault((topic, _partition(row["key"], partitions[topic])), deque()).append(row)
        return lanes

    async def _send_queue(self, topic: str, partition: int, waiting: deque[asyncpg.Record]) -> None:
        while waiting:
            batch = self.producer.create_batch()
            loaded = self._load(batch, waiting)
            if not loaded:
                return
            try:
                await (await self.producer.send_batch(batch, topic, partition=partition))
            except _UNDELIVERABLE:
                if len(loaded) == 1:
                    self.block(loaded[0])
                else:
                    for row in loaded:
                        await self._send_queue(topic, partition, deque([row]))
            else:
                self.sent.extend(loaded)

    def _load(self, batch: BatchBuilder, waiting: deque[asyncpg.Record]) -> list[asyncpg.Record]:
        """As much as the batch takes; what is held back is left out."""
        loaded = []
        while waiting:
            row = waiting[0]
            if not self.blocked or ordering_key(row) not in self.blocked:
                headers = to_headers(envelope_of(row, self.source))
                if batch.append(timestamp=None, key=str(row["key"]).encode(), value=row["data"], headers=headers) is None:
                    break
                loaded.append(row)
            waiting.popleft()
        return loaded


def ordering_key(row: asyncpg.Record) -> str:
    """Within it order is kept."""
    return f"{row['topic']} {row['key']}"


@lru_cache(maxsize=100_000)
def _partition(key: UUID, partitions: int) -> int:
    """Where every client of Kafka would put this key. Remembered, for people come again."""
    return (murmur2(str(key).encode()) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """The hash of Kafka's default partitioner, by whole words. The client's own goes byte by byte, in Python."""
    words, h = len(data) // 4, _SEED ^ len(data)
    for word in unpack_from(f"<{words}I", data):
        mixed = word * _M & _32_BITS
        h = (h * _M ^ (mixed ^ mixed >> 24) * _M) & _32_BITS
    if rest := data[4 * words :]:
        h = (h ^ int.from_bytes(rest, "little")) * _M & _32_BITS
    h = (h ^ h >> 13) * _M & _32_BITS
    return h ^ h >> 15


def envelope_of(row: asyncpg.Record, source: str) -> Envelope:
    """The envelope that a row of the event log is sent in."""
    return Envelope(
        id=row["id"],
        type=row["type"],
        source=source,
        subject=str(row["subject"]),
        key=str(row["key"]),
        sequence=row["sequence"],
        time=row["occurred_at"],
        recorded_time=row["recorded_at"],
        correlation_id=row["correlation_id"],
        causation_id=row["causation_id"],
        actor_org=row["actor_org"],
        actor_role=row["actor_role"],
        traceparent=row["traceparent"],
    )
