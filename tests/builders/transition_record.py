"""The rows and states of the state tables that a run has passed."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from infra.contexts import CONTEXTS
from infra.state_tables import tables
from shared.kernel import state_table
from shared.kernel.state_table import Transitions, Trigger, name_of

#: The context and name of a state table, by its identity.
_NAMES = {id(table): (context, name.lower()) for context in CONTEXTS for name, table in tables(context).items()}
_ALL = {
    (context, name.lower(), name_of(trigger), str(state))
    for context in CONTEXTS
    for name, table in tables(context).items()
    for trigger, row in table.items()
    for state in row.sources
}


@dataclass
class TransitionRecord:
    """`passed` counts the states in which a rule of the table was applied; reads of the offered actions do not count."""

    passed: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    is_paused: bool = False

    def __str__(self) -> str:
        rows, all_rows = ({entry[:3] for entry in entries} for entries in (self.passed, _ALL))
        return f"{len(rows)} of {len(all_rows)} rows of the state tables, {len(self.passed)} of {len(_ALL)} states of rows"

    @property
    def rows(self) -> int:
        """How many rows of the state tables were passed."""
        return len({entry[:3] for entry in self.passed})

    def missing(self) -> list[str]:
        """The rows that were not reached."""
        rows = {entry[:3] for entry in _ALL} - {entry[:3] for entry in self.passed}
        return [".".join(row) for row in sorted(rows)]

    def record(self, status: StrEnum, trigger: Trigger, table: Transitions) -> None:
        entry = (*_NAMES[id(table)], name_of(trigger), str(status)) if id(table) in _NAMES else None
        if entry in _ALL and not self.is_paused:
            self.passed[entry] += 1

    @contextmanager
    def paused(self) -> Iterator[None]:
        self.is_paused = True
        try:
            yield
        finally:
            self.is_paused = False


@contextmanager
def recorded_transitions() -> Iterator[TransitionRecord]:
    """Observes the guard of the state tables in every module that calls it."""
    guard, record = state_table.require_transition, TransitionRecord()

    def observed(status: StrEnum, trigger: Trigger, table: Transitions) -> None:
        guard(status, trigger, table)
        record.record(status, trigger, table)

    callers = [module for module in list(sys.modules.values()) if getattr(module, "require_transition", None) is guard]
    for module in callers:
        module.require_transition = observed  # type: ignore[attr-defined]
    try:
        yield record
    finally:
        for module in callers:
            module.require_transition = guard  # type: ignore[attr-defined]
