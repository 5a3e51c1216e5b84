"""Exponential back-off."""


def delay(attempt: int, *, first: float, longest: float) -> float:
    """Seconds before the retry that follows the given number of failures, counted from 1: doubles each time."""
    return min(first * 2.0 ** min(attempt - 1, 30), longest)
