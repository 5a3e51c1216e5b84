"""Faults of ownership in the stored rows of all four contexts: one statement returns a row for each fault.

An open state without a pending deadline of its kinds; a pending deadline of an ended state that its row of the state table does not name; a
parked record; a deadline whose handler failed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import asyncpg

from infra.codegen.states import owners, tables
from infra.contexts import CONTEXTS
from shared.kernel.ownership import Owners
from shared.kernel.state_table import Transitions

#: The column of the state, where it is not `status`.
_STATE_COLUMNS = {"navigator": "presence"}
#: The lead of a person whose case is not discussed yet has the deadline of the person's plan.
_OF_PERSONS_PLAN = "SELECT id FROM mdt.care_plan WHERE person_id = t.person_id"
_PENDING = "{context}_pending AS MATERIALIZED (SELECT subject, kind FROM {context}.deadline WHERE state = 'pending')"
_ROW = "SELECT '{context}' AS context, '{name}' AS aggregate, t.id::text AS id, t.{column} AS state"
_UNOWNED = """
{row}, 'has no deadline ' || array_to_string(open.kinds, ', ') AS fault
FROM {relation} t JOIN (VALUES {states}) AS open (state, kinds) ON open.state = t.{column}
WHERE NOT EXISTS (SELECT FROM {context}_pending p WHERE p.kind = ANY(open.kinds) AND p.subject {subject})"""
_STRAY = """
{row}, 'has the deadline ' || stray.kind FROM {relation} t JOIN {context}_pending p ON p.subject = t.id
JOIN (VALUES {kinds}) AS stray (kind, states) ON stray.kind = p.kind WHERE t.{column} = ANY(stray.states)"""
_PARKED = "SELECT '{context}', 'record', headers::text, reason, 'is parked' FROM {context}.parked"
_FAILED = "SELECT '{context}', 'deadline', kind, reason, 'failed in its handler' FROM {context}.deadline WHERE state = 'parked'"


@dataclass(frozen=True)
class Aggregate:
    """An aggregate with its state table; `relation` is its table in the database."""

    context: str
    name: str
    table: Transitions
    owners: Owners

    @property
    def relation(self) -> str:
        return f'{self.context}."{self.name}"'

    @property
    def column(self) -> str:
        return _STATE_COLUMNS.get(self.name, "status")


@dataclass(frozen=True)
class Fault:
    """`aggregate` in `state` has the fault; `id` names the row."""

    context: str
    aggregate: str
    id: str
    state: str
    fault: str


def aggregates() -> Iterator[Aggregate]:
    for context in CONTEXTS:
        found = tables(context)
        yield from (Aggregate(context, name.lower(), found[name], states) for name, states in owners(context).items())


async def faults(connection: "asyncpg.Connection[asyncpg.Record]") -> list[Fault]:
    """The faults in the committed rows, by the owner's connection."""
    return [Fault(*row) for row in await connection.fetch(_STATEMENT)]


def _unowned(aggregate: Aggregate) -> Iterator[str]:
    """Statements for the open states, one for each subject of deadlines."""
    of_subject: dict[str, dict[str, Iterable[str]]] = {}
    for state, ownership in aggregate.owners.items():
        if ownership:
            of_subject.setdefault(ownership.subject, {})[state] = ownership.deadlines
    for subject, states in of_subject.items():
        is_of_plan = aggregate.name == "lead" and subject != "id"
        owner = f"IN ({_OF_PERSONS_PLAN})" if is_of_plan else f"= t.{subject}"
        yield _filled(_UNOWNED, aggregate, states=_values(states), subject=owner)


def _stray(aggregate: Aggregate) -> Iterator[str]:
    """One statement for the deadlines of the state table, if it has any: those that no ended state may have."""
    ended = {state for state, owner in aggregate.owners.items() if owner is None}
    kinds = {str(kind): ended - row.sources for kind, row in aggregate.table.items() if type(kind).__name__.endswith("Deadline")}
    if kinds:
        yield _filled(_STRAY, aggregate, kinds=_values(kinds))


def _filled(template: str, aggregate: Aggregate, **parts: str) -> str:
    names = {"context": aggregate.context, "name": aggregate.name, "column": aggregate.column, "relation": aggregate.relation}
    return template.format(row=_ROW.format(**names), **names, **parts)


def _values(entries: Mapping[str, Iterable[str]]) -> str:
    """Rows of a name and a list of names."""
    return ", ".join(f"('{name}', '{{{','.join(sorted(listed))}}}'::text[])" for name, listed in entries.items())


def _statement() -> str:
    pending = ", ".join(_PENDING.format(context=context) for context in CONTEXTS)
    found = [statement for aggregate in aggregates() for part in (_unowned, _stray) for statement in part(aggregate)]
    of_contexts = [each.format(context=context) for context in CONTEXTS for each in (_PARKED, _FAILED)]
    return f"WITH {pending} " + " UNION ALL ".join((*found, *of_contexts))


_STATEMENT = _statement()
