"""The statements that a context sends to PostgreSQL, to compare the work of two requests."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg


@asynccontextmanager
async def logged_statements(pool: "asyncpg.Pool[asyncpg.Record]") -> AsyncIterator[list[str]]:
    """The texts of all statements that the connections of the pool execute from now on, in order."""
    found: list[str] = []

    def log(query: Any) -> None:
        found.append(query.query)

    async with AsyncExitStack() as stack:
        every = [await stack.enter_async_context(pool.acquire()) for _ in range(pool.get_max_size())]
        for each in every:
            each.add_query_logger(log)
    yield found
    async with AsyncExitStack() as stack:
        for _ in range(pool.get_max_size()):
            (await stack.enter_async_context(pool.acquire())).remove_query_logger(log)
