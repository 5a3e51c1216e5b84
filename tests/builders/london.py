"""Instants in London's local time."""

from datetime import UTC, datetime

from shared.clock import LONDON


def london(text: str) -> datetime:
    """Returns a local date and time, such as `2015-03-16T10:20`, as an instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=LONDON).astimezone(UTC)
