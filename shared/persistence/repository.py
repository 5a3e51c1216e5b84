"""Loads and saves aggregates: a frozen dataclass is one row, field by column, and its version counts its events.

Writers of one aggregate queue at its row lock, so its events enter the log in the order of their sequence.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from pydantic import TypeAdapter

from shared.contracts.event import Event
from shared.kernel.decision import Decision
from shared.kernel.errors import NotFound, VersionConflict
from shared.persistence.statements import ReadSession, Statement, any_of
from shared.persistence.transaction import EventSubject, Transaction


class Aggregate(Protocol):
    """The fields that every aggregate has. A new one has version 0."""

    @property
    def id(self) -> UUID: ...
    @property
    def version(self) -> int: ...
    @property
    def correlation_id(self) -> UUID: ...


A = TypeVar("A", bound=Aggregate)

_STORED_SEQUENCE = "SELECT coalesce(max(sequence), 0) FROM event WHERE subject = $1 AND topic = $2 AND partition_day = 'infinity'"


class Repository(Generic[A]):
    """`topic` is the aggregate's own; `key` gives the id that decides the partition, the person where there is one.

    `computed` are the columns that a subclass computes in `_values`: the state has no such fields.
    """

    computed: frozenset[str] = frozenset()

    def __init__(self, state: type[A], table: sa.Table, *, topic: str, key: Callable[[A], UUID], not_found: type[NotFound]) -> None:
        if {field.name for field in fields(state)} | self.computed != set(table.columns.keys()):  # type: ignore[arg-type]
            raise TypeError(f"the columns of {table.name} are not the fields of {state.__name__}")
        self.table = table.name
        self._state, self._topic, self._key, self._not_found = state, topic, key, not_found
        self._noun = re.sub(r"(?<!^)(?=[A-Z])", " ", state.__name__).lower()
        self._adapter: TypeAdapter[A] = TypeAdapter(state)
        by_id = sa.select(table).where(table.c.id == sa.bindparam("id"))
        self._read, self._lock, self._share = (
            Statement(query) for query in (by_id, by_id.with_for_update(), by_id.with_for_update(read=True))
        )
        by_ids = sa.select(table).where(table.c.id == any_of("ids"))
        self._lock_all = Statement(by_ids.order_by(table.c.id).with_for_update())
        new: dict[str, Any] = {column.name: sa.bindparam(column.name) for column in table.columns}
        self._insert = Statement(sa.insert(table).values(new))
        self._update = Statement(
            sa.update(table)
            .where(table.c.id == sa.bindparam("id_"), table.c.version == sa.bindparam("version_"))
            .values({name: value for name, value in new.items() if name != "id"})
            .returning(table.c.id)
        )

    def from_row(self, row: asyncpg.Record) -> A:
        """The aggregate in a row of the table, for queries that select whole rows."""
        return self._adapter.validate_python(dict(row))

    async def find(self, reader: ReadSession, subject: UUID, *, lock: bool = False) -> A | None:
        row = await reader.fetch_one(self._lock if lock else self._read, id=subject)
        return None if row is None else self.from_row(row)

    async def lock_many(self, tx: Transaction[Any], subjects: Iterable[UUID]) -> dict[UUID, A]:
        """Locks those that exist, in the order of their ids, so that two transactions never wait for each other; by id."""
        rows = await tx.fetch(self._lock_all, ids=list(subjects))
        return {row["id"]: self.from_row(row) for row in rows}

    async def load(self, tx: Transaction[Any], subject: UUID, *, if_version: int | None = None) -> A:
        """Locks the row until the transaction ends. Raises the context's NotFound, or VersionConflict."""
        state = self._existing(subject, await self.find(tx, subject, lock=True))
        if if_version is not None and state.version != if_version:
            raise self._conflict(subject, if_version, state.version)
        return state

    async def load_shared(self, tx: Transaction[Any], subject: UUID) -> A:
        """Takes a shared row lock: other readers may take it as well, writers wait. Raises the context's NotFound."""
        row = await tx.fetch_one(self._share, id=subject)
        return self._existing(subject, None if row is None else self.from_row(row))

    async def save(self, tx: Transaction[Any], decision: Decision[A]) -> A:
        """Writes the state under its next version and hands events, deadlines and audit to the transaction. Raises VersionConflict."""
        state = self._next(decision)
        await self._write(tx, state, decision.state.version)
        await self._record_effects(tx, state, decision)
        return state

    def _existing(self, subject: UUID, state: A | None) -> A:
        if state is None:
            raise self._not_found(f"No {self._noun} has the id {subject}.")
        return state

    def _conflict(self, subject: UUID, expected: int, stored: int) -> VersionConflict:
        return VersionConflict(f"The {self._noun} {subject}", expected, stored)

    def _next(self, decision: Decision[A]) -> A:
        own = sum(event.TOPIC == self._topic for event in decision.events)
        if not own:
            raise ValueError(f"a change of {self._state.__name__} without an event on {self._topic}")
        return replace(decision.state, version=decision.state.version + own)  # type: ignore[type-var]

    async def _write(self, tx: Transaction[Any], state: A, before: int) -> None:
        """Inserts a new aggregate (version 0 before), updates any other at the version `before`."""
        if not before:
            await self._insert_new(tx, state)
        elif await tx.fetch_one(self._update, **self._values(state, before)) is None:
            raise self._conflict(state.id, before, state.version)

    async def _insert_new(self, tx: Transaction[Any], state: A) -> None:
        try:
            await tx.execute(self._insert, **self._values(state, 0))
        except asyncpg.UniqueViolationError as problem:
            if problem.constraint_name == f"pk_{problem.table_name}":
                raise self._conflict(state.id, 0, state.version) from problem
            raise

    def _values(self, state: A, before: int) -> dict[str, Any]:
        return {**self._adapter.dump_python(state), "id_": state.id, "version_": before}

    async def _record_effects(self, tx: Transaction[Any], state: A, decision: Decision[A]) -> None:
        about = EventSubject(state.id, self._key(state), state.correlation_id)
        await self._record(tx, about, [event for event in decision.events if isinstance(event, Event)], decision.state.version)
        for kind in decision.cancels if decision.state.version else ():  # a new aggregate has no deadline yet
            tx.cancel_deadlines(about.id, kind)
        for deadline in decision.deadlines:
            tx.set_deadline(about, deadline)
        tx.audit(about.id, state.version)

    async def _record(self, tx: Transaction[Any], about: EventSubject, events: Sequence[Event], before: int) -> None:
        for event in events:
            if event.TOPIC == self._topic:
                before += 1
                tx.record(about, event, before)
            elif not event.RESTRICTED:
                raise ValueError(f"{event.TYPE} outside {self._topic}: only events on a restricted topic have a sequence of their own")
            else:  # a restricted topic counts its own sequence; the row lock makes the count safe
                stored = await tx.driver.fetchval(_STORED_SEQUENCE, about.id, event.TOPIC)
                tx.record(about, event, stored + tx.recorded(about.id, event.TOPIC) + 1)
