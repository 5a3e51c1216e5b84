"""First occurrences of an aggregate's events come in the order of their numbers (I5).

An event may come again, and what a topic no longer keeps is no gap. Of a compacted topic anything but the newest may be
gone; but the newest comes last, or compaction would one day keep an older one.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

Aggregate = tuple[bytes, str]


@dataclass(slots=True)
class _Run:
    """The numbers of an aggregate in one partition: the first, the newest and the last."""

    first: int
    newest: int
    last: int


@dataclass(slots=True)
class Order:
    """Fed with records as each partition has them; `wrong` tells what is out of order when all were taken."""

    runs: dict[Aggregate, dict[int, _Run]] = field(default_factory=lambda: defaultdict(dict))
    compacted: set[Aggregate] = field(default_factory=set)
    unsent: set[Aggregate] = field(default_factory=set)
    _gaps: list[tuple[Aggregate, str]] = field(default_factory=list)
    _late: list[str] = field(default_factory=list)

    def take(self, aggregate: Aggregate, partition: int, sequence: int, *, is_expired: bool, is_compacted: bool) -> None:
        """`is_expired` says that the topic may have kept it once, and dropped it."""
        if is_compacted:
            self.compacted.add(aggregate)
        run = self.runs[aggregate].get(partition)
        if run is None:
            self.runs[aggregate][partition] = _Run(sequence, sequence, sequence)
            return
        if not is_compacted and sequence > run.newest + 1:
            self._gaps.append((aggregate, _describe(aggregate, f"number {sequence} after {run.newest}")))
        if not is_compacted and sequence < run.first and not is_expired:
            self._late.append(_describe(aggregate, f"number {sequence} after {run.newest}"))
        run.newest, run.last = max(run.newest, sequence), sequence

    def is_unsent(self, aggregate: Aggregate) -> None:
        """Some of its events are still to be sent, perhaps once more."""
        self.unsent.add(aggregate)

    @property
    def wrong(self) -> Iterator[str]:
        """An aggregate that is in two partitions (their number grew) has no gap in one where the other goes on."""
        yield from self._late
        yield from (told for aggregate, told in self._gaps if len(self.runs[aggregate]) == 1)
        for aggregate in self.compacted - self.unsent:
            for run in self.runs[aggregate].values():
                if run.last < run.newest:
                    yield _describe(aggregate, f"number {run.last} is the last, after {run.newest}")


def _describe(aggregate: Aggregate, what: str) -> str:
    return f"{UUID(bytes=aggregate[0])} on {aggregate[1]}: {what}"
