"""A scenario: a title, its figures with their yardsticks and targets, and the function that measures it."""

from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from dataclasses import dataclass

from tests.bench.figures import Figure, Run, percentile
from tests.bench.load import LoadResult
from tests.bench.product_under_test import Bench

#: Yields the values of each run as it ends: the figures, their yardsticks, and values that explain them.
Measure = Callable[[Bench], AsyncGenerator[Run]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`minutes` is the approximate time of three runs in the short form; `how` appears on the page."""

    name: str
    title: str
    how: str
    minutes: float
    figures: Sequence[Figure]
    measure: Measure


def request_figures(result: LoadResult, *, success: Collection[int] = (201,), after: float = 0.0) -> dict[str, float]:
    """Of the requests planned later than `after` seconds. Other responses are counted and are no success."""
    kept = [(at, took, status) for at, took, status in zip(result.planned, result.latency, result.status, strict=True) if at >= after]
    took = [took for _, took, status in kept if status in success]
    return {
        "per second": len(took) / (max((at + took for at, took, _ in kept), default=after) - after or 1.0),
        "p50": percentile(took, 0.5) * 1000,
        "p99": percentile(took, 0.99) * 1000,
        "worst": percentile(took, 1) * 1000,
        f"responses other than {min(success)}": len(kept) - len(took),
        "without response": sum(status == 0 for *_, status in kept),
        "cores generator": result.cpu_seconds / result.wall_seconds,
    }
