"""A batch writes behind: a change that answers nothing waits for the first statement that names its table, or for the end.

So what is read is right, the changes of one table keep their order, and those of one kind go to the server together. What a
transaction has locked it need not read again: it is held here as it is now, until a statement changes the table by itself.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

import asyncpg

from shared.persistence.statements import Connection, Statement

_LOCK = "SELECT pg_advisory_xact_lock("


class Gathered:
    """What a batch needs of its connection. Each statement is sent when those that wait and concern it are."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: dict[str, list[tuple[str, list[list[Any]]]]] = {}
        self._held: dict[str, dict[UUID, Any]] = {}
        self._locks: set[tuple[str, tuple[Any, ...]]] = set()

    def held(self, table: str) -> dict[UUID, Any]:
        """The aggregates of a table that this transaction has locked or made; None where it looked and there was none."""
        return self._held.setdefault(table, {})

    def put_off(self, statement: Statement, values: Mapping[str, Any]) -> None:
        runs = self._waiting.setdefault(statement.table, [])
        if not runs or runs[-1][0] != statement.sql:
            runs.append((statement.sql, []))
        runs[-1][1].append(statement.arguments(values))

    async def catch_up(self, sql: str | None = None) -> None:
        """Sends what waits for the tables that `sql` names; without it, everything."""
        for table in [name for name in self._waiting if sql is None or _names(sql, name)]:
            for statement, rows in self._waiting.pop(table):
                await self._connection.executemany(statement, rows)
        if sql is not None and not sql.lstrip().startswith("SELECT"):
            for table in [name for name in self._held if _names(sql, name)]:
                del self._held[table]

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        await self.catch_up(query)
        return await self._connection.fetch(query, *arguments)

    async def fetchmany(self, query: str, rows: Sequence[Sequence[Any]]) -> list[asyncpg.Record]:
        await self.catch_up(query)
        found: list[asyncpg.Record] = await self._connection.fetchmany(query, rows)
        return found

    async def fetchrow(self, query: str, *arguments: Any) -> asyncpg.Record | None:
        await self.catch_up(query)
        return await self._connection.fetchrow(query, *arguments)

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        await self.catch_up(query)
        return await self._connection.fetchval(query, *arguments)

    async def execute(self, query: str, *arguments: Any) -> str:
        """A lock that the transaction has is not taken again."""
        is_lock = query.startswith(_LOCK)
        if is_lock and (query, arguments) in self._locks:
            return "SELECT 1"
        await self.catch_up(query)
        done: str = await self._connection.execute(query, *arguments)
        if is_lock:
            self._locks.add((query, arguments))
        return done


@lru_cache(maxsize=10_000)
def _names(sql: str, table: str) -> bool:
    """Rather once too often: a word that only looks like the table costs a round trip, and nothing else."""
    return re.search(rf"\b{table}\b", sql) is not None
