"""Group commit: concurrent requests share one transaction, so one fsync serves all of them.

Invariant: no response is sent before the commit. A request that waits with no other runs in a separate transaction, exactly as without
this module.
"""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from shared.kernel.errors import DomainError
from shared.persistence.batch_interfaces import Work
from shared.persistence.batching.group_queue import GroupQueue, QueueSettings
from shared.persistence.database import Database
from shared.persistence.idempotency import claim_all, release_all
from shared.persistence.transaction import RequestContext, Transaction

C = TypeVar("C")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class GroupableWork(Generic[C, R]):
    """Work that may share a transaction.

    `work` decides before it writes, so a refusal leaves no change. `conflict_keys` returns the ids of a command's subjects: two commands
    with a common key never share a group. `prefetch` reads the rows that `work` needs, by one statement for each table. Without the two no
    commands conflict, and the work needs no row.
    """

    work: Work[C, R]
    conflict_keys: Callable[[C], Sequence[Hashable]] = lambda _: ()
    prefetch: Callable[[Sequence[C], Transaction[Any]], Awaitable[None]] | None = None
    settings: QueueSettings = field(default_factory=QueueSettings)
    batches_single: bool = False  # whether a request that waits with no other runs as a batch of one

    def open(self, database: Database[Any]) -> "GroupCommit[C, R]":
        return GroupCommit(database, self)


@dataclass(frozen=True, slots=True)
class _Request(Generic[C]):
    context: RequestContext
    command: C


class ChangeBeforeRefusal(Exception):
    """Work recorded a change and then refused the request, so its group cannot be committed."""


class GroupCommit(Generic[C, R]):
    """Runs one kind of work for many requests."""

    def __init__(self, database: Database[Any], groupable: GroupableWork[C, R]) -> None:
        self._database, self._groupable = database, groupable
        self._queue: GroupQueue[_Request[C], R] = GroupQueue(self._commit, groupable.settings)

    async def submit(self, context: RequestContext, command: C) -> R:
        """Returns after the commit. Raises the refusal of this request."""
        key = context.idempotency_key
        keys = [*self._groupable.conflict_keys(command), *([(context.caller, key.key)] if key else [])]
        return await self._queue.submit(_Request(context, command), keys)

    async def _commit(self, group: Sequence[_Request[C]]) -> Sequence[R | Exception]:
        if len(group) > 1 or self._groupable.batches_single:
            return await self._in_one_transaction(group)
        return [await self._single(group[0])]

    async def _single(self, request: _Request[C]) -> R:
        async with self._database.transaction(request.context) as tx:
            return await self._groupable.work(request.command, tx)

    async def _in_one_transaction(self, group: Sequence[_Request[C]]) -> Sequence[R | Exception]:
        async with self._database.transaction() as tx:
            tx.start_batch()
            refusals = await claim_all(tx, [request.context for request in group])
            fresh = [number for number, earlier in enumerate(refusals) if earlier is None]
            if self._groupable.prefetch:
                await self._groupable.prefetch([group[number].command for number in fresh], tx)
            handled = {number: await self._handle(group[number], tx) for number in fresh}
            await release_all(tx, [group[number].context for number, outcome in handled.items() if isinstance(outcome, DomainError)])
        return [handled[number] if earlier is None else earlier for number, earlier in enumerate(refusals)]

    async def _handle(self, request: _Request[C], tx: Transaction[Any]) -> R | DomainError:
        before = tx.changes
        with tx.acting_as(request.context):
            try:
                return await self._groupable.work(request.command, tx)
            except DomainError as refusal:
                if tx.changes != before:
                    raise ChangeBeforeRefusal from refusal
                return refusal
