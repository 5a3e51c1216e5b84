"""The event logs, Kafka and the inboxes, taken so that they can be held against each other: on disk, in buckets (see compare).

It works beside running services without a false alarm, by the order of its looks. How far each context's consumers had
come, and where the topics ended, is asked *before* the snapshot of the databases: whatever lay before was settled, or
committed, when the snapshot was taken. Where the topics end is asked again *after* it: what the snapshot holds as sent lies
before. What lies between is on its way, and judged the next time.
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

from infra.contexts import CONTEXTS
from infra.deploy.topics import declarations, last_cluster
from infra.operations.verify.broker import Broker, Offsets
from infra.operations.verify.check import since
from infra.operations.verify.finding import Tally
from infra.operations.verify.spill import Spill
from infra.wiring import SUBSCRIPTIONS
from shared.clock import wall_clock
from shared.contracts.envelope import Record, Undecodable, read_envelope
from shared.contracts.event import producer_of
from shared.messaging.topics import TopicDeclaration
from shared.persistence.retention import RetentionPolicy

#: What is being done, how much of it, of how much; 0 when that is not known.
Tell = Callable[[str, int, int], None]

#: Topics are numbers in the rows on disk, and so are contexts.
TOPICS = declarations()
_NUMBER = {topic.name: number for number, topic in enumerate(TOPICS)}
#: What a row says of its event: it is still to be sent, its topic must hold it, its topic may have dropped it.
UNSENT, REQUIRED, EXPIRED = 1, 2, 4

_DIGEST_BYTES, _AT_ONCE, _EVERY = 8, 5_000, 5_000
#: Kafka drops by its own clock, and while it is being read.
_MARGIN = timedelta(hours=1)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)

_COMMITTED = """
SELECT event.id, substr(sha256(data), 1, {bytes}) AS digest, subject, sequence,
       outbox.seq IS NOT NULL OR {is_elsewhere} AS is_unsent, {is_required} AS is_required
FROM {context}.event LEFT JOIN {context}.outbox USING (seq) WHERE topic = $1"""
_NEWEST = "event.seq = max(event.seq) OVER (PARTITION BY key)"
_KEPT = "recorded_at > now() - interval '{days} days' + interval '1 hour'"
_LISTENED = "SELECT count(*) FROM {producer}.event WHERE type = ANY($1::text[]) AND recorded_at > greatest({applied}, $2)"
_NOT_APPLIED = """
SELECT event.id, extract(epoch FROM now() - recorded_at)::float8 AS seconds FROM {producer}.event
WHERE type = ANY($1::text[]) AND recorded_at > greatest({applied}, $2)
AND NOT EXISTS (SELECT FROM {consumer}.inbox WHERE event_id = event.id)
AND NOT EXISTS (SELECT FROM {producer}.outbox WHERE outbox.seq = event.seq)"""
_PARKED = "SELECT headers FROM {context}.parked"


@dataclass(frozen=True, slots=True)
class KafkaSnapshot:
    """What Kafka said before the snapshot: which cluster it is, where its topics end, how far each context's consumers are."""

    cluster: str
    ends: Offsets
    applied: Mapping[str, Offsets]

    @property
    def unread(self) -> dict[str, int]:
        """How many records lie between each context's consumers and the end of its topics."""
        return {context: self._left(context) for context in self.applied if self._left(context)}

    def _left(self, context: str) -> int:
        topics, done = set(SUBSCRIPTIONS[context].topics), self.applied[context]
        return sum(max(end - done[place], 0) for place, end in self.ends.items() if place[0] in topics)


async def snapshot_kafka(broker: Broker) -> KafkaSnapshot:
    """The consumers first. One that has no place yet stands where the partition begins."""
    applied = {context: await broker.applied(context) for context in CONTEXTS}
    ends, first = await broker.ends(), await broker.beginnings()
    stand = {context: {place: max(done.get(place, 0), first[place]) for place in ends} for context, done in applied.items()}
    return KafkaSnapshot(await broker.cluster(), ends, stand)


@dataclass(slots=True)
class Deliveries:
    """Taken from the snapshot with `take_logs`, from Kafka with `take_records`.

    By event: `sent` is what Kafka holds, `committed` what the logs hold, `waiting` what a context has not applied. By
    aggregate: `numbers` of what Kafka holds, and of what is unsent.
    """

    looked: KafkaSnapshot
    tell: Tell
    sent: Spill
    committed: Spill
    waiting: Spill
    numbers: Spill
    expected: frozenset[bytes] = frozenset()  # keys of strangers
    parked: dict[str, set[bytes]] = field(default_factory=dict)
    listened: int = 0
    began: datetime = field(default_factory=wall_clock)
    strangers: Tally = field(default_factory=lambda: Tally("I4", "nothing is in Kafka that was not committed"))

    async def take_logs(
        self, owner: "asyncpg.Connection[asyncpg.Record]", keep: RetentionPolicy, recorded_since: datetime | None = None
    ) -> None:
        """Within the snapshot: what was committed, what is parked, and what each context that listens has not applied."""
        for number, topic in enumerate(TOPICS):
            await self._take_log(owner, number, topic)
        for number, consumer in enumerate(CONTEXTS):
            self.parked[consumer] = {identity async for identity in _parked(owner, consumer)}
            for producer in CONTEXTS:
                words = {"producer": producer, "consumer": consumer, "applied": since(keep.inbox)}
                asked = (_listened(consumer, producer), recorded_since or _NEVER)
                self.listened += await owner.fetchval(_LISTENED.format(**words), *asked)
                async for row in owner.cursor(_NOT_APPLIED.format(**words), *asked, prefetch=_AT_ONCE):
                    self.waiting.add(row["id"].bytes, number, row["seconds"])

    async def take_records(self, broker: Broker) -> None:
        """Asks where the topics end now, after the snapshot, and takes every record up to there."""
        ends, first, taken = await broker.ends(), await broker.beginnings(), 0
        total = sum(end - first[place] for place, end in ends.items())
        async for record in broker.read(ends):
            self.take(record)
            taken += 1
            if not taken % _EVERY:
                self.tell("Reading Kafka", taken, total)
        self.tell("Reading Kafka", total, total)

    async def _take_log(self, owner: "asyncpg.Connection[asyncpg.Record]", number: int, topic: TopicDeclaration) -> None:
        context = producer_of(topic.name)
        last = await last_cluster(owner, context)
        query = _COMMITTED.format(
            context=context,
            bytes=_DIGEST_BYTES,
            is_required=_NEWEST if topic.is_compacted else _KEPT.format(days=topic.retention_days),
            is_elsewhere=last != self.looked.cluster,  # its relay will see another cluster, and send the log again
        )
        async for row in owner.cursor(query, topic.name, prefetch=_AT_ONCE):
            flags = UNSENT * row["is_unsent"] | REQUIRED * row["is_required"]
            self.committed.add(row["id"].bytes, row["digest"], number, flags)
            if row["is_unsent"]:
                self.numbers.add(row["subject"].bytes, number, 0, row["sequence"], UNSENT)
            if not self.committed.rows % _EVERY:
                self.tell("Reading the logs", self.committed.rows, 0)

    def take(self, record: Record) -> None:
        """One record of Kafka."""
        if record.key in self.expected:
            return
        try:
            envelope = read_envelope(record)
            subject = UUID(envelope.subject)
        except (Undecodable, ValueError):
            self.strangers.note(f"{record.topic} {record.partition}@{record.offset} is no event of ours")
            return
        number, digest = _NUMBER[record.topic], sha256(record.value or b"").digest()[:_DIGEST_BYTES]
        self.sent.add(envelope.id.bytes, digest, number, record.partition, record.offset)
        kept = timedelta(days=TOPICS[number].retention_days) - _MARGIN
        flags = EXPIRED * (envelope.recorded_time < self.began - kept)
        self.numbers.add(subject.bytes, number, record.partition, envelope.sequence, flags)


@contextmanager
def deliveries(looked: KafkaSnapshot, tell: Tell, expected: frozenset[bytes] = frozenset()) -> Iterator[Deliveries]:
    """With room on disk, about a hundred bytes for each event, which is given back at the end."""
    layouts = {"sent": f"{_DIGEST_BYTES}sHHq", "committed": f"{_DIGEST_BYTES}sHB", "waiting": "Bd", "numbers": "HHiB"}
    with TemporaryDirectory(prefix="care-verify-") as folder, ExitStack() as files:
        spills = {name: files.enter_context(closing(Spill(Path(folder), name, layout))) for name, layout in layouts.items()}
        yield Deliveries(looked, tell, spills["sent"], spills["committed"], spills["waiting"], spills["numbers"], expected)


def _listened(consumer: str, producer: str) -> list[str]:
    topics = f"{producer.replace('_', '-')}."
    return [event.TYPE for event in SUBSCRIPTIONS[consumer].on_event if event.TOPIC.startswith(topics)]


async def _parked(owner: "asyncpg.Connection[asyncpg.Record]", context: str) -> AsyncIterator[bytes]:
    """The ids of the events that wait for an operator, where the record has one."""
    async for row in owner.cursor(_PARKED.format(context=context)):
        encoded = dict(orjson.loads(row["headers"])).get("ce_id")
        with suppress(ValueError):
            yield UUID(b64decode(encoded or "").decode()).bytes
