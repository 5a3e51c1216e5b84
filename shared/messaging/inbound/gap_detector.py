"""Detects records that were not delivered: the offsets of a partition are consecutive from the first position.

A rebalance may drop a fetched record; committing a later offset would lose it. A gap ends the process, and Kafka delivers every record
after the committed offset again.
"""

from bisect import bisect_left
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.messaging.kafka_settings import KafkaSettings

_PROBE_TIMEOUT_MILLISECONDS = 10_000


class OffsetGap(Exception):
    """Kafka holds a record that was not delivered although later ones were."""

    def __init__(self, partition: TopicPartition, offset: int) -> None:
        super().__init__(f"{partition.topic}[{partition.partition}] from offset {offset}")


class GapDetector:
    """Compaction and transactions leave legitimate gaps; the detector asks Kafka at each gap which records exist."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._next: dict[TopicPartition, int] = {}
        self._probed: dict[TopicPartition, tuple[int, list[int]]] = {}
        self._probe_client: AIOKafkaConsumer | None = None

    def reset(self, positions: Mapping[TopicPartition, int | None]) -> None:
        """Starts at these positions; None means the beginning of the partition.

        Earlier responses of Kafka are dropped: it may have lost records.
        """
        self._next.update({partition: offset or 0 for partition, offset in positions.items()})
        self._probed.clear()

    async def check(self, partition: TopicPartition, offset: int) -> None:
        """Checks one record; call it in delivery order. Raises OffsetGap; OSError or KafkaError when Kafka does not respond."""
        expected = self._next.get(partition, 0)
        if offset > expected and await self._first_from(partition, expected) != offset:
            raise OffsetGap(partition, expected)
        self._next[partition] = offset + 1

    async def close(self) -> None:
        if self._probe_client:
            await self._probe_client.stop()

    async def _first_from(self, partition: TopicPartition, expected: int) -> int | None:
        """The offset of the first record in Kafka at or after `expected`."""
        begin, offsets = self._probed.get(partition, (0, []))
        if not offsets or not begin <= expected <= offsets[-1]:
            offsets = await self._probe(partition, expected)
            self._probed[partition] = expected, offsets
        return offsets[bisect_left(offsets, expected)] if offsets else None

    async def _probe(self, partition: TopicPartition, expected: int) -> list[int]:
        client = await self._client()
        client.assign([partition])
        client.seek(partition, expected)
        found = await client.getmany(partition, timeout_ms=_PROBE_TIMEOUT_MILLISECONDS)
        return [record.offset for record in found.get(partition, []) if record.offset >= expected]

    async def _client(self) -> AIOKafkaConsumer:
        if self._probe_client is None:
            client = AIOKafkaConsumer(**self._kafka.client_options, auto_offset_reset="earliest", enable_auto_commit=False)
            try:
                await client.start()
            except BaseException:
                await client.stop()
                raise
            self._probe_client = client
        return self._probe_client
