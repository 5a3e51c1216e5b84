"""A repository that uses the identity map and the deferred writes of a batch. Outside a batch it is a `Repository`."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import sqlalchemy as sa

from shared.kernel.errors import NotFound
from shared.persistence.batching.prefetch import Load, Prefetched
from shared.persistence.batching.write_batch import VersionStep
from shared.persistence.repository import Aggregate, Repository
from shared.persistence.statements import ReadSession
from shared.persistence.transaction import Transaction

A = TypeVar("A", bound=Aggregate)
K = TypeVar("K")


class BatchRepository(Repository[A]):
    """An aggregate that a batch has locked is not read again; a save whose version is known is deferred."""

    def __init__(self, state: type[A], table: sa.Table, *, topic: str, key: Callable[[A], UUID], not_found: type[NotFound]) -> None:
        super().__init__(state, table, topic=topic, key=key, not_found=not_found)
        self._indexes: list[tuple[Prefetched[Any, UUID | None], Callable[[A], Any]]] = []

    def index(self, load: Load[K, UUID | None], *, key: Callable[[A], K]) -> Prefetched[K, UUID | None]:
        """A lookup of one aggregate's id by `key`. A save drops the entry of the saved aggregate's key."""
        lookup: Prefetched[K, UUID | None] = Prefetched(load, absent=lambda: None)
        self._indexes.append((lookup, key))
        return lookup

    def attach(self, tx: Transaction[Any], row: asyncpg.Record) -> A:
        """The aggregate in a row that another statement has locked."""
        loaded, state = self._identity_map(tx), self.from_row(row)
        if loaded is not None:
            loaded[state.id] = state
        return state

    async def prefetch(self, tx: Transaction[Any], subjects: Iterable[UUID]) -> None:
        """Locks and loads the aggregates of a batch by one statement. Does nothing outside a batch."""
        loaded = self._identity_map(tx)
        if loaded is not None and (new := [subject for subject in dict.fromkeys(subjects) if subject not in loaded]):
            found = await self.lock_many(tx, new)
            loaded.update({subject: found.get(subject) for subject in new})

    async def find(self, reader: ReadSession, subject: UUID, *, lock: bool = False) -> A | None:
        loaded = self._identity_map(reader)
        if loaded is not None and subject in loaded:
            return loaded[subject]
        state = await super().find(reader, subject, lock=lock)
        if loaded is not None and (lock or state is None):
            loaded[subject] = state
        return state

    async def _write(self, tx: Transaction[Any], state: A, before: int) -> None:
        loaded = self._identity_map(tx)
        known = loaded.get(state.id) if loaded else None
        if tx.batch is None or loaded is None or (before and not (known and known.version == before)):
            await super()._write(tx, state, before)
        else:
            step = VersionStep(state.id, before, state.version)
            tx.batch.defer_versioned(self._update if before else self._insert, self._values(state, before), step)
            loaded[state.id] = state
        for lookup, key in self._indexes:
            lookup.forget(tx, key(state))

    def _identity_map(self, reader: ReadSession) -> dict[UUID, A | None] | None:
        batch = reader.batch if isinstance(reader, Transaction) else None
        return batch.identity_map(self.table) if batch else None
