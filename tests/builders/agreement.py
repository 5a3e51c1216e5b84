"""The agreement of the four contexts about persons who died or moved, and the digest of their rows."""

from collections.abc import Mapping

import asyncpg

from infra.contexts import CONTEXTS
from tests.builders.ownership_check import Aggregate, aggregates

#: Aggregates that are not about one person.
_WITHOUT_PERSON = {"life", "meeting", "navigator"}
#: Persons whose death or move stands, who were not referred again in spite of it, and whom case finding has not found after a move.
_GONE = """
SELECT person_id, status FROM referrals.life WHERE status IN ('deceased', 'moved')
    AND person_id NOT IN (SELECT person_id FROM referrals.referral WHERE person_is_recorded_as IS NOT NULL)
    AND NOT (status = 'moved' AND person_id IN (SELECT person_id FROM mdt.risk WHERE status <> 'ended'))"""
_OPEN = "SELECT '{name} ' || t.{column} || ' of a person who is ' || gone.status AS fault FROM {relation} t JOIN gone USING (person_id)"
#: The bereaved carer is visited after a death.
_BUT = {"task": " AND t.kind <> 'bereavement-support'"}

#: The arrivals, the requests and the relay leave rows that a second delivery may change.
_BOOKKEEPING = {"inbox", "parked", "audit", "idempotency", "outbox", "relay_state", "clock_offset", "log_pruning", "alembic_version"}
_TABLES = """
SELECT nspname AS schema, relname AS name FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspname = ANY($1) AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1, 2"""
_DIGEST = "SELECT '{schema}.{name}' AS name, md5(string_agg(t::text, '' ORDER BY t::text)) AS digest FROM {schema}.\"{name}\" t"


async def disagreements(connection: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    """The open work about persons who died or moved, after all events have arrived."""
    return [row["fault"] for row in await connection.fetch(_STATEMENT)]


async def digests(connection: "asyncpg.Connection[asyncpg.Record]") -> Mapping[str, str | None]:
    """A digest of each table, without bookkeeping."""
    tables = [row for row in await connection.fetch(_TABLES, CONTEXTS) if row["name"] not in _BOOKKEEPING]
    statement = " UNION ALL ".join(_DIGEST.format(**row) for row in tables)
    return {row["name"]: row["digest"] for row in await connection.fetch(statement)}


def _open_work(aggregate: Aggregate) -> str:
    states = ",".join(sorted(state for state, ownership in aggregate.owners.items() if ownership))
    head = _OPEN.format(name=aggregate.name, column=aggregate.column, relation=aggregate.relation)
    return f"{head} WHERE t.{aggregate.column} = ANY('{{{states}}}'){_BUT.get(aggregate.name, '')}"


_OF_PERSONS = [_open_work(aggregate) for aggregate in aggregates() if aggregate.name not in _WITHOUT_PERSON]
_STATEMENT = f"WITH gone AS ({_GONE}) " + " UNION ALL ".join(_OF_PERSONS)
