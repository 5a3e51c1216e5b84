"""A batch writes behind: a change that answers nothing waits for the first statement that names its table, or for the end.

So what is read is right, the changes of one table keep their order, and those of one kind go to the server together. What a
transaction has locked it need not read again: it is held here as it is now, until a statement changes the table by itself.
That an aggregate's row was written is looked at when it is: one that somebody else has changed, or removed, is never passed over.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import zip_longest
from typing import Any
from uuid import UUID

import asyncpg

from shared.kernel.errors import VersionConflict
from shared.persistence.statements import Connection, Statement

_LOCK = "SELECT pg_advisory_xact_lock("


@dataclass(frozen=True, slots=True)
class VersionStep:
    """What a write does to an aggregate: from one version to the next one."""

    id: UUID
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class _Run:
    """Changes by one statement that follow each other. Those of aggregates have a step for each row, the others none."""

    sql: str
    rows: list[list[Any]] = field(default_factory=list)
    steps: list[VersionStep] = field(default_factory=list)


class WriteBatch:
    """What a batch needs of its connection. Each statement is sent when those that wait and concern it are."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: dict[str, list[_Run]] = {}
        self._held: dict[str, dict[UUID, Any]] = {}
        self._ahead: dict[str, dict[Any, Any]] = {}
        self._locks: set[tuple[str, tuple[Any, ...]]] = set()

    def identity_map(self, table: str) -> dict[UUID, Any]:
        """The aggregates of a table that this transaction has locked or made; None where it looked and there was none."""
        return self._held.setdefault(table, {})

    def prefetched(self, question: str) -> dict[Any, Any]:
        """What was read for a store's question before anybody asked it again, by what it is asked with. The store itself forgets it."""
        return self._ahead.setdefault(question, {})

    def defer(self, statement: Statement, values: Mapping[str, Any]) -> None:
        """What is held of the table is forgotten: the change may be about any of it."""
        self._held.pop(statement.table, None)
        self._run(statement).rows.append(statement.arguments(values))

    def defer_versioned(self, statement: Statement, values: Mapping[str, Any], step: VersionStep) -> None:
        """Of a statement that returns the id of the row that it writes."""
        run = self._run(statement)
        run.rows.append(statement.arguments(values))
        run.steps.append(step)

    async def autoflush(self, sql: str | None = None) -> None:
        """Sends what waits for the tables that `sql` names; without it, everything. Raises VersionConflict."""
        for table in [name for name in self._waiting if sql is None or _names(sql, name)]:
            for run in self._waiting.pop(table):
                await self._send(run)
        if sql is not None and not sql.lstrip().startswith("SELECT"):
            for table in [name for name in self._held if _names(sql, name)]:
                del self._held[table]

    async def fetch(self, query: str, *arguments: Any, **options: Any) -> list[asyncpg.Record]:
        await self.autoflush(query)
        return await self._connection.fetch(query, *arguments, **options)

    async def fetchmany(self, query: str, rows: Sequence[Sequence[Any]], **options: Any) -> list[asyncpg.Record]:
        await self.autoflush(query)
        found: list[asyncpg.Record] = await self._connection.fetchmany(query, rows, **options)
        return found

    async def fetchrow(self, query: str, *arguments: Any, **options: Any) -> asyncpg.Record | None:
        await self.autoflush(query)
        found: asyncpg.Record | None = await self._connection.fetchrow(query, *arguments, **options)
        return found

    async def fetchval(self, query: str, *arguments: Any, **options: Any) -> Any:
        await self.autoflush(query)
        return await self._connection.fetchval(query, *arguments, **options)

    async def execute(self, query: str, *arguments: Any, **options: Any) -> str:
        """A lock that the transaction has is not taken again."""
        is_lock = query.startswith(_LOCK)
        if is_lock and (query, arguments) in self._locks:
            return "SELECT 1"
        await self.autoflush(query)
        done: str = await self._connection.execute(query, *arguments, **options)
        if is_lock:
            self._locks.add((query, arguments))
        return done

    def _run(self, statement: Statement) -> _Run:
        runs = self._waiting.setdefault(statement.table, [])
        if not runs or runs[-1].sql != statement.sql:
            runs.append(_Run(statement.sql))
        return runs[-1]

    async def _send(self, run: _Run) -> None:
        if not run.steps:
            await self._connection.executemany(run.sql, run.rows)
            return
        done: list[asyncpg.Record] = await self._connection.fetchmany(run.sql, run.rows)
        _require_all(run.steps, [row["id"] for row in done])


def _require_all(steps: Sequence[VersionStep], written: Sequence[UUID]) -> None:
    """The server answers in the order in which it was asked. Raises VersionConflict for the first step that found no row."""
    for step, row_id in zip_longest(steps, written):
        if row_id != step.id:
            raise VersionConflict(step.id, step.before, step.after)


@lru_cache(maxsize=10_000)
def _names(sql: str, table: str) -> bool:
    """Rather once too often: a word that only looks like the table costs a round trip, and nothing else."""
    return re.search(rf"\b{table}\b", sql) is not None
