"""Publishes rows of the event log in their order: one batch at a time per partition, all partitions at once.

Kafka rejects a batch as a whole. The publisher then sends its rows one by one; a row that Kafka rejects alone blocks the later rows of its
key.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

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

from shared.contracts.authentication import MacKeys
from shared.contracts.envelope import DATA_KEY, Envelope, to_headers
from shared.messaging.outbound.partitioner import partition_of

#: Kafka rejects this record, or every record on its topic from this producer. After any other error the relay restarts.
_UNDELIVERABLE = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidTopicError, TopicAuthorizationFailedError, PolicyViolationError)

#: The size of a batch; a broker accepts a megabyte.
BATCH_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class OutboxPublisher:
    """One round. `blocked` holds ordering keys that are not sent; `block` receives each row that Kafka rejects alone."""

    producer: AIOKafkaProducer
    mac_keys: MacKeys
    prefix: str
    source: str
    blocked: set[str]
    block: Callable[[asyncpg.Record], None]
    sent: list[asyncpg.Record]

    async def send(self, rows: Iterable[asyncpg.Record]) -> None:
        """Adds the acknowledged rows to `sent`. Raises every error that no single row caused."""
        queues = await self._partition_queues(rows)
        ended = await asyncio.gather(*[self._send_queue(*queue, waiting) for queue, waiting in queues.items()], return_exceptions=True)
        for problem in ended:
            if problem is not None:
                raise problem

    async def _partition_queues(self, rows: Iterable[asyncpg.Record]) -> dict[tuple[str, int], deque[asyncpg.Record]]:
        """By topic and partition."""
        partitions: dict[str, int] = {}
        queues: dict[tuple[str, int], deque[asyncpg.Record]] = {}
        for row in rows:
            topic = self.prefix + row["topic"]
            if topic not in partitions:
                partitions[topic] = len(await self.producer.partitions_for(topic))
            queues.setdefault((topic, partition_of(row["key"], partitions[topic])), deque()).append(row)
        return queues

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
        """Fills the batch and returns its rows; leaves out blocked rows."""
        loaded = []
        while waiting:
            row = waiting[0]
            if not self.blocked or ordering_key(row) not in self.blocked:
                key, value = str(row["key"]).encode(), published_value(row)
                headers = signed_headers(row, self.source, self.mac_keys)
                if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                    break
                loaded.append(row)
            waiting.popleft()
        return loaded


def ordering_key(row: asyncpg.Record) -> str:
    """Rows with the same ordering key are published in order."""
    return f"{row['topic']} {row['key']}"


def published_value(row: asyncpg.Record) -> bytes | None:
    """None for a restricted event whose data key was erased: the compaction of its topic then removes the earlier records of its key."""
    value: bytes = row["data"]
    return None if row["data_key"] is None and row["partition_day"] == date.max else value


def signed_headers(row: asyncpg.Record, source: str, keys: MacKeys) -> list[tuple[str, bytes]]:
    """The envelope of a row and its MAC, under the current key at any age of the row."""
    headers = to_headers(envelope_of(row, source))
    if row["data_key"] is not None:
        headers.append((DATA_KEY, row["data_key"]))
    return [*headers, keys.sign(row["topic"], str(row["key"]).encode(), published_value(row), headers)]


def envelope_of(row: asyncpg.Record, source: str) -> Envelope:
    """The CloudEvents envelope of a row."""
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
