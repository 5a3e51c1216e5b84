"""Row-level security: reads that forget the access policy, and what they see."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from fastapi import Request

from shared.kernel.actor import Actor
from shared.persistence.statements import ReadSession
from shared.persistence.transaction import Cause, Transaction
from shared.web.dependencies import UnitOfWork
from tests.builders.context_app import RunningContext

_PROTECTED = "SELECT relname FROM pg_class WHERE relnamespace = $1::text::regnamespace AND relrowsecurity ORDER BY relname"


@asynccontextmanager
async def planted_get(
    context: RunningContext, organisation: str, *scopes: str, actor: str = "someone", issuer: str = "care", method: str = "GET"
) -> AsyncIterator[Transaction[Any]]:
    """The transaction of a route that asks no policy, and checks no organisation of a scope."""
    caller = Actor(actor, organisation, "clinician", frozenset(scopes), issuer=issuer)
    unit = UnitOfWork(Request({"type": "http", "method": method}), context.api_database, Cause("planted"))
    async with unit.transaction(caller) as tx:
        yield tx


async def protected_tables(context: RunningContext) -> list[str]:
    return await _protected(context.database.pool, await context.database.pool.fetchval("SELECT current_schema()"))


async def seen_rows(reader: ReadSession, tables: Iterable[str]) -> Mapping[str, int]:
    """The number of rows by table."""
    return {table: await reader.driver.fetchval(f'SELECT count(*) FROM "{table}"') for table in tables}  # noqa: S608  names of the catalogue


@asynccontextmanager
async def without_row_security(owner_url: str, schema: str) -> AsyncIterator[None]:
    """The same database with one wall, to show that a planted hole is one."""
    owner = await asyncpg.connect(owner_url)
    tables = await _protected(owner, schema)
    try:
        await owner.execute("; ".join(f'ALTER TABLE {schema}."{table}" DISABLE ROW LEVEL SECURITY' for table in tables))
        yield
    finally:
        await owner.execute("; ".join(f'ALTER TABLE {schema}."{table}" ENABLE ROW LEVEL SECURITY' for table in tables))
        await owner.close()


async def _protected(connection: Any, schema: str) -> list[str]:
    return [row["relname"] for row in await connection.fetch(_PROTECTED, schema)]
