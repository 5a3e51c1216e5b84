"""Lets every consumer of the process read on behind a record that aiokafka cannot read. To import the module is enough."""

from collections.abc import Iterator
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer import fetcher


class ReadableRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of a fetch. A batch with a header name that is no UTF-8 becomes one record without key and value.

    The library would raise at that batch for ever, and no later record of the partition could be read. The product writes no such batch.
    """

    next_fetch_offset: int

    def __init__(self, partition: TopicPartition, batches: Any, *settings: Any) -> None:
        self._batches = _LastBatch(batches)
        super().__init__(partition, self._batches, *settings)

    def _unpack_records(self) -> Iterator[ConsumerRecord]:
        while True:
            try:
                yield from super()._unpack_records()
            except UnicodeDecodeError:
                offset, self.next_fetch_offset = self.next_fetch_offset, self._batches.last.next_offset
                yield ConsumerRecord(self._tp.topic, self._tp.partition, offset, 0, 0, None, None, None, -1, -1, ())
            else:
                return


class _LastBatch:
    """The batches of a fetch, and the one that was read last."""

    def __init__(self, batches: Any) -> None:
        self._batches = batches
        self.last: Any = None
        self.has_next = batches.has_next

    def next_batch(self) -> Any:
        self.last = self._batches.next_batch()
        return self.last


fetcher.PartitionRecords = ReadableRecords
