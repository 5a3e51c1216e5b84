"""What was taken from the logs, from Kafka and from the inboxes, held against each other bucket by bucket (I4, I5, I6)."""

from dataclasses import dataclass, field
from uuid import UUID

from infra.contexts import CONTEXTS
from infra.operations.verify.deliveries import EXPIRED, REQUIRED, TOPICS, UNSENT, Deliveries
from infra.operations.verify.finding import Finding, Tally
from infra.operations.verify.lag import Backlog, Lag
from infra.operations.verify.order import Order
from infra.operations.verify.spill import BUCKETS

#: Topic, partition and offset.
_Place = tuple[int, int, int]
#: Digest, topic and flags of what a log holds.
_Row = tuple[bytes, int, int]


@dataclass(slots=True)
class _Sent:
    """One event in Kafka: its digest, and wherever it lies."""

    digest: bytes
    places: list[_Place]


def compare(taken: Deliveries) -> tuple[list[Finding], Lag]:
    """What contradicts, and what each context has still to apply."""
    comparison = _Comparison(taken)
    for number in range(BUCKETS):
        comparison.take(number)
        taken.tell("Comparing", number + 1, BUCKETS)
    taken.strangers.checked, comparison.unapplied.checked = taken.sent.rows + taken.strangers.contradictions, taken.listened
    tallies = (comparison.missing, taken.strangers, comparison.altered, comparison.disordered, comparison.unapplied)
    return [each.finding for each in tallies], {f"{context} not applied": lag for context, lag in comparison.behind.items()}


@dataclass(slots=True)
class _Comparison:
    taken: Deliveries
    missing: Tally = field(default_factory=lambda: Tally("I4", "every committed event is in Kafka"))
    altered: Tally = field(default_factory=lambda: Tally("I4", "an event reads in Kafka as it was committed"))
    disordered: Tally = field(default_factory=lambda: Tally("I5", "an aggregate's events come first in the order of their numbers"))
    unapplied: Tally = field(
        default_factory=lambda: Tally("I6", "every event was applied, refused or parked by each context that listens to it")
    )
    behind: dict[str, Backlog] = field(default_factory=dict)

    def take(self, number: int) -> None:
        sent, committed = self._sent(number), self._committed(number)
        for identity, (digest, topic, flags) in committed.items():
            self._hold_against(identity, digest, topic, flags, sent.get(identity))
        for identity in sent.keys() - committed.keys():
            self._judge_unknown(identity, sent[identity])
        for identity, consumer, seconds in self.taken.waiting.bucket(number):
            self._judge_waiting(identity, CONTEXTS[consumer], seconds, committed[identity], sent.get(identity))
        self._judge_order(number)

    def _sent(self, number: int) -> dict[bytes, _Sent]:
        found: dict[bytes, _Sent] = {}
        for identity, digest, *place in self.taken.sent.bucket(number):
            found.setdefault(identity, _Sent(digest, [])).places.append((place[0], place[1], place[2]))
        return found

    def _committed(self, number: int) -> dict[bytes, _Row]:
        return {identity: (digest, topic, flags) for identity, digest, topic, flags in self.taken.committed.bucket(number)}

    def _hold_against(self, identity: bytes, digest: bytes, topic: int, flags: int, there: _Sent | None) -> None:
        self.missing.checked += 1
        self.altered.checked += there is not None
        if there is None and flags & REQUIRED and not flags & UNSENT:
            self.missing.note(_describe(identity, topic))
        if there is not None and there.digest != digest:
            self.altered.note(_describe(identity, topic))

    def _judge_unknown(self, identity: bytes, there: _Sent) -> None:
        """What lay in Kafka before the snapshot, and is not in it, was never committed; what came since may have been."""
        topic, partition, offset = there.places[0]
        if offset < self.taken.looked.ends.get((TOPICS[topic].name, partition), 0):
            self.taken.strangers.note(f"{_describe(identity, topic)} at {partition}@{offset}")

    def _judge_waiting(self, identity: bytes, consumer: str, seconds: float, row: _Row, there: _Sent | None) -> None:
        """Not applied: its consumer has not come so far, or it is lost to it."""
        _, topic, flags = row
        if identity in self.taken.parked[consumer]:
            return
        if flags & UNSENT or (there and any(not self._is_past(consumer, place) for place in there.places)):
            before = self.behind.get(consumer, Backlog(0, 0))
            self.behind[consumer] = Backlog(before.count + 1, max(before.oldest_seconds, round(seconds, 1)))
        elif there or flags & REQUIRED or not TOPICS[topic].is_compacted:
            self.unapplied.note(f"{_describe(identity, topic)} in {consumer}")

    def _is_past(self, consumer: str, place: _Place) -> bool:
        return place[2] < self.taken.looked.applied[consumer].get((TOPICS[place[0]].name, place[1]), 0)

    def _judge_order(self, number: int) -> None:
        order = Order()
        for subject, topic, partition, sequence, flags in self.taken.numbers.bucket(number):
            aggregate = (subject, TOPICS[topic].name)
            if flags & UNSENT:
                order.is_unsent(aggregate)
                continue
            self.disordered.checked += 1
            order.take(aggregate, partition, sequence, is_expired=bool(flags & EXPIRED), is_compacted=TOPICS[topic].is_compacted)
        for each in order.wrong:
            self.disordered.note(each)


def _describe(identity: bytes, topic: int) -> str:
    return f"{TOPICS[topic].name} {UUID(bytes=identity)}"
