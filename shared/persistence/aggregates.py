"""Loads and saves aggregates: a frozen dataclass is one row, field by column, and its version counts its events.

Writers of one aggregate queue at its row lock, so its events enter the log in the order of their sequence.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from pydantic import TypeAdapter

from shared.contracts.event import Event
from shared.kernel.decision import Decision
from shared.kernel.errors import NotFound, VersionConflict
from shared.persistence.statements import Reader, Statement
from shared.persistence.transaction import Subject, Transaction


class Aggregate(Protocol):
    """What every aggregate has besides its own fields. A new one has version 0."""

    @property
    def id(self) -> UUID: ...
    @property
    def version(self) -> int: ...
    @property
    def correlation_id(self) -> UUID: ...


A = TypeVar("A", bound=Aggregate)

_STORED_SEQUENCE = "SELECT coalesce(max(sequence), 0) FROM event WHERE subject = $1 AND topic = $2 AND shelf = 'infinity'"


class Aggregates(Generic[A]):
    """`topic` is the aggregate's own; `key` gives the id that decides the partition, the person where there is one."""

    def __init__(self, state: type[A], table: sa.Table, *, topic: str, key: Callable[[A], UUID], not_found: type[NotFound]) -> None:
        if {field.name for field in fields(state)} != set(table.columns.keys()):  # type: ignore[arg-type]
            raise TypeError(f"the columns of {table.name} are not the fields of {state.__name__}")
        self._state, self._topic, self._key, self._not_found = state, topic, key, not_found
        self._adapter: TypeAdapter[A] = TypeAdapter(state)
        by_id = sa.select(table).where(table.c.id == sa.bindparam("id"))
        self._read, self._lock = Statement(by_id), Statement(by_id.with_for_update())
        self._insert = Statement(sa.insert(table).values({column.name: sa.bindparam(column.name) for column in table.columns}))
        self._update = Statement(
            sa.update(table)
            .where(table.c.id == sa.bindparam("id_"), table.c.version == sa.bindparam("version_"))
            .values({column.name: sa.bindparam(column.name) for column in table.columns if column.name != "id"})
        )

    def of(self, row: asyncpg.Record) -> A:
        """The aggregate that a row of the table holds, for queries that select whole rows."""
        return self._adapter.validate_python(dict(row))

    async def find(self, reader: Reader, subject: UUID, *, lock: bool = False) -> A | None:
        row = await reader.fetch_one(self._lock if lock else self._read, id=subject)
        return None if row is None else self.of(row)

    async def load(self, tx: Transaction[Any], subject: UUID, *, if_version: int | None = None) -> A:
        """Locks the row until the transaction ends. Raises the context's NotFound, or VersionConflict."""
        state = await self.find(tx, subject, lock=True)
        if state is None:
            raise self._not_found(f"There is none with the id {subject}.")
        if if_version is not None and state.version != if_version:
            raise VersionConflict(subject, if_version, state.version)
        return state

    async def save(self, tx: Transaction[Any], decision: Decision[A]) -> A:
        """Writes the state under its next version and hands events, deadlines and audit to the transaction."""
        before = decision.state.version
        events = [event for event in decision.events if isinstance(event, Event)]
        own = [event for event in events if event.TOPIC == self._topic]
        if not own:
            raise ValueError(f"a change of {self._state.__name__} without an event on {self._topic}")
        state = replace(decision.state, version=before + len(own))  # type: ignore[type-var]
        await self._write(tx, state, before)
        about = Subject(state.id, self._key(state), state.correlation_id)
        await self._record(tx, about, events, before)
        for kind in decision.cancels:
            tx.cancel_deadlines(about.id, kind)
        for deadline in decision.deadlines:
            tx.set_deadline(about, deadline)
        tx.audit(about.id, state.version)
        return state

    async def _write(self, tx: Transaction[Any], state: A, before: int) -> None:
        values = self._adapter.dump_python(state)
        try:
            done = (
                await tx.execute(self._update, id_=state.id, version_=before, **values)
                if before
                else await tx.execute(self._insert, **values)
            )
        except asyncpg.UniqueViolationError as problem:
            if problem.constraint_name == f"pk_{problem.table_name}":
                raise VersionConflict(state.id, before, 1) from problem
            raise
        if done.endswith(" 0"):
            raise VersionConflict(state.id, before, state.version)

    async def _record(self, tx: Transaction[Any], about: Subject, events: Sequence[Event], before: int) -> None:
        for event in events:
            if event.TOPIC == self._topic:
                before += 1
                tx.record(about, event, before)
            elif not event.RESTRICTED:
                raise ValueError(f"{event.TYPE} beside {self._topic}: what is counted in the log must be kept in it whole")
            else:  # a side topic counts for itself; the row lock makes the count safe
                stored = await tx.connection.fetchval(_STORED_SEQUENCE, about.id, event.TOPIC)
                tx.record(about, event, stored + tx.recorded(about.id, event.TOPIC) + 1)
