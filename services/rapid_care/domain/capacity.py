"""The month's referrals against what is commissioned: a warning and an alert, and nothing is ever declined by it (G43)."""

from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from services.rapid_care.domain.policy import Policy
from shared.contracts.rapid_care import CapacityLevel, CapacityWarned
from shared.kernel.decision import Decision


@dataclass(frozen=True, slots=True)
class Capacity:
    """How loudly one month has been warned about."""

    id: UUID
    month: date
    level: CapacityLevel | None = None
    version: int = 0

    @property
    def correlation_id(self) -> UUID:
        """A month is a chain of its own."""
        return self.id


def level_of(referrals: int, policy: Policy) -> CapacityLevel | None:
    """The 181st referral is a warning, the 201st an alert (001:12756)."""
    if referrals > policy.capacity_high:
        return CapacityLevel.ALERT
    return CapacityLevel.WARNING if referrals > policy.capacity_low else None


def warn(capacity: Capacity, referrals: int, policy: Policy) -> Decision[Capacity] | None:
    """One event for each level of a month; None when this count says nothing new."""
    level = level_of(referrals, policy)
    if level is None or capacity.level in {level, CapacityLevel.ALERT}:
        return None
    return Decision(replace(capacity, level=level), [CapacityWarned(month=capacity.month, referrals=referrals, level=level)])
