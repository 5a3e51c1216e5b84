"""Person changes: a context's projection of the recorded deaths and moves of people, from referrals.

A row stays after its change holds no longer, so that a record that arrives late, such as a replay, changes nothing.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Insert, insert

from shared.contracts.persons import PersonChange, RecordedChange
from shared.persistence.batching.prefetch import PrefetchedLookup
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement, any_of
from shared.persistence.transaction import Transaction

_PERSON_ID: sa.BindParameter[UUID] = sa.bindparam("person_id", type_=sa.Uuid)
_AT: sa.BindParameter[datetime] = sa.bindparam("at", type_=INSTANT)
_TIMES = ("recorded_at", "lifted_at", "care_from")


class PersonChanges:
    """The table of one context, which this adds to its metadata, and the statements on it."""

    def __init__(self, metadata: sa.MetaData) -> None:
        self.table = changes = sa.Table(
            "person_change",
            metadata,
            sa.Column("person_id", sa.Uuid, primary_key=True),
            sa.Column("change", sa.Text, primary_key=True),
            sa.Column("recorded_at", INSTANT, nullable=False),
            sa.Column("lifted_at", INSTANT, comment="null while the change holds"),
            sa.Column("care_from", INSTANT, comment="when care began again in spite of the change; null: it did not"),
            comment="Projection of people's deaths and moves, from referrals.",
        )
        new, columns = self._new(), changes.c
        is_after_care = sa.or_(columns.care_from.is_(None), columns.care_from <= new.excluded.recorded_at)
        is_next = sa.or_(
            sa.and_(columns.lifted_at.is_(None), columns.recorded_at < new.excluded.recorded_at, is_after_care),
            columns.lifted_at <= new.excluded.recorded_at,
        )
        self._record = self._upsert(new, is_next)
        self._lift_until = self._upsert(new, columns.recorded_at <= new.excluded.recorded_at)
        is_before = sa.and_(columns.person_id == _PERSON_ID, columns.lifted_at.is_(None), columns.recorded_at < _AT)
        is_earliest = sa.or_(columns.care_from.is_(None), columns.care_from > _AT)
        self._begin_care = Statement(sa.update(changes).where(is_before, is_earliest).values(care_from=_AT))
        is_asked = columns.person_id == any_of("person_ids")
        self._standing = Statement(sa.select(changes).where(is_asked, columns.lifted_at.is_(None)).order_by(columns.recorded_at))
        #: The changes of a person that hold, the latest last.
        self.standing: PrefetchedLookup[UUID, list[RecordedChange]] = PrefetchedLookup(
            self.standing_of, absent=list, tables=(changes.name,)
        )

    async def record(self, tx: Transaction[Any], person_id: UUID, recorded: RecordedChange) -> bool:
        """Whether the change is new: later than the one of its kind that holds, and not older than the end of the last one.

        Nor is it older than care that began in spite of the last one.
        """
        return await self._write(tx, self._record, person_id, [recorded.change], recorded.recorded_at, care_from=recorded.care_from)

    async def reverse(self, tx: Transaction[Any], person_id: UUID, mistaken: RecordedChange, restored_at: datetime) -> bool:
        """Whether the reversal concerns the last record of this kind, and not an older one. It may arrive before its record."""
        return await self._write(tx, self._lift_until, person_id, [mistaken.change], mistaken.recorded_at, lifted_at=restored_at)

    async def end(self, tx: Transaction[Any], person_id: UUID, returned_at: datetime) -> bool:
        """Whether the person returns from a change that held, or that arrives late. No change of any kind holds until then."""
        return await self._write(tx, self._lift_until, person_id, PersonChange, returned_at, lifted_at=returned_at)

    async def begin_care(self, tx: Transaction[Any], person_id: UUID, at: datetime) -> None:
        """Care began again at this time, in spite of the changes that were recorded before: they end no later work."""
        await tx.defer_write(self._begin_care, person_id=person_id, at=at)

    async def standing_of(self, reader: ReadSession, person_ids: Sequence[UUID]) -> dict[UUID, list[RecordedChange]]:
        """The changes of each person that hold, the latest last."""
        found: dict[UUID, list[RecordedChange]] = {}
        for row in await reader.fetch(self._standing, person_ids=list(person_ids)):
            change = RecordedChange(PersonChange(row["change"]), row["recorded_at"], row["care_from"])
            found.setdefault(row["person_id"], []).append(change)
        return found

    async def dead_among(self, reader: ReadSession, person_ids: Sequence[UUID]) -> set[UUID]:
        """The people whose death holds."""
        standing = await self.standing_of(reader, person_ids)
        return {person_id for person_id, changes in standing.items() if any(each.change is PersonChange.DEATH for each in changes)}

    def holds(self, change: PersonChange) -> sa.ColumnElement[bool]:
        """Whether the row is a change of this kind that holds."""
        return sa.and_(self.table.c.change == change.value, self.table.c.lifted_at.is_(None))

    def _new(self) -> Insert:
        """A row for each of some changes of a person; the times are the same for all."""
        kinds = sa.func.unnest(sa.bindparam("changes", type_=sa.ARRAY(sa.Text)))
        times = [sa.bindparam(name, type_=INSTANT) for name in _TIMES]
        return insert(self.table).from_select(["person_id", "change", *_TIMES], sa.select(_PERSON_ID, kinds, *times))

    def _upsert(self, new: Insert, replaces: sa.ColumnElement[bool]) -> Statement:
        values = {name: new.excluded[name] for name in _TIMES}
        return Statement(new.on_conflict_do_update(index_elements=["person_id", "change"], set_=values, where=replaces))

    async def _write(
        self,
        tx: Transaction[Any],
        statement: Statement,
        person_id: UUID,
        changes: Iterable[PersonChange],
        recorded_at: datetime,
        *,
        lifted_at: datetime | None = None,
        care_from: datetime | None = None,
    ) -> bool:
        """Whether a row was written."""
        values = {
            "person_id": person_id,
            "changes": [change.value for change in changes],
            "recorded_at": recorded_at,
            "lifted_at": lifted_at,
            "care_from": care_from,
        }
        return await tx.execute(statement, **values) != "INSERT 0 0"
