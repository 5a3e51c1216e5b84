"""Reads Kafka: the ends of its topics, the committed offsets of each context, and every record.

Topics are read one after another in small portions, so that memory stays bounded.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.structs import OffsetAndMetadata

import shared.messaging.inbound.readable_records  # noqa: F401  a record of a foreign program must not end a verification
from infra.deploy.topics import declarations
from infra.errors import StackError
from shared.contracts.envelope import Record
from shared.messaging.kafka_settings import KafkaCredentials, client_options

#: The next offset of each partition, by topic without its prefix and partition.
Offsets: TypeAlias = Mapping[tuple[str, int], int]

_MAX_RECORDS, _WAIT_MS, _PARTITION_BYTES, _FETCH_BYTES = 2_000, 1_000, 256 * 1024, 4 * 1024 * 1024
_MAX_EMPTY_POLLS = 30


class Broker:
    """`prefix` is the prefix of every topic and group."""

    def __init__(self, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient, prefix: str) -> None:
        self._consumer, self._admin, self._prefix = consumer, admin, prefix

    async def cluster(self) -> str:
        return str((await self._admin.describe_cluster())["cluster_id"])

    async def ends(self) -> Offsets:
        """Returns the end offsets of the declared topics that exist."""
        return self._named(await self._consumer.end_offsets(await self._partitions()))

    async def beginnings(self) -> Offsets:
        return self._named(await self._consumer.beginning_offsets(await self._partitions()))

    async def committed(self, context: str) -> Offsets:
        """Returns the context's committed offsets. Its transactions of every earlier record were committed before."""
        offsets = await self._group(f"{self._prefix}{context.replace('_', '-')}")
        return self._named({partition: each.offset for partition, each in offsets.items() if each.offset >= 0})

    async def _group(self, name: str) -> Mapping[TopicPartition, OffsetAndMetadata]:
        """A new broker has no group coordinator until the first request for one."""
        for _ in range(_MAX_EMPTY_POLLS):
            with suppress(GroupCoordinatorNotAvailableError):
                found: Mapping[TopicPartition, OffsetAndMetadata] = await self._admin.list_consumer_group_offsets(name)
                return found
            await asyncio.sleep(_WAIT_MS / 1000)
        raise StackError(f"Kafka does not return the committed offsets of the group {name}.")

    async def read(self, until: Offsets) -> AsyncIterator[Record]:
        """Yields every record before `until`, in the order of each partition. Raises StackError when Kafka does not deliver them."""
        for topic in dict.fromkeys(topic for topic, _ in until):
            ends = {TopicPartition(self._prefix + topic, part): end for (name, part), end in until.items() if name == topic and end}
            if ends:
                self._consumer.assign(list(ends))
                await self._consumer.seek_to_beginning(*ends)
                async for record in self._until(ends):
                    yield record

    async def _until(self, ends: Mapping[TopicPartition, int]) -> AsyncIterator[Record]:
        empty_polls = 0
        while left := sum([max(end - await self._consumer.position(part), 0) for part, end in ends.items()]):
            portion = await self._consumer.getmany(timeout_ms=_WAIT_MS, max_records=_MAX_RECORDS)
            empty_polls = 0 if portion else empty_polls + 1
            if empty_polls > _MAX_EMPTY_POLLS:
                raise StackError(f"Kafka does not deliver {left} records that it has.")
            for part, records in portion.items():
                for each in records:
                    if each.offset < ends[part]:
                        yield Record(
                            self._without_prefix(part.topic), part.partition, each.offset, each.key, each.value, tuple(each.headers)
                        )

    async def _partitions(self) -> list[TopicPartition]:
        existing = set(await self._admin.list_topics())
        names = [name for topic in declarations() if (name := self._prefix + topic.name) in existing]
        described = await self._admin.describe_topics(names)
        return [TopicPartition(each["topic"], part["partition"]) for each in described for part in each["partitions"]]

    def _without_prefix(self, topic: str) -> str:
        return topic.removeprefix(self._prefix)

    def _named(self, offsets: Mapping[TopicPartition, int]) -> Offsets:
        return {(self._without_prefix(part.topic), part.partition): offset for part, offset in offsets.items()}


@asynccontextmanager
async def connected(bootstrap: str, prefix: str, credentials: KafkaCredentials | None = None) -> AsyncIterator[Broker]:
    options = client_options(bootstrap, credentials)
    consumer = AIOKafkaConsumer(
        **options,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=_PARTITION_BYTES,
        fetch_max_bytes=_FETCH_BYTES,
    )
    admin = AIOKafkaAdminClient(**options)
    try:
        await consumer.start()
        await admin.start()
        yield Broker(consumer, admin, prefix)
    finally:
        await consumer.stop()
        await admin.close()
