"""The result of a rule of care: the new state, the events, and the deadlines that it sets or cancels."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Generic, Protocol, TypeVar

S = TypeVar("S")
#: An action at a limit is in time (T2): a deadline that the limit sets is due the next instant that the database stores.
JUST_AFTER = timedelta(microseconds=1)


class Fact(Protocol):
    """Something that happened, as published: an event class of `shared.contracts`."""

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]


@dataclass(frozen=True, slots=True)
class Deadline:
    """The deadline scheduler calls the handler of `kind` once, at `due_at` or later."""

    kind: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Decision(Generic[S]):
    """The result of every change of an aggregate.

    Saving it writes the state, appends the events, cancels every pending deadline whose kind is in `cancels`, then sets `deadlines`. All of
    it happens in the caller's transaction.
    """

    state: S
    events: Sequence[Fact]
    deadlines: Sequence[Deadline] = field(default=())
    cancels: Sequence[str] = field(default=())
