"""What a rule of care answers: the new state, what happened, and which deadlines begin or end with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Generic, Protocol, TypeVar

S = TypeVar("S")


class Fact(Protocol):
    """Something that happened, as published: an event class of `shared.contracts`."""

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]


@dataclass(frozen=True, slots=True)
class Deadline:
    """At `due_at` the deadline loop calls the handler of `kind`, once, late or not."""

    kind: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Decision(Generic[S]):
    """The only thing a change of an aggregate returns.

    Saving it writes the state, appends the events, cancels every pending deadline whose kind is in `cancels`, then
    sets `deadlines`; all in the transaction of the caller, or nothing.
    """

    state: S
    events: Sequence[Fact]
    deadlines: Sequence[Deadline] = field(default=())
    cancels: Sequence[str] = field(default=())
