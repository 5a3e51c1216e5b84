"""What a scenario is: a title, the figures that it gives with their targets, and how it is measured."""

from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from dataclasses import dataclass

from tests.bench.figures import Figure, Run, percentile
from tests.bench.load import Shots
from tests.bench.stage import Bench

#: Gives the figures of each run as it ends. What is no promised figure is given too, and explains the others.
Measure = Callable[[Bench], AsyncGenerator[Run]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`minutes` is about how long its short form takes; `how` is told beside the figures."""

    name: str
    title: str
    how: str
    minutes: float
    figures: Sequence[Figure]
    measure: Measure


def answers(shots: Shots, *, success: Collection[int] = (201,), after: float = 0.0) -> dict[str, float]:
    """Of the requests that were planned later than `after` seconds; what was answered otherwise is counted, and no success."""
    kept = [(at, took, status) for at, took, status in zip(shots.planned, shots.latency, shots.status, strict=True) if at >= after]
    took = [took for _, took, status in kept if status in success]
    return {
        "per second": len(took) / (max((at + took for at, took, _ in kept), default=after) - after or 1.0),
        "p50": percentile(took, 0.5) * 1000,
        "p99": percentile(took, 0.99) * 1000,
        "worst": percentile(took, 1) * 1000,
        f"answers other than {min(success)}": len(kept) - len(took),
        "unanswered": sum(status == 0 for *_, status in kept),
        "cores generator": shots.cpu_seconds / shots.wall_seconds,
    }
