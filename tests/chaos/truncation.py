"""Observes a broker that loses acknowledged records and keeps its cluster id: the end offset of a partition falls.

Kafka never lowers an end offset otherwise. A broker that recovers on a full disk can truncate a partition or lose a topic
(docs/verification.md, Poison records).
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import asyncpg

from infra.contexts import CONTEXTS
from infra.dev_stack.product import ProvisionedStack
from infra.operations.verify.broker import Broker, connected
from shared.contracts.envelope import Record
from shared.messaging.outbound.partitioner import partition_of

_POLL_SECONDS, _TIMEOUT_SECONDS = 1.0, 10.0
_EVENTS = "SELECT id, topic, key FROM {context}.event"

Partition = tuple[str, int]


@dataclass(slots=True)
class TruncationWatch:
    """`partitions` have lost records under one cluster id."""

    partitions: set[Partition] = field(default_factory=set)
    _cluster: str | None = None
    _highest: dict[Partition, int] = field(default_factory=dict)

    async def run(self, provisioned: ProvisionedStack) -> None:
        """Runs until cancelled; connects again after every error."""
        while True:
            try:
                async with connected(provisioned.addresses.kafka_bootstrap, provisioned.layout.prefix) as broker:
                    await self._poll(broker)
            except Exception:  # the broker is down, or a fault hits it
                await asyncio.sleep(_POLL_SECONDS)

    async def observe(self, broker: Broker) -> None:
        """Compares the end offsets with the highest ones of this cluster."""
        cluster, ends = await broker.cluster(), await broker.ends()
        if cluster != self._cluster:
            self._cluster, self._highest = cluster, {}
        self.partitions.update(each for each, highest in self._highest.items() if ends.get(each, highest) < highest)
        self._highest |= {each: max(end, self._highest.get(each, 0)) for each, end in ends.items()}

    async def _poll(self, broker: Broker) -> None:
        while True:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await self.observe(broker)
            await asyncio.sleep(_POLL_SECONDS)


async def lost_events(provisioned: ProvisionedStack) -> Counter[Partition]:
    """Counts the events of the logs that Kafka does not have, by the partition that had them."""
    async with connected(provisioned.addresses.kafka_bootstrap, provisioned.layout.prefix) as broker:
        ends = await broker.ends()
        found = {_id(record) async for record in broker.read(ends)}
    sizes = Counter(topic for topic, _ in ends)
    return Counter(partition for event, partition in (await _logged(provisioned, sizes)).items() if event not in found)


async def _logged(provisioned: ProvisionedStack, sizes: Mapping[str, int]) -> dict[str, Partition]:
    owner = await asyncpg.connect(provisioned.addresses.database_url)
    try:
        rows = [row for context in CONTEXTS for row in await owner.fetch(_EVENTS.format(context=context))]
    finally:
        await owner.close()
    return {str(row["id"]): (row["topic"], partition_of(row["key"], sizes[row["topic"]])) for row in rows}


def _id(record: Record) -> str:
    return (dict(record.headers).get("ce_id") or b"").decode(errors="replace")
