"""Numbers: percentiles of every value, and what several runs say together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

#: Name of a figure to its value in one run.
Run = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Figure:
    """`target` is the least that is to be reached where `is_floor`, otherwise the most; None where nothing was promised."""

    name: str
    unit: str
    target: float | None = None
    is_floor: bool = False

    def is_reached(self, value: float) -> bool:
        if self.target is None:
            return True
        return value >= self.target if self.is_floor else value <= self.target


@dataclass(frozen=True, slots=True)
class Spread:
    """Several runs."""

    minimum: float
    median: float
    maximum: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(min(values), median(values), max(values))


def shown(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that so large a share of all values does not exceed (nearest rank); NaN of none."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else float("nan")


def delays(seconds: Iterable[float]) -> dict[str, float]:
    """Milliseconds: the middle, the 99th of a hundred, and the worst."""
    found = sorted(seconds)
    return {"p50": percentile(found, 0.5) * 1000, "p99": percentile(found, 0.99) * 1000, "worst": percentile(found, 1) * 1000}
