"""State tables as data: one table guards the commands, serves `GET .../actions` and is printed as docs/states."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from shared.kernel.decision import Fact
from shared.kernel.errors import DomainError, IllegalTransition
from shared.kernel.totality import total


@dataclass(frozen=True, slots=True)
class Transition:
    """The states in which a command is permitted, the states it can lead to, and the events it can emit."""

    sources: frozenset[StrEnum]
    targets: frozenset[StrEnum]
    emits: frozenset[type[Fact]]


#: A command class, or the kind of a deadline.
Trigger = type | str
Transitions = Mapping[Trigger, Transition]


def transition(sources: StrEnum | tuple[StrEnum, ...], targets: StrEnum | tuple[StrEnum, ...], *emits: type[Fact]) -> Transition:
    """Builds one row of a state table."""
    return Transition(_set(sources), _set(targets), frozenset(emits))


def state_table(rows: Transitions, *triggers: type[StrEnum]) -> Transitions:
    """The table, read-only. Raises IncompleteMapping when a member of `triggers` has no row."""
    return total(chain(rows, *triggers), rows)


def require_transition(status: StrEnum, trigger: Trigger, table: Transitions) -> None:
    """Raises IllegalTransition when `status` does not permit `trigger`."""
    if status not in table[trigger].sources:
        raise IllegalTransition(name_of(trigger), status.value)


def allowed_commands(status: StrEnum, table: Transitions) -> list[type]:
    """The commands (not deadlines) that `status` permits, in the order of the table."""
    return [trigger for trigger, row in table.items() if isinstance(trigger, type) and status in row.sources]


def offered_commands(status: StrEnum, table: Transitions, require: Callable[[type], None]) -> list[type]:
    """The commands that `status` permits and `require` does not refuse, in the order of the table. `require` raises the refusal."""
    return [command for command in allowed_commands(status, table) if not _is_refused(command, require)]


def name_of(trigger: Trigger) -> str:
    return trigger if isinstance(trigger, str) else trigger.__name__


def _is_refused(command: type, require: Callable[[type], None]) -> bool:
    try:
        require(command)
    except DomainError:
        return True
    return False


def _set(states: StrEnum | tuple[StrEnum, ...]) -> frozenset[StrEnum]:
    return frozenset(states) if isinstance(states, tuple) else frozenset({states})
