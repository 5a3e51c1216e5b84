"""The views that the four services have of one person, side by side, for `care person`: ids and codes only.

A person whose records were merged has the facts of all of them. Services that have applied every event agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import asyncpg
from rich.console import Console
from rich.table import Table

from infra.contexts import CONTEXTS
from infra.database_owner import connected_owner
from infra.dev_stack.stack_state import endpoints
from infra.errors import StackError
from infra.operations.operator_entry import leave_entry
from infra.operations.verify.checks.owners import Aggregate, waiting_aggregates
from shared.persistence.transaction import NOTHING_FOUND

#: The ids of all records that mean the same person.
GROUP = """
WITH survivor AS (SELECT coalesce((SELECT merged_into FROM referrals.identity WHERE person_id = $1), $1) AS id)
SELECT id FROM survivor UNION SELECT person_id FROM referrals.identity WHERE merged_into = (SELECT id FROM survivor)"""
_RECORD = "SELECT person_id, {value} FROM {context}.person"
_MERGED = "SELECT person_id, survivor_id FROM {context}.merged_person WHERE separated_at IS NULL"
_GONE = "SELECT person_id, change FROM {context}.person_change WHERE lifted_at IS NULL"
#: Statements that select a person and a value, by fact and context. A context without a statement does not know the fact.
_FACTS: Mapping[str, Mapping[str, str]] = {
    "record": {
        "referrals": "SELECT subject, max(sequence) FROM referrals.event WHERE topic = 'referrals.person-record' GROUP BY subject",
        **{context: _RECORD.format(context=context, value="sequence") for context in ("rapid_care", "mdt", "navigation")},
    },
    "practice": {
        "referrals": """SELECT coalesce(survivor.id, person.id), coalesce(survivor.practice_code, person.practice_code)
            FROM referrals.person LEFT JOIN referrals.identity ON person_id = person.id
            LEFT JOIN referrals.person AS survivor ON survivor.id = merged_into""",
        **{context: _RECORD.format(context=context, value="record ->> 'practice_code'") for context in ("rapid_care", "mdt", "navigation")},
    },
    "merged into": {
        "referrals": "SELECT person_id, merged_into FROM referrals.identity WHERE merged_into IS NOT NULL",
        **{context: _MERGED.format(context=context) for context in ("rapid_care", "mdt", "navigation")},
    },
    "died or moved": {
        "referrals": """SELECT person_id, kind FROM referrals.life, jsonb_to_recordset(changes) AS change (kind text)""",
        **{context: _GONE.format(context=context) for context in ("rapid_care", "mdt", "navigation")},
    },
    "lead": {
        "referrals": "SELECT person_id, professional_id FROM referrals.lead WHERE NOT is_ended",
        "rapid_care": "SELECT person_id, record ->> 'professional_id' FROM rapid_care.lead WHERE record IS NOT NULL",
        "mdt": "SELECT person_id, professional_id FROM mdt.lead WHERE status = 'active'",
        "navigation": "SELECT person_id, professional_id FROM navigation.lead",
    },
    "care plan": {
        "rapid_care": "SELECT person_id, care_plan_id FROM rapid_care.care_plan WHERE record IS NOT NULL AND NOT is_closed",
        "mdt": "SELECT person_id, id FROM mdt.care_plan WHERE status IN ('agreed', 'review-due')",
        "navigation": "SELECT person_id, care_plan_id FROM navigation.care_plan WHERE is_in_force",
    },
    "risk level": {
        "referrals": "SELECT person_id, level FROM referrals.risk",
        "mdt": "SELECT person_id, level FROM mdt.risk",
        "navigation": "SELECT person_id, level FROM navigation.risk",
    },
}
_VALUES = """
SELECT string_agg(DISTINCT fact.value::text, ', ' ORDER BY fact.value::text) FROM ({statement}) AS fact (person_id, value)
WHERE fact.person_id = ANY($1)"""
_OPEN_WORK = (
    "SELECT format('{name} %s', item.{column}) FROM {relation} AS item WHERE item.person_id = ANY($1) AND item.{column} IN ({states})"
)
_NOT_ABOUT_A_PERSON = {"meeting", "navigator"}
#: An operator does not learn about whom there is a safeguarding concern.
_RESTRICTED = {"safeguarding_concern"}


@dataclass(frozen=True, slots=True)
class Views:
    """The value of each fact by context, absent where a context does not know the fact; the open work of each context."""

    facts: Mapping[str, Mapping[str, str]]
    open_work: Mapping[str, list[str]]

    @property
    def has_any(self) -> bool:
        """Whether a service knows the person."""
        return any(value for values in self.facts.values() for value in values.values())

    @property
    def differing(self) -> list[str]:
        """The facts about which the services differ."""
        return [fact for fact, values in self.facts.items() if len(set(values.values())) > 1]


async def print_views(out: Console, name: str, person_id: UUID, *, by: str) -> bool:
    """Prints the views as a table; whether they agree. The reading is audited, and so is that of an unknown person.

    Raises StackError when no stack runs and for an unknown person.
    """
    async with connected_owner(endpoints(name).database_url) as owner:
        views = await views_of(owner, person_id)
        for context in CONTEXTS:
            await leave_entry(owner, context, by, "person", person_id, refusal=None if views.has_any else NOTHING_FOUND)
    if not views.has_any:
        raise StackError("No service knows a person with this id: GET /referrals/{id} has it as `person_id`.")
    out.print(_table(views))
    out.print(f"The services differ about: {', '.join(views.differing)}." if views.differing else "The services agree.")
    return not views.differing


async def views_of(owner: "asyncpg.Connection[asyncpg.Record]", person_id: UUID) -> Views:
    """The committed views, by the owner's connection, which may read all schemas; from one snapshot."""
    async with owner.transaction(isolation="repeatable_read", readonly=True):
        group = [row[0] for row in await owner.fetch(GROUP, person_id)]
        facts = {
            fact: {context: await owner.fetchval(_VALUES.format(statement=statement), group) or "" for context, statement in known.items()}
            for fact, known in _FACTS.items()
        }
        return Views(facts, {context: await _open_work(owner, context, group) for context in CONTEXTS})


async def _open_work(owner: "asyncpg.Connection[asyncpg.Record]", context: str, group: list[UUID]) -> list[str]:
    about_persons = [
        each for each in waiting_aggregates() if each.context == context and each.name not in _NOT_ABOUT_A_PERSON | _RESTRICTED
    ]
    statement = " UNION ALL ".join(map(_open_work_of, about_persons))
    return sorted(row[0] for row in await owner.fetch(statement, group))


def _open_work_of(aggregate: Aggregate) -> str:
    return _OPEN_WORK.format(name=aggregate.name, column=aggregate.column, relation=aggregate.relation, states=aggregate.open_states_sql)


def _table(views: Views) -> Table:
    table = Table("", *CONTEXTS)
    for fact, values in views.facts.items():
        table.add_row(fact, *(values.get(context, "does not know") or "none" for context in CONTEXTS))
    table.add_row("open work", *("\n".join(views.open_work[context]) or "none" for context in CONTEXTS))
    return table
