"""Copies the event logs, Kafka and the inboxes to disk, in buckets by event id, for `comparison`.

Running services cause no false contradiction, because of the order of the reads. The committed offsets and the topic ends are read
*before* the snapshot of the databases: every earlier record was committed, and every record below a committed offset was processed. The
topic ends are read again *after* the snapshot: every event that the snapshot holds as published lies below them. Records in between are
pending; the next run checks them.
"""

from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import asyncpg
import orjson

from infra.contexts import CONTEXTS, subscribed_types, subscriptions_of
from infra.deploy.topics import declarations, last_cluster
from infra.operations.verify.broker import Broker, Offsets
from infra.operations.verify.check import since
from infra.operations.verify.finding import Tally
from infra.operations.verify.spill import Spill
from shared.clock import wall_clock
from shared.contracts.envelope import Record, UndecodableRecord, read_envelope
from shared.contracts.event import producer_of
from shared.messaging.topics import TopicDeclaration
from shared.persistence.retention import RetentionPolicy

#: Receives the step, the items done, and their total or 0.
OnProgress = Callable[[str, int, int], None]

#: The rows on disk refer to topics and contexts by number.
TOPICS = declarations()
_NUMBER = {topic.name: number for number, topic in enumerate(TOPICS)}
#: Flags of a row: the event is not published yet, its topic must hold it, its topic may have deleted it, its data key was erased.
UNPUBLISHED, REQUIRED, EXPIRED, ERASED = 1, 2, 4, 8

_DIGEST_BYTES, _PREFETCH, _PROGRESS_STEP = 8, 5_000, 5_000
#: Stands for the digest of a record without a value.
NO_VALUE = bytes(_DIGEST_BYTES)
#: Kafka deletes by its own clock, also during a read.
_MARGIN = timedelta(hours=1)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)

_COMMITTED = """
SELECT event.id, substr(sha256(data), 1, {bytes}) AS digest, subject, sequence,
       outbox.seq IS NOT NULL OR {is_republished} AS is_unpublished, {is_required} AS is_required,
       partition_day = 'infinity' AND data_key IS NULL AS is_erased
FROM {context}.event LEFT JOIN {context}.outbox USING (seq) WHERE topic = $1"""
_NEWEST = "event.seq = max(event.seq) OVER (PARTITION BY key)"
_RETAINED = "recorded_at > now() - interval '{days} days' + interval '1 hour'"
#: An event whose data key was erased need not be applied.
_SUBSCRIBED = """
SELECT count(*) FROM {producer}.event WHERE type = ANY($1::text[]) AND recorded_at > greatest({applied}, $2)
AND (partition_day <> 'infinity' OR data_key IS NOT NULL)"""
_NOT_APPLIED = """
SELECT event.id, extract(epoch FROM now() - recorded_at)::float8 AS seconds FROM {producer}.event
WHERE type = ANY($1::text[]) AND recorded_at > greatest({applied}, $2) AND (partition_day <> 'infinity' OR data_key IS NOT NULL)
AND NOT EXISTS (SELECT FROM {consumer}.inbox WHERE event_id = event.id)
AND NOT EXISTS (SELECT FROM {producer}.outbox WHERE outbox.seq = event.seq)"""
_PARKED = "SELECT headers FROM {context}.parked"


@dataclass(frozen=True, slots=True)
class KafkaSnapshot:
    """The state of Kafka before the snapshot of the databases: cluster id, topic ends, and committed offsets by context."""

    cluster: str
    ends: Offsets
    committed: Mapping[str, Offsets]

    @property
    def unread(self) -> dict[str, int]:
        """Counts the records between each context's committed offsets and the ends of its topics."""
        return {context: count for context in self.committed if (count := self._unread(context))}

    def _unread(self, context: str) -> int:
        topics, committed = set(subscriptions_of(context).topics), self.committed[context]
        return sum(max(end - committed[partition], 0) for partition, end in self.ends.items() if partition[0] in topics)


async def snapshot_kafka(broker: Broker) -> KafkaSnapshot:
    """Reads the committed offsets first. Without one, a consumer is at the beginning of the partition."""
    committed = {context: await broker.committed(context) for context in CONTEXTS}
    ends, first = await broker.ends(), await broker.beginnings()
    offsets = {
        context: {partition: max(found.get(partition, 0), first[partition]) for partition in ends} for context, found in committed.items()
    }
    return KafkaSnapshot(await broker.cluster(), ends, offsets)


@dataclass(slots=True)
class Deliveries:
    """`read_logs` reads the snapshot of the databases, `read_records` reads Kafka.

    By event: `in_kafka` has the records of Kafka, `in_log` the event logs, `not_applied` the events that a context has not applied. By
    aggregate: `sequence_numbers` has the sequence numbers of the records in Kafka and of unpublished events.
    """

    snapshot: KafkaSnapshot
    on_progress: OnProgress
    in_kafka: Spill
    in_log: Spill
    not_applied: Spill
    sequence_numbers: Spill
    foreign_keys: frozenset[bytes] = frozenset()
    parked: dict[str, set[bytes]] = field(default_factory=dict)
    subscribed: int = 0
    began: datetime = field(default_factory=wall_clock)
    uncommitted: Tally = field(default_factory=lambda: Tally("I4", "every event in Kafka was committed"))

    async def read_logs(
        self, owner: "asyncpg.Connection[asyncpg.Record]", retention: RetentionPolicy, recorded_since: datetime | None = None
    ) -> None:
        """Reads committed events, parked records, and the events that a subscribed context has not applied."""
        for number, topic in enumerate(TOPICS):
            await self._read_log(owner, number, topic)
        for number, consumer in enumerate(CONTEXTS):
            self.parked[consumer] = {identity async for identity in _parked(owner, consumer)}
            for producer in CONTEXTS:
                names = {"producer": producer, "consumer": consumer, "applied": since(retention.inbox)}
                arguments = (subscribed_types(consumer, producer), recorded_since or _NEVER)
                self.subscribed += await owner.fetchval(_SUBSCRIBED.format(**names), *arguments)
                async for row in owner.cursor(_NOT_APPLIED.format(**names), *arguments, prefetch=_PREFETCH):
                    self.not_applied.add(row["id"].bytes, number, row["seconds"])

    async def read_records(self, broker: Broker) -> None:
        """Reads every record up to the topic ends after the snapshot."""
        ends, first, count = await broker.ends(), await broker.beginnings(), 0
        total = sum(end - first[partition] for partition, end in ends.items())
        async for record in broker.read(ends):
            self.add(record)
            count += 1
            if not count % _PROGRESS_STEP:
                self.on_progress("Reading Kafka", count, total)
        self.on_progress("Reading Kafka", total, total)

    async def _read_log(self, owner: "asyncpg.Connection[asyncpg.Record]", number: int, topic: TopicDeclaration) -> None:
        context = producer_of(topic.name)
        last = await last_cluster(owner, context)
        query = _COMMITTED.format(
            context=context,
            bytes=_DIGEST_BYTES,
            is_required=_NEWEST if topic.is_compacted else _RETAINED.format(days=topic.retention_days),
            is_republished=last != self.snapshot.cluster,  # the relay will find another cluster id and republish the log
        )
        async for row in owner.cursor(query, topic.name, prefetch=_PREFETCH):
            is_required = row["is_required"] and not row["is_erased"]
            flags = UNPUBLISHED * row["is_unpublished"] | REQUIRED * is_required | ERASED * row["is_erased"]
            self.in_log.add(row["id"].bytes, row["digest"], number, flags)
            if row["is_unpublished"]:
                self.sequence_numbers.add(row["subject"].bytes, number, 0, row["sequence"], UNPUBLISHED)
            if not self.in_log.rows % _PROGRESS_STEP:
                self.on_progress("Reading the event logs", self.in_log.rows, 0)

    def add(self, record: Record) -> None:
        """Adds a record of Kafka."""
        if record.key in self.foreign_keys:
            return
        try:
            envelope = read_envelope(record)
            subject = UUID(envelope.subject)
        except (UndecodableRecord, ValueError):
            self.uncommitted.record(f"{record.topic} {record.partition}@{record.offset} is no event of this product")
            return
        number, digest = _NUMBER[record.topic], NO_VALUE if record.value is None else sha256(record.value).digest()[:_DIGEST_BYTES]
        self.in_kafka.add(envelope.id.bytes, digest, number, record.partition, record.offset)
        retained = timedelta(days=TOPICS[number].retention_days) - _MARGIN
        flags = EXPIRED * (envelope.recorded_time < self.began - retained)
        self.sequence_numbers.add(subject.bytes, number, record.partition, envelope.sequence, flags)


@contextmanager
def deliveries(snapshot: KafkaSnapshot, on_progress: OnProgress, foreign_keys: frozenset[bytes] = frozenset()) -> Iterator[Deliveries]:
    """Uses about a hundred bytes of disk per event, and deletes them at the end."""
    layouts = {"in_kafka": f"{_DIGEST_BYTES}sHHq", "in_log": f"{_DIGEST_BYTES}sHB", "not_applied": "Bd", "sequence_numbers": "HHiB"}
    with TemporaryDirectory(prefix="care-verify-") as folder, ExitStack() as files:
        spills = {name: files.enter_context(closing(Spill(Path(folder), name, layout))) for name, layout in layouts.items()}
        in_kafka, in_log, not_applied, sequence_numbers = (
            spills[name] for name in ("in_kafka", "in_log", "not_applied", "sequence_numbers")
        )
        yield Deliveries(snapshot, on_progress, in_kafka, in_log, not_applied, sequence_numbers, foreign_keys)


async def _parked(owner: "asyncpg.Connection[asyncpg.Record]", context: str) -> AsyncIterator[bytes]:
    """Yields the event ids of the parked records that have one."""
    async for row in owner.cursor(_PARKED.format(context=context)):
        encoded = dict(orjson.loads(row["headers"])).get("ce_id")
        with suppress(ValueError):
            yield UUID(b64decode(encoded or "").decode()).bytes
