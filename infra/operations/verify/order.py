"""Checks that an aggregate's events first appear in Kafka in the order of their sequence numbers (I5).

Events may be republished, and events that a topic has deleted are no gap. A compacted topic may hold the newest event alone, which must
come last: compaction would otherwise keep an older one.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

Aggregate = tuple[bytes, str]


@dataclass(slots=True)
class _Run:
    """The sequence numbers of an aggregate in one partition: the first, the highest and the last."""

    first: int
    highest: int
    last: int


@dataclass(slots=True)
class Order:
    """Takes records in the order of each partition. `violations` is complete when every record was added."""

    runs: dict[Aggregate, dict[int, _Run]] = field(default_factory=lambda: defaultdict(dict))
    compacted: set[Aggregate] = field(default_factory=set)
    unpublished: set[Aggregate] = field(default_factory=set)
    _gaps: list[tuple[Aggregate, str]] = field(default_factory=list)
    _late: list[str] = field(default_factory=list)

    def add(self, aggregate: Aggregate, partition: int, sequence: int, *, is_expired: bool, is_compacted: bool) -> None:
        """`is_expired`: the record is older than the topic's retention, so an earlier copy may have been deleted."""
        if is_compacted:
            self.compacted.add(aggregate)
        run = self.runs[aggregate].get(partition)
        if run is None:
            self.runs[aggregate][partition] = _Run(sequence, sequence, sequence)
            return
        if not is_compacted and sequence > run.highest + 1:
            self._gaps.append((aggregate, _describe(aggregate, f"number {sequence} after {run.highest}")))
        if not is_compacted and sequence < run.first and not is_expired:
            self._late.append(_describe(aggregate, f"number {sequence} after {run.highest}"))
        run.highest, run.last = max(run.highest, sequence), sequence

    def mark_unpublished(self, aggregate: Aggregate) -> None:
        """Some of the aggregate's events are in the outbox, perhaps for republication."""
        self.unpublished.add(aggregate)

    @property
    def violations(self) -> Iterator[str]:
        """An aggregate in two partitions (their number was raised) may have gaps in each."""
        yield from self._late
        yield from (gap for aggregate, gap in self._gaps if len(self.runs[aggregate]) == 1)
        for aggregate in self.compacted - self.unpublished:
            for run in self.runs[aggregate].values():
                if run.last < run.highest:
                    yield _describe(aggregate, f"number {run.last} is the last, after {run.highest}")


def _describe(aggregate: Aggregate, problem: str) -> str:
    return f"{UUID(bytes=aggregate[0])} on {aggregate[1]}: {problem}"
