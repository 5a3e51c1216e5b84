"""Connections of the owner of the database, for commands on the schemas of several contexts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeAlias

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.persistence.known_types import ConnectionWithKnownTypes

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@asynccontextmanager
async def connected_owner(url: str, **settings: str) -> AsyncIterator[Owner]:
    """A connection that is closed at the end of the block; `settings` are those of its session."""
    owner = await asyncpg.connect(url, connection_class=ConnectionWithKnownTypes, server_settings=settings)
    try:
        yield owner
    finally:
        await owner.close()


@asynccontextmanager
async def owner_engine(url: str) -> AsyncIterator[AsyncEngine]:
    """SQLAlchemy's engine, for migrations. asyncpg reads the address, as everywhere: SQLAlchemy would not pass `sslmode` on."""
    engine = create_async_engine("postgresql+asyncpg://", async_creator=partial(asyncpg.connect, url))
    try:
        yield engine
    finally:
        await engine.dispose()


async def change(owner: Owner, statement: str, *values: object) -> int:
    """Executes the statement; returns the number of rows that it changed."""
    return int((await owner.execute(statement, *values)).rpartition(" ")[2])
