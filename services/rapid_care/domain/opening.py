"""Opening hours of Rapid Care: 07:00 to 22:00 London time, every day of the year (T1, 001:6510-6512).

Results are instants in UTC, so that adding two hours is exact on the days when the clocks change.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from services.rapid_care.domain.policy import Policy
from shared.kernel import opening_hours


@dataclass(frozen=True, slots=True)
class Guidance:
    """The alternatives while Rapid Care is closed: in words, and as codes of the directory of services."""

    text: str
    service_codes: tuple[str, ...]


def next_opening(instant: datetime, policy: Policy) -> datetime:
    """`instant` itself in opening hours, else the next opening. 07:00 is open, 22:00 is closed."""
    return opening_hours.next_opening(instant, policy.opens, policy.closes, policy.zone)


def is_opening(instant: datetime, policy: Policy) -> bool:
    """Whether the service opens at this instant."""
    return instant.astimezone(policy.zone).time() == policy.opens


def closing(instant: datetime, policy: Policy) -> datetime:
    """When the service closes on the day of `instant`."""
    return policy.instant(policy.day_of(instant), policy.closes)


def month_of(instant: datetime, policy: Policy) -> date:
    """The first day of the local calendar month of `instant`."""
    return policy.day_of(instant).replace(day=1)


def month_bounds(month: date, policy: Policy) -> tuple[datetime, datetime]:
    """The first instant of the month and of the next month."""
    following = (month.replace(day=1) + timedelta(days=32)).replace(day=1)
    return policy.instant(month.replace(day=1), time()), policy.instant(following, time())


def guidance(opens_at: datetime, policy: Policy) -> Guidance:
    """The alternatives for a caller in closed hours (G04)."""
    local = opens_at.astimezone(policy.zone)
    text = (
        f"Rapid Care opens at {local:%H:%M} on {local:%A} and will go then. Until then turn to the out-of-hours GP; "
        "if life is in danger call 999."
    )
    return Guidance(text, policy.while_closed)
