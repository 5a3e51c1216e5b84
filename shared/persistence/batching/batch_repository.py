"""A repository that uses the identity map and the deferred writes of a batch. Outside a batch it is a `Repository`."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID

import asyncpg
import sqlalchemy as sa

from shared.kernel.errors import NotFound
from shared.persistence.batching.prefetch import PrefetchedLookup
from shared.persistence.batching.write_batch import VersionStep
from shared.persistence.repository import Aggregate, Repository
from shared.persistence.statements import ReadSession, Statement
from shared.persistence.transaction import Transaction

A = TypeVar("A", bound=Aggregate)


class BatchRepository(Repository[A]):
    """An aggregate that a batch has locked is not read again; a save whose version is known is deferred."""

    def __init__(self, state: type[A], table: sa.Table, *, topic: str, key: Callable[[A], UUID], not_found: type[NotFound]) -> None:
        super().__init__(state, table, topic=topic, key=key, not_found=not_found)
        self._indexes: list[Index[A]] = []

    def index(self, statement: Statement, *, keys: str, column: str) -> "Index[A]":
        """A lookup by `column`.

        `statement` locks and selects the rows whose key is in the parameter `keys`; the last row of a key counts.
        """
        self._indexes.append(Index(self, statement, keys, column))
        return self._indexes[-1]

    def attach(self, tx: Transaction[Any], row: asyncpg.Record) -> A:
        """The aggregate of a row that another statement has locked."""
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
        for index in self._indexes:
            index.forget(tx, state)

    def _identity_map(self, reader: ReadSession) -> dict[UUID, A | None] | None:
        batch = reader.batch if isinstance(reader, Transaction) else None
        return batch.identity_map(self.table) if batch else None


class Index(Generic[A]):
    """Finds one aggregate by another column, locked. A batch remembers the result until an aggregate of that key is saved."""

    def __init__(self, repository: BatchRepository[A], statement: Statement, keys: str, column: str) -> None:
        self._repository, self._statement, self._keys, self._column = repository, statement, keys, column
        self._ids: PrefetchedLookup[Any, UUID | None] = PrefetchedLookup(self._load_ids, absent=lambda: None)

    async def prefetch(self, tx: Transaction[Any], keys: Iterable[Any]) -> None:
        """Locks and loads the aggregates of a batch by one statement. Does nothing outside a batch."""
        await self._ids.prefetch(tx, keys)

    async def find(self, tx: Transaction[Any], key: Any) -> A | None:
        if not tx.batch:
            return (await self._load(tx, [key])).get(key)
        subject = await self._ids.get(tx, key)
        return None if subject is None else await self._repository.find(tx, subject, lock=True)

    def forget(self, tx: Transaction[Any], state: A) -> None:
        """Forgets the result of this key, because another aggregate may now match it."""
        self._ids.forget(tx, getattr(state, self._column))

    async def _load(self, tx: Transaction[Any], keys: Sequence[Any]) -> dict[Any, A]:
        rows = await tx.fetch(self._statement, **{self._keys: list(keys)})
        return {row[self._column]: self._repository.attach(tx, row) for row in rows}

    async def _load_ids(self, tx: Transaction[Any], keys: Sequence[Any]) -> dict[Any, UUID | None]:
        return {key: state.id for key, state in (await self._load(tx, keys)).items()}
