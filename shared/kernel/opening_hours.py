"""Opening hours: the same on every day of the year, in the local time of a zone."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """`opens` is open, `closes` is closed."""

    opens: time
    closes: time


#: The Community Point of Access and Rapid Care: 07:00 to 22:00, seven days a week (T1, G03).
EXTENDED_DAY = OpeningHours(time(7), time(22))


def next_opening(instant: datetime, opens: time, closes: time, zone: ZoneInfo) -> datetime:
    """`instant` itself within the hours, else when they begin next; in UTC.

    Hours that close before they open span midnight: 20:00 to 06:00.
    """
    hour = instant.astimezone(zone).time()
    is_open = opens <= hour < closes if opens < closes else hour >= opens or hour < closes
    if is_open:
        return instant.astimezone(UTC)
    day = instant.astimezone(zone).date() + timedelta(days=hour >= opens)
    return datetime.combine(day, opens, zone).astimezone(UTC)
