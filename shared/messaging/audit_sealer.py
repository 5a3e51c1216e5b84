"""Seals the audit of a context a second after its entries were committed, outside the path of every request.

Of several workers one seals at a time. A sealer that fails tries again; its entries wait in the queue.
"""

import asyncio
from typing import Any

import asyncpg
import structlog

from shared.persistence.audit_blocks import BLOCK_SIZE, is_due, seal
from shared.persistence.audit_chain import Block, SigningKey
from shared.persistence.database import Database
from shared.persistence.errors import INFRASTRUCTURE_ERRORS
from shared.persistence.transaction import RequestContext

log = structlog.get_logger()

_RECOVERABLE_ERRORS: tuple[type[Exception], ...] = (asyncpg.PostgresError, *INFRASTRUCTURE_ERRORS)
_SYSTEM = RequestContext.of_system("seal-audit")


class AuditSealer:
    """`interval` is the time between two blocks, in seconds."""

    def __init__(self, database: Database[Any], context: str, key: SigningKey, *, interval: float = 1.0) -> None:
        self._database, self._context, self._key, self._interval = database, context, key, interval
        self._is_working = False

    @property
    def is_working(self) -> bool:
        """Whether the last attempt succeeded."""
        return self._is_working

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            try:
                await self.seal_all()
                self._is_working = True
            except _RECOVERABLE_ERRORS as problem:
                self._is_working = False
                log.warning("audit.sealing-failed", context_name=self._context, problem=type(problem).__name__)
            await asyncio.sleep(self._interval)

    async def seal_all(self) -> None:
        """Seals what waits, in blocks of limited size."""
        while await self._is_due():
            async with self._database.transaction(_SYSTEM) as tx:
                block = await seal(tx, self._context, self._key)
            if block is None:
                return
            self._log(block)
            if block.entries < BLOCK_SIZE:
                return

    async def _is_due(self) -> bool:
        async with self._database.autocommit() as reader:
            return await is_due(reader)

    def _log(self, block: Block) -> None:
        """A copy of the head outside the database, next to that in Kafka."""
        log.info(
            "audit.sealed",
            context_name=self._context,
            number=block.number,
            audit_head=block.head.hex(),
            audit_signature=block.signature.hex(),
            key_id=block.key_id,
        )
