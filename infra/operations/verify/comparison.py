"""Compares the event logs, Kafka and the inboxes, one bucket at a time (I4, I5, I6)."""

from dataclasses import dataclass, field
from uuid import UUID

from infra.contexts import CONTEXTS
from infra.operations.verify.deliveries import ERASED, EXPIRED, NO_VALUE, REQUIRED, TOPICS, UNPUBLISHED, Deliveries
from infra.operations.verify.finding import Finding, Tally
from infra.operations.verify.order import Order
from infra.operations.verify.pending_work import Backlog, PendingWork
from infra.operations.verify.spill import BUCKETS

#: Topic, partition and offset.
_Position = tuple[int, int, int]
#: Digest, topic and flags of an event in a log.
_Row = tuple[bytes, int, int]


@dataclass(slots=True)
class _EventInKafka:
    """One event in Kafka: its digest and all of its positions."""

    digest: bytes
    positions: list[_Position]


def compare(deliveries: Deliveries) -> tuple[list[Finding], PendingWork]:
    """Returns the findings, and the events that each context has not applied yet."""
    comparison = _Comparison(deliveries)
    for number in range(BUCKETS):
        comparison.compare_bucket(number)
        deliveries.on_progress("Comparing", number + 1, BUCKETS)
    uncommitted = deliveries.uncommitted
    uncommitted.checked = deliveries.in_kafka.rows + uncommitted.contradictions
    comparison.unapplied.checked = deliveries.subscribed
    tallies = (comparison.missing, uncommitted, comparison.altered, comparison.disordered, comparison.unapplied)
    return [each.finding for each in tallies], {f"{context} not applied": backlog for context, backlog in comparison.pending.items()}


@dataclass(slots=True)
class _Comparison:
    deliveries: Deliveries
    missing: Tally = field(default_factory=lambda: Tally("I4", "every committed event is in Kafka"))
    altered: Tally = field(default_factory=lambda: Tally("I4", "every event in Kafka is identical to the committed one"))
    disordered: Tally = field(
        default_factory=lambda: Tally("I5", "each aggregate's events first appear in Kafka in the order of their numbers")
    )
    unapplied: Tally = field(default_factory=lambda: Tally("I6", "every event was applied, refused or parked by each subscribed context"))
    pending: dict[str, Backlog] = field(default_factory=dict)

    def compare_bucket(self, number: int) -> None:
        in_kafka, in_log = self._in_kafka(number), self._in_log(number)
        for identity, (digest, topic, flags) in in_log.items():
            self._check_logged(identity, digest, topic, flags, in_kafka.get(identity))
        for identity in in_kafka.keys() - in_log.keys():
            self._check_not_logged(identity, in_kafka[identity])
        for identity, consumer, seconds in self.deliveries.not_applied.bucket(number):
            self._check_not_applied(identity, CONTEXTS[consumer], seconds, in_log[identity], in_kafka.get(identity))
        self._check_order(number)

    def _in_kafka(self, number: int) -> dict[bytes, _EventInKafka]:
        found: dict[bytes, _EventInKafka] = {}
        for identity, digest, topic, partition, offset in self.deliveries.in_kafka.bucket(number):
            found.setdefault(identity, _EventInKafka(digest, [])).positions.append((topic, partition, offset))
        return found

    def _in_log(self, number: int) -> dict[bytes, _Row]:
        return {identity: (digest, topic, flags) for identity, digest, topic, flags in self.deliveries.in_log.bucket(number)}

    def _check_logged(self, identity: bytes, digest: bytes, topic: int, flags: int, found: _EventInKafka | None) -> None:
        self.missing.checked += 1
        self.altered.checked += found is not None
        if found is None and flags & REQUIRED and not flags & UNPUBLISHED:
            self.missing.record(_describe(identity, topic))
        if found is not None and found.digest != digest and not (flags & ERASED and found.digest == NO_VALUE):
            self.altered.record(_describe(identity, topic))

    def _check_not_logged(self, identity: bytes, found: _EventInKafka) -> None:
        """A record from before the snapshot, and absent from it, was never committed. A later one may be."""
        topic, partition, offset = found.positions[0]
        if offset < self.deliveries.snapshot.ends.get((TOPICS[topic].name, partition), 0):
            self.deliveries.uncommitted.record(f"{_describe(identity, topic)} at {partition}@{offset}")

    def _check_not_applied(self, identity: bytes, consumer: str, seconds: float, row: _Row, found: _EventInKafka | None) -> None:
        """An event above the committed offset is pending; one below is lost to the consumer."""
        _, topic, flags = row
        if identity in self.deliveries.parked[consumer]:
            return
        if flags & UNPUBLISHED or (found and any(not self._is_below_committed(consumer, position) for position in found.positions)):
            before = self.pending.get(consumer, Backlog(0, 0))
            self.pending[consumer] = Backlog(before.count + 1, max(before.oldest_seconds, round(seconds, 1)))
        elif found or flags & REQUIRED or not TOPICS[topic].is_compacted:
            self.unapplied.record(f"{_describe(identity, topic)} in {consumer}")

    def _is_below_committed(self, consumer: str, position: _Position) -> bool:
        topic, partition, offset = position
        return offset < self.deliveries.snapshot.committed[consumer].get((TOPICS[topic].name, partition), 0)

    def _check_order(self, number: int) -> None:
        order = Order()
        for subject, topic, partition, sequence, flags in self.deliveries.sequence_numbers.bucket(number):
            aggregate = (subject, TOPICS[topic].name)
            if flags & UNPUBLISHED:
                order.mark_unpublished(aggregate)
                continue
            self.disordered.checked += 1
            order.add(aggregate, partition, sequence, is_expired=bool(flags & EXPIRED), is_compacted=TOPICS[topic].is_compacted)
        for each in order.violations:
            self.disordered.record(each)


def _describe(identity: bytes, topic: int) -> str:
    return f"{TOPICS[topic].name} {UUID(bytes=identity)}"
