"""The statements of each context fit the tables that its migrations create, and name all that they touch."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import asyncpg
import pytest

from infra.codegen.modules import modules_of
from infra.contexts import CONTEXTS
from shared.persistence.statements import Sql, Statement
from tests.architecture.sources import sources

#: The tables of the context that this transaction has locked, and whether for a write; of a partition, the partitioned table.
_LOCKED = """
SELECT c.relname AS name, bool_or(l.mode = 'RowExclusiveLock') AS is_written
FROM pg_locks AS l JOIN pg_class AS c ON c.oid = coalesce(pg_partition_root(l.relation), l.relation)
WHERE l.locktype = 'relation' AND l.pid = pg_backend_pid() AND c.relnamespace = $1::text::regnamespace AND c.relkind IN ('r', 'p')
GROUP BY c.relname"""

#: Tables that a statement increments, apart from the one that it `writes`; no prefetched lookup reads them.
_COUNTERS = {"feed"}


@pytest.mark.parametrize("context", CONTEXTS)
async def test_tables_of_a_statement_are_those_that_postgresql_locks(context: str, owner_url: str) -> None:
    """A write batch reads stale rows of a table that a statement reads but does not name.

    To plan a statement, PostgreSQL locks its tables, those of views and inlined functions, and those that the plan then leaves out.
    """
    locked = await _locked_tables(context, owner_url, _statements(context))

    assert locked != []
    assert [(each.sql, each.tables, tables) for each, tables in locked if each.tables != tables.keys()] == []
    assert [(each.sql, each.writes, tables) for each, tables in locked if {each.writes} - {None} != _written(tables) - _COUNTERS] == []


async def test_omitted_table_is_found(owner_url: str) -> None:
    """The plan of this statement has no node for the omitted table, because no column of it is selected."""
    statement = Sql("SELECT FROM person LEFT JOIN risk USING (person_id)", tables=("person",))

    assert await _locked_tables("mdt", owner_url, [statement]) == [(statement, {"person": False, "risk": False})]


async def _locked_tables(context: str, owner_url: str, statements: Iterable[Statement]) -> list[tuple[Statement, dict[str, bool]]]:
    """Plans each statement without running it; returns the tables, each with whether the statement writes to it."""
    locked = []
    owner = await asyncpg.connect(owner_url, server_settings={"search_path": context})
    try:
        for statement in statements:
            async with owner.transaction():
                await owner.execute(f"EXPLAIN (GENERIC_PLAN) {statement.sql}")
                locked.append((statement, {row["name"]: row["is_written"] for row in await owner.fetch(_LOCKED, context)}))
    finally:
        await owner.close()
    return locked


def _written(tables: Mapping[str, bool]) -> set[str]:
    return {name for name, is_written in tables.items() if is_written}


def test_each_written_statement_of_a_context_is_found() -> None:
    written = sum(source.text.count(" = Sql(") for source in sources("services"))

    assert written > 0
    assert sum(isinstance(statement, Sql) for context in CONTEXTS for statement in _statements(context)) == written


def _statements(context: str) -> Iterator[Statement]:
    """The statements in variables of the context's modules and of the objects there, once each."""
    values = (value for module in modules_of(f"services.{context}") for value in vars(module).values())
    found = {id(statement): statement for value in values for statement in _within(value)}
    return iter(found.values())


def _within(value: Any) -> Iterator[Statement]:
    if isinstance(value, Statement):
        yield value
    elif isinstance(value, Mapping):
        yield from (statement for each in value.values() for statement in _within(each))
    elif type(value).__module__.startswith("shared.persistence."):
        yield from _within(getattr(value, "__dict__", {}))
