"""Deletes expired rows and creates the event log's next partitions, once an hour."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import asyncpg
import structlog

from shared.persistence.database import Database
from shared.persistence.errors import INFRASTRUCTURE_ERRORS
from shared.persistence.retention import RetentionPolicy, create_partitions, remove_expired

log = structlog.get_logger()

_RECOVERABLE_ERRORS: tuple[type[Exception], ...] = (asyncpg.PostgresError, *INFRASTRUCTURE_ERRORS)
_EVERY_SECONDS = 3600.0


class Housekeeper:
    is_working = True  # the housekeeper needs only the database

    def __init__(self, database: Database[Any], context: str, retention: RetentionPolicy) -> None:
        self._database, self._context, self._retention = database, context, retention

    async def run(self) -> None:
        """Runs until cancelled. A failed task is retried an hour later and stops neither the other task nor the worker."""
        while True:
            made = await self._run_task("partitions", create_partitions(self._database))
            removed = await self._run_task("expired", remove_expired(self._database, self._retention))
            log.info("housekeeping.completed", context_name=self._context, rows=removed, partitions_created=made)
            await asyncio.sleep(_EVERY_SECONDS)

    async def _run_task(self, task: str, work: Awaitable[int]) -> int | None:
        """Returns the number of rows or partitions, or None after an error."""
        try:
            return await work
        except _RECOVERABLE_ERRORS as problem:
            log.warning("housekeeping.failed", context_name=self._context, task=task, problem=type(problem).__name__)
            return None
