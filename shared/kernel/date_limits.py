"""Limits of the days and instants of a request. The limits come from the policy and the present day."""

from datetime import date
from typing import TypeVar

from shared.kernel.errors import InvalidField

D = TypeVar("D", bound=date)


class DateOutOfLimits(InvalidField):
    """A day or a time of the request lies outside the permitted period."""

    code = "date-out-of-limits"
    advice = "Check the year first, then send a date within the limits that the field states."


def require_within(field: str, value: D, earliest: D, latest: D) -> None:
    """Both limits are permitted. Raises DateOutOfLimits, which names the field and the limits."""
    if not earliest <= value <= latest:
        raise DateOutOfLimits(f"The value must be from {earliest.isoformat()} to {latest.isoformat()}.", field)
