"""What a navigator's feed says: assigned, changed, taken away.

Invariant: whoever reads a feed from its beginning knows exactly which tasks are in the navigator's hands. Source: navigation-2.
"""

from dataclasses import dataclass
from enum import StrEnum

from services.navigation.domain.task import Status, Task
from shared.kernel.totality import total


class Change(StrEnum):
    ASSIGNED = "assigned"
    CHANGED = "changed"
    TAKEN_AWAY = "taken-away"


#: The change for a navigator who keeps the task.
_CHANGES = total(
    Status,
    {
        Status.UNASSIGNED: Change.CHANGED,
        Status.ASSIGNED: Change.CHANGED,
        Status.ACKNOWLEDGED: Change.CHANGED,
        Status.BEGUN: Change.CHANGED,
        Status.BLOCKED: Change.CHANGED,
        Status.FULFILLED: Change.CHANGED,
        Status.CANCELLED: Change.TAKEN_AWAY,
    },
)


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One entry before it has its sequence: in whose feed, and what happened to which task."""

    navigator_id: str
    change: Change
    task: Task


def entries_for(before: Task | None, after: Task) -> list[FeedEntry]:
    """What the feeds are told when a task changes from `before` (None: it is new) to `after`."""
    had = before.navigator_id if before else None
    told = []
    if had is not None and had != after.navigator_id:
        told.append(FeedEntry(had, Change.TAKEN_AWAY, after))
    if after.navigator_id is not None:
        told.append(FeedEntry(after.navigator_id, _change(had, after), after))
    return told


def _change(had: str | None, after: Task) -> Change:
    if had != after.navigator_id:
        return Change.ASSIGNED
    return _CHANGES[after.status]
