"""The agreement of the four contexts about persons who died or moved, and the digest of their rows."""

from collections.abc import Mapping

import asyncpg

from infra.contexts import CONTEXTS
from infra.operations.verify.checks.agreement import AGREEMENT

#: The arrivals, the requests and the relay leave rows that a second delivery may change.
_BOOKKEEPING = {
    "inbox",
    "parked",
    "audit",
    "audit_unsealed",
    "audit_block",
    "idempotency",
    "outbox",
    "relay_state",
    "clock_offset",
    "log_pruning",
    "alembic_version",
}
_TABLES = """
SELECT nspname AS schema, relname AS name FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspname = ANY($1) AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1, 2"""
_DIGEST = "SELECT '{schema}.{name}' AS name, md5(string_agg(t::text, '' ORDER BY t::text)) AS digest FROM {schema}.\"{name}\" t"
#: A second delivery adds entries to the audit, whose heads are events.
_OF_EVENTS = " WHERE topic NOT LIKE '%.audit'"


async def disagreements(connection: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    """The open work about persons who died or moved, after all events have arrived."""
    return [row["item"] for row in await connection.fetch(_STATEMENT)]


async def digests(connection: "asyncpg.Connection[asyncpg.Record]") -> Mapping[str, str | None]:
    """A digest of each table, without bookkeeping."""
    tables = [row for row in await connection.fetch(_TABLES, CONTEXTS) if row["name"] not in _BOOKKEEPING]
    statement = " UNION ALL ".join(_DIGEST.format(**row) + (_OF_EVENTS if row["name"] == "event" else "") for row in tables)
    return {row["name"]: row["digest"] for row in await connection.fetch(statement)}


_STATEMENT = " UNION ALL ".join(each.contradictions.format(context=context) for each in AGREEMENT for context in each.contexts)
