"""No record is passed over: those of a partition follow each other from where the reading began.

When partitions are given out anew, a record that was read may be left, and if what comes after it were acknowledged, it would be lost
(docs/adr/0005). Here that ends the process, and Kafka sends everything after the acknowledged once more.
"""

from bisect import bisect_left
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition

_PATIENCE_MILLISECONDS = 10_000


class OffsetGap(Exception):
    """Kafka holds a record that was not handed over although later ones were."""

    def __init__(self, partition: TopicPartition, offset: int) -> None:
        super().__init__(f"{partition.topic}[{partition.partition}] from offset {offset}")


class GapDetector:
    """Offsets have holes of their own where Kafka has tidied up; only there it is asked what it holds."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._next: dict[TopicPartition, int] = {}
        self._probed: dict[TopicPartition, tuple[int, list[int]]] = {}
        self._probe_client: AIOKafkaConsumer | None = None

    def reset(self, positions: Mapping[TopicPartition, int | None]) -> None:
        """From here on these partitions are read; None is the beginning. What Kafka held is asked again: it may have lost it."""
        self._next.update({partition: offset or 0 for partition, offset in positions.items()})
        self._probed.clear()

    async def check(self, partition: TopicPartition, offset: int) -> None:
        """For each record in the order in which they are handed over. Raises RecordPassedOver; OSError, KafkaError when nobody can tell."""
        expected = self._next.get(partition, 0)
        if offset > expected and await self._first_from(partition, expected) != offset:
            raise OffsetGap(partition, expected)
        self._next[partition] = offset + 1

    async def close(self) -> None:
        if self._probe_client:
            await self._probe_client.stop()

    async def _first_from(self, partition: TopicPartition, expected: int) -> int | None:
        """The offset of the first record that Kafka holds from `expected` on."""
        begin, held = self._probed.get(partition, (0, []))
        if not held or not begin <= expected <= held[-1]:
            held = await self._probe(partition, expected)
            self._probed[partition] = expected, held
        return held[bisect_left(held, expected)] if held else None

    async def _probe(self, partition: TopicPartition, expected: int) -> list[int]:
        if self._probe_client is None:
            self._probe_client = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
            await self._probe_client.start()
        self._probe_client.assign([partition])
        self._probe_client.seek(partition, expected)
        found = await self._probe_client.getmany(partition, timeout_ms=_PATIENCE_MILLISECONDS)
        return [record.offset for record in found.get(partition, []) if record.offset >= expected]
