"""The month's referrals against the commissioned capacity: a warning and an alert. Neither declines a referral (G43)."""

from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from services.rapid_care.domain.policy import Policy
from shared.contracts.rapid_care import CapacityLevel, CapacityWarned
from shared.kernel.decision import Decision
from shared.kernel.totality import total

_SEVERITY = total(CapacityLevel, {CapacityLevel.WARNING: 1, CapacityLevel.ALERT: 2})


@dataclass(frozen=True, slots=True)
class Capacity:
    """The highest level that was published for one month."""

    id: UUID
    month: date
    level: CapacityLevel | None = None
    version: int = 0

    @property
    def correlation_id(self) -> UUID:
        """The correlation id of a month: each month is a separate chain of events."""
        return self.id


def level_of(referrals: int, policy: Policy) -> CapacityLevel | None:
    """The 181st referral is a warning, the 201st an alert (001:12756)."""
    if referrals > policy.capacity_high:
        return CapacityLevel.ALERT
    return CapacityLevel.WARNING if referrals > policy.capacity_low else None


def warn(capacity: Capacity, referrals: int, policy: Policy) -> Decision[Capacity] | None:
    """One event for each level of a month, in rising order; None when the count reaches no new level."""
    level = level_of(referrals, policy)
    if level is None or (capacity.level and _SEVERITY[level] <= _SEVERITY[capacity.level]):
        return None
    return Decision(replace(capacity, level=level), [CapacityWarned(month=capacity.month, referrals=referrals, level=level)])
