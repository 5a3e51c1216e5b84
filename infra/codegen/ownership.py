"""The part of docs/states that names, for each open state, its owner, its deadlines and the commands that lead on."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from shared.kernel.ownership import Owners, Ownership
from shared.kernel.state_table import Transition, Transitions, name_of

_HEAD = """
| open state | owner | work list | a pending deadline, and what it does | ways on |
|---|---|---|---|---|
"""


def ownership_rows(owners: Owners, table: Transitions, every: Iterable[Transitions], who: Mapping[str, tuple[str, ...]]) -> str:
    """The table in Markdown; `every` has all tables of the context, `who` the scopes of each command."""
    acts = {trigger: row for each in every for trigger, row in each.items() if isinstance(trigger, StrEnum)}
    rows = (_row(state, ownership, table, acts, who) for state, ownership in owners.items() if ownership)
    return _HEAD + "".join(rows)


def ways_on(state: StrEnum, table: Transitions, who: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The commands that a caller may send in this state, with their scopes."""
    commands = (name_of(trigger) for trigger, row in table.items() if isinstance(trigger, type) and state in row.sources)
    return {name: who[name] for name in commands if name in who}


def _row(
    state: StrEnum, ownership: Ownership, table: Transitions, acts: Mapping[StrEnum, Transition], who: Mapping[str, tuple[str, ...]]
) -> str:
    deadlines = "; ".join(f"{kind}: {_effect(acts[kind])}" for kind in sorted(ownership.deadlines))
    ways = "; ".join(f"{name} ({' or '.join(scopes)})" for name, scopes in ways_on(state, table, who).items())
    desk = ownership.desk
    work_list = f"{desk.work_list}?{desk.query}" if desk.query else desk.work_list
    return f"| {state} | {desk.name} | {work_list} (`{desk.scope}`) | {deadlines} | {ways} |\n"


def _effect(row: Transition) -> str:
    return ", ".join([*_moves(row), *sorted(f"`{fact.TYPE}`" for fact in row.emits)]) or "notifies the desk"


def _moves(row: Transition) -> Iterator[str]:
    if row.targets:
        yield f"to {' or '.join(sorted(row.targets))}"
