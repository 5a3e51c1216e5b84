"""Refused requests in the audit: an entry in a short transaction of its own, because that of the request was rolled back.

A refusal that a caller repeats within a minute, for the same action, subject and code, is counted, and stands in one entry at its end.
So no flood hides a subject: each has an entry at once, and the limits of a caller's requests bound them. A process that crashes loses the
counts of its minute.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from shared.persistence.errors import INFRASTRUCTURE_ERRORS
from shared.persistence.transaction import RequestContext, Transaction

log = structlog.get_logger()

#: The refusals of a minute whose repetitions are counted; beyond it, each has an entry.
REMEMBERED = 10_000
_MINUTE = 60.0
_LOSSES: tuple[type[Exception], ...] = (asyncpg.PostgresError, *INFRASTRUCTURE_ERRORS)


@dataclass(frozen=True, slots=True)
class Refusal:
    """`subject` is the id in the path of the request, if it has one; `code` is that of the problem."""

    request: RequestContext
    subject: UUID | None
    code: str


class Refusals:
    """`open_transaction` begins the transaction of an entry; `span` is the time in seconds in which a refusal repeats an earlier one."""

    def __init__(
        self,
        open_transaction: Callable[[RequestContext], AbstractAsyncContextManager[Transaction[Any]]],
        *,
        remembered: int = REMEMBERED,
        span: float = _MINUTE,
    ) -> None:
        self._open_transaction, self._remembered, self._span = open_transaction, remembered, span
        self._began = monotonic()
        self._seen: set[Refusal] = set()
        self._counted: Counter[Refusal] = Counter()
        self._end: asyncio.Task[None] | None = None

    async def record(self, refusal: Refusal) -> None:
        """Returns after the commit of the entry, or at once when it is only counted. A database that fails does not change the answer."""
        if monotonic() - self._began >= self._span:
            self._began = monotonic()
            self._seen.clear()
        untraced = _untraced(refusal)
        if untraced in self._seen:
            self._count(untraced)
            return
        if len(self._seen) < self._remembered:
            self._seen.add(untraced)
        await self._write([(refusal, 1)])

    async def close(self) -> None:
        """Writes what was counted."""
        if self._end is not None:
            self._end.cancel()
            with suppress(asyncio.CancelledError):
                await self._end
        await self._write_counted()

    def _count(self, refusal: Refusal) -> None:
        self._counted[refusal] += 1
        if self._end is None:
            self._end = asyncio.create_task(self._write_at_end())

    async def _write_at_end(self) -> None:
        await asyncio.sleep(self._span)
        self._end = None
        await self._write_counted()

    async def _write_counted(self) -> None:
        counted, self._counted = list(self._counted.items()), Counter()
        if counted:
            await self._write(counted)

    async def _write(self, refusals: Sequence[tuple[Refusal, int]]) -> None:
        try:
            async with self._open_transaction(refusals[0][0].request) as tx:
                for refusal, times in refusals:
                    with tx.acting_as(refusal.request):
                        tx.audit(refusal.subject, refusal=refusal.code, times=times)
        except _LOSSES as problem:
            log.error("audit.refusal-lost", problem=type(problem).__name__, refusals=sum(times for _, times in refusals))


def _untraced(refusal: Refusal) -> Refusal:
    """The refusal without what differs from one repetition to the next."""
    cause = replace(refusal.request.cause, traceparent=None)
    return replace(refusal, request=RequestContext(refusal.request.actor, cause))
