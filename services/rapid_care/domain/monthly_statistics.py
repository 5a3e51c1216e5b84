"""The statistics of a month: K01 (within two hours), K02 (capacity), K03 (avoided admissions), K06 (declined).

The two-hour rule is 100 % (G06). A telephone contact and a visit without access stop the clock but are counted separately (G05, G44). So
are responses that were held until opening (G49) and contacts recorded late (G53).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MonthlyStatistics:
    """Counts of the referrals received in one month, each once; `declined` and `cancelled` count each time it happened."""

    referrals: int
    met: int
    breached: int
    running: int
    held: int
    by_telephone: int
    no_access: int
    recorded_late: int
    avoided: int
    avoided_confirmed: int
    declined: int
    cancelled: int
    inappropriate: int
    not_acute: int
    benefit_pounds: int

    @property
    def due(self) -> int:
        """Face-to-face responses whose clock has ended or run out: each is met or breached."""
        return self.met + self.breached

    @property
    def met_rate(self) -> float | None:
        return _rate(self.met, self.due)

    @property
    def avoided_rate(self) -> float | None:
        """Avoided admissions to referrals, as in the plan (001:12735)."""
        return _rate(self.avoided, self.referrals)


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
