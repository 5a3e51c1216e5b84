"""SQLAlchemy Core statements, executed by asyncpg.

Core builds and types the SQL; the driver executes it. SQLAlchemy's engine would cost about three times the driver's processor time for
one insert (docs/adr/0011). Values have the driver's types: UUID, datetime, str, and JSON through the codec that `database.connect` sets.
"""

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import orjson
import sqlalchemy as sa
from asyncpg.pool import PoolConnectionProxy
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.sql import visitors

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

_DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]


class Statement:
    """A compiled statement: its SQL, its parameters by position, the tables it touches, and the one it writes if any."""

    __slots__ = ("_defaults", "_names", "sql", "tables", "writes")

    def __init__(self, statement: sa.sql.ClauseElement) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        self.sql = str(compiled)
        self.tables = _tables_of(statement)
        self.writes: str | None = getattr(statement.table, "name", None) if isinstance(statement, sa.UpdateBase) else None
        self._names: tuple[str, ...] = tuple(compiled.positiontup or [])  # type: ignore[attr-defined]
        self._defaults: Mapping[str, Any] = compiled.construct_params(_check=False) or {}  # type: ignore[call-arg]

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        return [values[name] if name in values else self._defaults[name] for name in self._names]


class Sql(Statement):
    """Literal SQL, for statements that Core cannot express.

    `parameters` names $1, $2, ... in order; `tables` and `writes` are names of tables.
    """

    __slots__ = ()

    def __init__(self, sql: str, *parameters: str, tables: Collection[str] = (), writes: str | None = None) -> None:
        self.sql = sql
        self.tables = frozenset((*tables, *([] if writes is None else [writes])))
        self.writes = writes
        self._names = parameters
        self._defaults = {}


Query = Statement | sa.sql.ClauseElement


class ReadSession:
    """Runs statements on one connection. Values of named parameters are keyword arguments."""

    def __init__(self, driver: Connection) -> None:
        self.driver = driver  # only of the tables of shared.persistence.schema: a batch defers no write to them
        self.remembered: dict[Hashable, Any] = {}  # answers about reference data, by question: one session asks each of them once

    @property
    def connection(self) -> Connection:
        """Asyncpg's own connection, for bulk work on a context's tables."""
        return self.driver

    async def fetch(self, query: Query, **values: Any) -> list[asyncpg.Record]:
        statement = await self._ready(query)
        return await self.driver.fetch(statement.sql, *statement.arguments(values))

    async def fetch_one(self, query: Query, **values: Any) -> asyncpg.Record | None:
        statement = await self._ready(query)
        return await self.driver.fetchrow(statement.sql, *statement.arguments(values))

    async def fetch_value(self, query: Query, **values: Any) -> Any:
        statement = await self._ready(query)
        return await self.driver.fetchval(statement.sql, *statement.arguments(values))

    async def fetch_many(self, query: Query, rows: Sequence[Mapping[str, Any]]) -> list[asyncpg.Record]:
        """Runs the statement once for each of `rows`, all in one round trip; returns their rows, in order."""
        statement = await self._ready(query)
        found: list[asyncpg.Record] = await self.driver.fetchmany(statement.sql, [statement.arguments(row) for row in rows])
        return found

    async def execute(self, query: Query, **values: Any) -> str:
        statement = await self._ready(query)
        return await self.driver.execute(statement.sql, *statement.arguments(values))

    async def _ready(self, query: Query) -> Statement:
        """The compiled statement, when the session may run it."""
        return query if isinstance(query, Statement) else Statement(query)


def any_of(name: str) -> sa.CollectionAggregate[Any]:
    """Any of the ids in the array parameter `name`, for a comparison with a column.

    The subquery hides the array from the planner. PostgreSQL plans again at each call for an array that it sees to be short: it assumes ten
    values in one that it does not see.
    """
    array = sa.ARRAY(sa.Uuid)
    return sa.any_(sa.cast(sa.select(sa.bindparam(name, type_=array)).scalar_subquery(), array))


def is_one_of(column: sa.ColumnElement[str], values: Sequence[str]) -> sa.ColumnElement[bool]:
    """Uses one parameter for all values, so that the statement is compiled once."""
    return column == sa.any_(sa.literal(list(values), sa.ARRAY(sa.Text)))


def json_text(value: Any) -> str:
    """The text of a JSON column."""
    return orjson.dumps(value, default=_plain).decode()


def _plain(value: Any) -> str:
    """The driver's ids are a subclass, which the encoder does not know. Raises TypeError for any other value."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError


def _tables_of(statement: sa.sql.ClauseElement) -> frozenset[str]:
    """Of a view, the table `of` which it shows rows."""
    return frozenset(part.info.get("of", part.name) for part in visitors.iterate(statement) if isinstance(part, sa.Table))
