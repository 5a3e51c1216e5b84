"""Kafka against the logs: everything committed is there, nothing else is, and first occurrences come in order (I4, I5)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import blake2b
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.topics import declarations
from infra.verify.finding import Finding, found
from shared.contracts.envelope import Envelope, Record, Undecodable, read_envelope

_AT_ONCE, _PATIENCE_MS, _DIGEST_BYTES = 5_000, 2_000, 8
_COMMITTED = """
SELECT event.id, event.type, event.data, outbox.seq IS NOT NULL AS is_unsent,
       recorded_at > clock_timestamp() - make_interval(days => $1) AS is_kept,
       event.seq = max(event.seq) OVER (PARTITION BY key) AS is_newest
FROM {context}.event LEFT JOIN {context}.outbox USING (seq) WHERE topic = $2"""


@dataclass(slots=True)
class Seen:
    """What the topics hold: the digest of each event's value, how often it came, and the newest number of each aggregate."""

    digests: dict[UUID, bytes] = field(default_factory=dict)
    newest: dict[tuple[UUID, str], int] = field(default_factory=dict)
    records: int = 0
    strangers: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)

    def take(self, record: Record, topic: str, *, is_compacted: bool) -> None:
        self.records += 1
        try:
            envelope = read_envelope(record)
        except Undecodable:
            self.strangers.append(f"{record.topic} {record.partition}@{record.offset} is no event of ours")
            return
        if envelope.id not in self.digests:
            self.digests[envelope.id] = _digest(record.value or b"")
            self._in_order(envelope, topic, is_compacted=is_compacted)

    def _in_order(self, envelope: Envelope, topic: str, *, is_compacted: bool) -> None:
        aggregate = (UUID(envelope.subject), topic)
        before = self.newest.get(aggregate)
        follows = before is None or envelope.sequence == before + 1 or (is_compacted and envelope.sequence > before)
        if not follows:
            self.disordered.append(f"{envelope.type} {envelope.id}: number {envelope.sequence} after {before}")
        self.newest[aggregate] = max(envelope.sequence, before or 0)


async def compare(owner: "asyncpg.Connection[asyncpg.Record]", bootstrap: str, prefix: str = "") -> list[Finding]:
    """What is unsent may be absent, what is older than its topic keeps as well, and of a compacted topic all but the newest."""
    seen = await _read(bootstrap, prefix)
    logs = await _held_against(owner, seen)
    unknown = [f"event {each}" for each in seen.digests.keys() - logs.committed]
    return [
        found("I4", "every committed event is in Kafka", len(logs.committed), logs.missing),
        found("I4", "nothing is in Kafka that was not committed", seen.records, [*seen.strangers, *unknown]),
        found("I4", "an event reads in Kafka as it was committed", len(seen.digests), logs.altered),
        found("I5", "an aggregate's events come first in the order of their numbers", len(seen.digests), seen.disordered),
    ]


async def _read(bootstrap: str, prefix: str) -> Seen:
    seen = Seen()
    names = {prefix + each.name: each for each in declarations()}
    consumer = AIOKafkaConsumer(*names, bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async for record in _until(consumer, await consumer.end_offsets(consumer.assignment())):
            declared = names[record.topic]
            seen.take(record, declared.name, is_compacted=declared.is_compacted)
    finally:
        await consumer.stop()
    return seen


async def _until(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> AsyncIterator[Record]:
    """Every record before `ends`."""
    while any([await consumer.position(part) < end for part, end in ends.items()]):
        for part, records in (await consumer.getmany(timeout_ms=_PATIENCE_MS, max_records=_AT_ONCE)).items():
            for each in records:
                if each.offset < ends[part]:
                    yield Record(each.topic, each.partition, each.offset, each.key, each.value, tuple(each.headers))


@dataclass(slots=True)
class _Logs:
    """The logs, held against what the topics hold."""

    seen: Seen
    committed: set[UUID] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)

    def take(self, row: asyncpg.Record, *, is_required: bool) -> None:
        self.committed.add(row["id"])
        there = self.seen.digests.get(row["id"])
        if there is None:
            if is_required and row["is_kept"] and not row["is_unsent"]:
                self.missing.append(f"{row['type']} {row['id']}")
        elif there != _digest(row["data"]):
            self.altered.append(f"{row['type']} {row['id']}")


async def _held_against(owner: "asyncpg.Connection[asyncpg.Record]", seen: Seen) -> _Logs:
    logs = _Logs(seen)
    async with owner.transaction():
        for topic in declarations():
            context = topic.name.partition(".")[0].replace("-", "_")
            async for row in owner.cursor(_COMMITTED.format(context=context), topic.retention_days, topic.name, prefetch=_AT_ONCE):
                logs.take(row, is_required=row["is_newest"] or not topic.is_compacted)
    return logs


def _digest(value: bytes) -> bytes:
    return blake2b(value, digest_size=_DIGEST_BYTES).digest()
