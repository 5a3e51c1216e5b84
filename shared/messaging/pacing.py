"""Adaptive pacing: on idle cores background work runs at once; on busy cores it waits longer, so that batches grow.

The waits stay within a budget of lateness from commit to effect. Pacing affects only throughput and lateness.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Any

import psutil

#: Shares of busy processor time: pressure is 0 below the first and 1 above the second.
_CALM, _FULL = 0.90, 0.95
_SAMPLE_SECONDS = 0.25
#: The shares of the budget that the relay and the consumer may spend waiting; the rest is for the work itself.
_RELAY_SHARE, _CONSUMER_SHARE = 0.2, 0.4


class BusyCores:
    """Measures how busy the machine's cores are, between its own samples."""

    def __init__(self) -> None:
        self._times, self._sampled_at, self._pressure = psutil.cpu_times(), monotonic(), 0.0

    def pressure(self) -> float:
        """Pressure: 0 on calm cores, 1 on full ones; sampled at most four times a second."""
        now = monotonic()
        if now - self._sampled_at >= _SAMPLE_SECONDS:
            times = psutil.cpu_times()
            total = sum(times) - sum(self._times)
            idle = _idle(times) - _idle(self._times)
            self._times, self._sampled_at = times, now
            self._pressure = pressure_of(1 - idle / total) if total > 0 else self._pressure
        return self._pressure


@dataclass(frozen=True, slots=True)
class Pacing:
    """`budget` is the lateness from commit to applied that a busy machine may add, at the 99th percentile.

    The components of one worker share this object and its measurement of the cores.
    """

    budget: timedelta = timedelta(milliseconds=500)
    cores: BusyCores = field(default_factory=BusyCores, compare=False)

    def relay_limit(self, calm: float, pressure: float) -> float:
        """The longest wait of the relay in seconds: `calm` on calm cores, its share of the budget on full ones."""
        return calm + pressure * max(self.budget.total_seconds() * _RELAY_SHARE - calm, 0.0)

    def consumer_limit(self, pressure: float) -> float:
        """How long the consumer lets records gather, in seconds: not at all on calm cores, its share of the budget on full ones."""
        return pressure * self.budget.total_seconds() * _CONSUMER_SHARE


#: Half a second.
DEFAULT_PACING = Pacing()


def pressure_of(busy: float) -> float:
    """Pressure, from 0 to 1, at a share of busy processor time."""
    return min(max((busy - _CALM) / (_FULL - _CALM), 0.0), 1.0)


def _idle(times: Any) -> float:
    """Seconds without work; `iowait` exists on Linux alone."""
    return float(times.idle + getattr(times, "iowait", 0.0))
