"""Figures: percentiles over all values, ratios to a yardstick, and the spread of several runs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

#: Name of a figure to its value in one run.
Run = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Figure:
    """`ratio` is the promise: a limit on the figure divided by its yardstick. `remark` is a limit on the figure alone.

    Both limits are minimums where `is_floor`, otherwise maximums. `yardstick` names another value of the same run.
    """

    name: str
    unit: str
    remark: float | None = None
    is_floor: bool = False
    yardstick: str | None = None
    ratio: float | None = None

    def ratio_of(self, run: Run) -> float | None:
        """None where the run holds no yardstick."""
        measured = run.get(self.yardstick) if self.yardstick else None
        return run[self.name] / measured if measured else None

    def is_within(self, limit: float, value: float) -> bool:
        return value >= limit if self.is_floor else value <= limit

    def limit(self, value: float) -> str:
        return f"at {'least' if self.is_floor else 'most'} {shown(value)}"


@dataclass(frozen=True, slots=True)
class Spread:
    """Over several runs."""

    minimum: float
    median: float
    maximum: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(min(values), median(values), max(values))


def shown(value: float) -> str:
    """Three significant digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percentile(values: Iterable[float], share: float) -> float:
    """By nearest rank; NaN without values."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else float("nan")


def delays(seconds: Iterable[float]) -> dict[str, float]:
    """`p50`, `p99` and `worst`, in milliseconds."""
    found = sorted(seconds)
    return {"p50": percentile(found, 0.5) * 1000, "p99": percentile(found, 0.99) * 1000, "worst": percentile(found, 1) * 1000}
