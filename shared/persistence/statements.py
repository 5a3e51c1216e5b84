"""SQLAlchemy Core statements, run by asyncpg itself.

Core builds and types the SQL; the driver executes it without the engine in between, which costs a third of the
processor time (reliability.md §4.1). Values travel as the driver's own types: UUID, datetime, str, and JSON through
the codec that `database.connect` sets.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import asyncpg
import sqlalchemy as sa
from asyncpg.pool import PoolConnectionProxy
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

_DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]


class Statement:
    """A compiled statement: its SQL with numbered parameters, which named value goes where, and which table it changes if any."""

    __slots__ = ("_defaults", "_names", "sql", "table")

    def __init__(self, statement: sa.sql.ClauseElement) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        names: list[str] = compiled.positiontup or []  # type: ignore[attr-defined]
        self.sql = str(compiled)
        self.table: str = getattr(statement.table, "name", "") if isinstance(statement, sa.UpdateBase) else ""
        self._names = tuple(names)
        self._defaults: Mapping[str, Any] = compiled.construct_params(_check=False) or {}  # type: ignore[call-arg]

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        return [values[name] if name in values else self._defaults[name] for name in self._names]


Query = Statement | sa.sql.ClauseElement


class ReadSession:
    """Runs statements on one connection. Values of named `bindparam`s are keyword arguments."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def fetch(self, query: Query, **values: Any) -> list[asyncpg.Record]:
        statement = _compiled(query)
        return await self.connection.fetch(statement.sql, *statement.arguments(values))

    async def fetch_one(self, query: Query, **values: Any) -> asyncpg.Record | None:
        statement = _compiled(query)
        return await self.connection.fetchrow(statement.sql, *statement.arguments(values))

    async def fetch_value(self, query: Query, **values: Any) -> Any:
        statement = _compiled(query)
        return await self.connection.fetchval(statement.sql, *statement.arguments(values))

    async def fetch_many(self, query: Query, rows: Sequence[Mapping[str, Any]]) -> list[asyncpg.Record]:
        """Runs the statement once for each of `rows`, all in one round trip; what they give, in order."""
        statement = _compiled(query)
        found: list[asyncpg.Record] = await self.connection.fetchmany(statement.sql, [statement.arguments(row) for row in rows])
        return found

    async def execute(self, query: Query, **values: Any) -> str:
        statement = _compiled(query)
        return await self.connection.execute(statement.sql, *statement.arguments(values))


def _compiled(query: Query) -> Statement:
    return query if isinstance(query, Statement) else Statement(query)
