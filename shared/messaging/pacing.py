"""Adaptive pacing: on idle cores background work runs at once; on busy cores it waits longer, so that batches grow.

The waits stay within a budget of lateness from commit to effect. Without this module only throughput and lateness change.
"""

from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import psutil

#: Below the first share of busy processor time nothing is stretched; above the second everything is.
_CALM, _FULL = 0.80, 0.95
_SAMPLE_SECONDS = 0.25
#: The shares of the budget that the relay and the consumer may spend waiting; the rest is for the work itself.
_RELAY_SHARE, _CONSUMER_SHARE = 0.2, 0.5


@dataclass(frozen=True, slots=True)
class Pacing:
    """`budget` is the lateness from commit to applied that a busy machine may add, at the 99th percentile."""

    budget: timedelta = timedelta(milliseconds=500)

    @property
    def relay_limit(self) -> float:
        """Seconds."""
        return self.budget.total_seconds() * _RELAY_SHARE

    @property
    def consumer_limit(self) -> float:
        """Seconds."""
        return self.budget.total_seconds() * _CONSUMER_SHARE


#: Half a second.
DEFAULT_PACING = Pacing()


class BusyCores:
    """Samples how busy the machine's cores are."""

    def __init__(self) -> None:
        self._sampled_at, self._stretch = 0.0, 0.0

    def stretch(self) -> float:
        """0 on calm cores, 1 on full ones; sampled at most four times a second."""
        now = monotonic()
        if now - self._sampled_at >= _SAMPLE_SECONDS:
            self._sampled_at, self._stretch = now, stretch_of(psutil.cpu_percent(interval=None) / 100)
        return self._stretch


def stretch_of(busy: float) -> float:
    """How far waits are stretched at a share of busy processor time."""
    return min(max((busy - _CALM) / (_FULL - _CALM), 0.0), 1.0)
