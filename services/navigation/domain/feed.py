"""The entries of a navigator's feed: assigned, changed, taken away.

Invariant: a reader of a whole feed knows exactly the navigator's tasks. Source: navigation-2.
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
    """One entry before its sequence is assigned: the feed, the change and the task."""

    navigator_id: str
    change: Change
    task: Task


def entries_for(before: Task | None, after: Task) -> list[FeedEntry]:
    """The entries for a change of a task from `before` (None for a new task) to `after`."""
    former = before.navigator_id if before and before.status is not Status.CANCELLED else None
    entries = []
    if former is not None and former != after.navigator_id:
        entries.append(FeedEntry(former, Change.TAKEN_AWAY, after))
    if after.navigator_id is not None:
        entries.append(FeedEntry(after.navigator_id, _change(former, after), after))
    return entries


def _change(former: str | None, after: Task) -> Change:
    if former != after.navigator_id:
        return Change.ASSIGNED
    return _CHANGES[after.status]
