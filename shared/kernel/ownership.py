"""Ownership as data: for each state of an aggregate the work list of its owner, and the deadlines of which one is always pending."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Desk:
    """The owner of a state: an organisation's role, the operation that lists its work, and the scope of that operation.

    `query` selects the part of the list that shows the state; it names columns of the aggregate in braces.
    """

    name: str
    work_list: str
    scope: str
    query: str = ""


@dataclass(frozen=True, slots=True)
class Ownership:
    """The owner of an open state; at least one deadline of `deadlines` is pending in it.

    `subject` is the column with the id of the aggregate that has the deadline: of another one where that one moves this.
    """

    desk: Desk
    deadlines: frozenset[StrEnum]
    subject: str = "id"


#: The ownership of each state; None for a state that has ended.
Owners = Mapping[StrEnum, Ownership | None]


def owned(desk: Desk, *deadlines: StrEnum, subject: str = "id") -> Ownership:
    """The ownership of one state."""
    return Ownership(desk, frozenset(deadlines), subject)
