"""Merged persons: a context's projection of the records that were merged into another record of the same person, from referrals.

A merge gives nothing another key: work that began under an id keeps it. A rule or a view of a person therefore looks for their group, which
is the surviving record with all records merged into it. A survivor is itself never merged. A row stays after a separation, so that a merge
that arrives late changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from shared.persistence.batching.prefetch import PrefetchedLookup
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement
from shared.persistence.transaction import Transaction

_PERSON_ID: sa.BindParameter[UUID] = sa.bindparam("person_id", type_=sa.Uuid)


@dataclass(frozen=True, slots=True)
class Merge:
    """The record `person_id` was merged into the surviving record `into`."""

    person_id: UUID
    into: UUID
    merged_at: datetime


class MergedPersons:
    """The table of one context, which this adds to its metadata, and the statements on it."""

    def __init__(self, metadata: sa.MetaData) -> None:
        self.table = merged = sa.Table(
            "merged_person",
            metadata,
            sa.Column("person_id", sa.Uuid, primary_key=True),
            sa.Column("survivor_id", sa.Uuid, nullable=False, index=True),
            sa.Column("merged_at", INSTANT, nullable=False),
            sa.Column("separated_at", INSTANT, comment="null while the merge holds"),
            comment="Projection of the person records that were merged into another one, from referrals.",
        )
        new = insert(merged).values({column.name: sa.bindparam(column.name, type_=column.type) for column in merged.columns})
        changes = {name: new.excluded[name] for name in ("survivor_id", "merged_at", "separated_at")}
        is_later = merged.c.merged_at < new.excluded.merged_at
        lifts = sa.and_(merged.c.merged_at == new.excluded.merged_at, merged.c.separated_at.is_(None))
        self._merge = Statement(new.on_conflict_do_update(index_elements=["person_id"], set_=changes, where=is_later))
        self._separate = Statement(new.on_conflict_do_update(index_elements=["person_id"], set_=changes, where=sa.or_(is_later, lifts)))
        self._survivor = Statement(sa.select(merged.c.survivor_id).where(merged.c.person_id == _PERSON_ID, merged.c.separated_at.is_(None)))
        self._groups = Statement(self._select_groups())
        #: The ids of a person: their own first, then the survivor's, then the others.
        self.groups: PrefetchedLookup[UUID, tuple[UUID, ...]] = PrefetchedLookup(self.groups_of, absent=tuple, tables=(merged.name,))

    async def merge(self, tx: Transaction[Any], merge: Merge) -> bool:
        """Whether the merge is new: not repeated, and not older than the last merge or separation of this record."""
        return await self._write(tx, self._merge, merge, None)

    async def separate(self, tx: Transaction[Any], merge: Merge, separated_at: datetime) -> bool:
        """Whether the separation is new: it ends this merge, or arrived before it."""
        return await self._write(tx, self._separate, merge, separated_at)

    async def survivor(self, reader: ReadSession, person_id: UUID) -> UUID | None:
        """The record that this one was merged into; None for a record that is not merged."""
        found: UUID | None = await reader.fetch_value(self._survivor, person_id=person_id)
        return found

    async def group(self, reader: ReadSession, person_id: UUID) -> tuple[UUID, ...]:
        """The ids of the person, read from the database: their own first, then the survivor's, then the others."""
        return (await self.groups_of(reader, [person_id]))[person_id]

    async def groups_of(self, reader: ReadSession, person_ids: Sequence[UUID]) -> dict[UUID, tuple[UUID, ...]]:
        """The ids of each person, as `group` orders them."""
        found: dict[UUID, dict[UUID, None]] = {}
        for row in await reader.fetch(self._groups, person_ids=list(person_ids)):
            members = found.setdefault(row["id"], {row["id"]: None, row["survivor_id"]: None})
            if row["merged_id"] is not None:
                members[row["merged_id"]] = None
        return {person_id: tuple(members) for person_id, members in found.items()}

    def is_of_group(self, column: sa.ColumnElement[Any], person_id: sa.ColumnElement[Any] = _PERSON_ID) -> sa.ColumnElement[bool]:
        """Whether the column is one of the ids of the person, by default of the parameter `person_id`. An index on the column is used.

        The ids are a value of their own: in one expression with `coalesce` PostgreSQL uses no index on a table with row-level security.
        """
        ids = sa.select(self.ids_of_group(person_id)).correlate_except(None).scalar_subquery()
        return column == sa.any_(sa.cast(ids, sa.ARRAY(sa.Uuid)))

    def ids_of_group(self, person_id: sa.ColumnElement[Any] = _PERSON_ID) -> sa.ColumnElement[Any]:
        """The array of the person's ids, the survivor's first."""
        merged, survivor = self.table.alias("merged_into"), self._survivor_of(person_id)
        others = (
            sa.select(merged.c.person_id)
            .where(merged.c.survivor_id == survivor, merged.c.separated_at.is_(None))
            .order_by(merged.c.person_id)
        )
        ids = sa.func.array(others.correlate_except(merged).scalar_subquery(), type_=sa.ARRAY(sa.Uuid))
        of_group: sa.ColumnElement[Any] = sa.func.array_prepend(survivor, ids, type_=sa.ARRAY(sa.Uuid))
        return of_group

    def _survivor_of(self, person_id: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        merged = self.table.alias("merged_from")
        survivor = sa.select(merged.c.survivor_id).where(merged.c.person_id == person_id, merged.c.separated_at.is_(None))
        return sa.func.coalesce(survivor.correlate_except(merged).scalar_subquery(), person_id)

    def _select_groups(self) -> sa.Select[Any]:
        """Each member of each group, with the person whose group it is."""
        ids = sa.func.unnest(sa.bindparam("person_ids", type_=sa.ARRAY(sa.Uuid)))
        people = ids.table_valued(sa.column("id", sa.Uuid), name="asked").render_derived()
        own, merged = self.table.alias("own"), self.table.alias("merged")
        holds = sa.and_(own.c.person_id == people.c.id, own.c.separated_at.is_(None))
        survivor = sa.func.coalesce(own.c.survivor_id, people.c.id)
        with_others = people.outerjoin(own, holds).outerjoin(
            merged, sa.and_(merged.c.survivor_id == survivor, merged.c.separated_at.is_(None))
        )
        columns = (people.c.id, survivor.label("survivor_id"), merged.c.person_id.label("merged_id"))
        return sa.select(*columns).select_from(with_others).order_by(people.c.id, merged.c.merged_at, merged.c.person_id)

    async def _write(self, tx: Transaction[Any], statement: Statement, merge: Merge, separated_at: datetime | None) -> bool:
        values = {"person_id": merge.person_id, "survivor_id": merge.into, "merged_at": merge.merged_at, "separated_at": separated_at}
        return await tx.execute(statement, **values) == "INSERT 0 1"
