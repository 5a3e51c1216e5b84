"""Opening hours: the same on every day of the year, told in the time of a zone; after midnight is no other day."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


def next_opening(instant: datetime, opens: time, closes: time, zone: ZoneInfo) -> datetime:
    """`instant` itself within the hours, else when they begin next; in UTC. `opens` is open, `closes` is closed.

    Hours that close before they open lie over midnight: 20:00 to 06:00.
    """
    hour = instant.astimezone(zone).time()
    is_open = opens <= hour < closes if opens < closes else hour >= opens or hour < closes
    if is_open:
        return instant.astimezone(UTC)
    day = instant.astimezone(zone).date() + timedelta(days=hour >= opens)
    return datetime.combine(day, opens, zone).astimezone(UTC)
