"""Every open aggregate has a pending deadline of its state, and an ended one has none of its open states (I8).

The owners of the states are the data that docs/states prints: an aggregate that is added there is checked here.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from infra.contexts import CONTEXTS
from infra.operations.verify.check import Check
from infra.state_tables import owners, tables
from shared.kernel.ownership import Owners
from shared.kernel.state_table import Transitions

#: The column of the state, where it is not `status`.
_STATE_COLUMNS = {"navigator": "presence"}
#: The lead of a person whose case is not discussed yet has the deadline of the person's plan.
_OF_PERSONS_PLAN = "IN (SELECT id FROM {context}.care_plan WHERE care_plan.person_id = item.person_id)"
_TOTAL = "SELECT count(*) FROM {relation} AS item WHERE item.{column} IN ({open_states})"
_UNOWNED = """
SELECT format('{name} %s is %s', item.id, item.{column}) AS item
FROM {relation} AS item JOIN (VALUES {states}) AS open (name, kinds) ON open.name = item.{column}
WHERE NOT EXISTS (SELECT FROM {{context}}.deadline WHERE {{live}} AND deadline.kind = ANY(open.kinds) AND deadline.subject {subject})"""
_STRAY = """
SELECT format('{name} %s is %s and has the deadline %s', item.id, item.{column}, deadline.kind) AS item
FROM {relation} AS item JOIN {{context}}.deadline ON deadline.subject = item.id AND {{live}}
JOIN (VALUES {kinds}) AS stray (kind, ended) ON stray.kind = deadline.kind WHERE item.{column} = ANY(stray.ended)"""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate whose states have owners; `relation` is its table in the database, `table` its state table."""

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

    @property
    def open_states(self) -> tuple[str, ...]:
        return tuple(sorted(state for state, ownership in self.owners.items() if ownership))

    @property
    def open_states_sql(self) -> str:
        """The open states as a list in SQL."""
        return _quoted(self.open_states)

    @property
    def sentence(self) -> str:
        return f"every open {self.name.replace('_', ' ')} has a pending deadline of its state, and an ended one has none"


def aggregates() -> Iterator[Aggregate]:
    """All aggregates, also one that never waits."""
    for context in CONTEXTS:
        found = tables(context)
        yield from (Aggregate(context, name.lower(), found[name], states) for name, states in owners(context).items())


def waiting_aggregates() -> list[Aggregate]:
    """Those with an open state."""
    return [aggregate for aggregate in aggregates() if aggregate.open_states]


def _check(aggregate: Aggregate) -> Check:
    contradictions = " UNION ALL ".join((*_unowned(aggregate), *_stray(aggregate)))
    total = _filled(_TOTAL, aggregate, open_states=aggregate.open_states_sql)
    return Check("I8", aggregate.sentence, total, contradictions, [aggregate.context])


def _unowned(aggregate: Aggregate) -> Iterator[str]:
    """Statements for the open states, one for each subject of deadlines."""
    of_subject: dict[str, dict[str, Iterable[str]]] = {}
    for state, ownership in aggregate.owners.items():
        if ownership:
            of_subject.setdefault(ownership.subject, {})[state] = ownership.deadlines
    for subject, states in of_subject.items():
        is_of_plan = aggregate.name == "lead" and subject != "id"
        owner = _OF_PERSONS_PLAN.format(context=aggregate.context) if is_of_plan else f"= item.{subject}"
        yield _filled(_UNOWNED, aggregate, states=_values(states), subject=owner)


def _stray(aggregate: Aggregate) -> Iterator[str]:
    """One statement for the deadlines of the state table, if it has any: those that no ended state may have."""
    ended = {state for state, owner in aggregate.owners.items() if owner is None}
    kinds = {str(kind): ended - row.sources for kind, row in aggregate.table.items() if type(kind).__name__.endswith("Deadline")}
    if kinds:
        yield _filled(_STRAY, aggregate, kinds=_values(kinds))


def _filled(template: str, aggregate: Aggregate, **parts: str) -> str:
    return template.format(name=aggregate.name, column=aggregate.column, relation=aggregate.relation, **parts)


def _values(entries: Mapping[str, Iterable[str]]) -> str:
    """Rows of a name and a list of names."""
    return ", ".join(f"('{name}', ARRAY[{_quoted(sorted(listed))}]::text[])" for name, listed in entries.items())


def _quoted(names: Iterable[str]) -> str:
    """As SQL. The names are codes of the product."""
    return ", ".join(f"'{name}'" for name in names)


OWNERS = tuple(_check(aggregate) for aggregate in waiting_aggregates())
