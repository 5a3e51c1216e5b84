"""Projection of the recorded deaths and moves, from referrals. A row stays after a reversal, so that an older record changes nothing."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.mdt.store.tables import METADATA, Tx
from shared.contracts.persons import PersonChange
from shared.kernel.ids import PersonId
from shared.persistence.schema import INSTANT
from shared.persistence.statements import Statement

PERSON_CHANGE = sa.Table(
    "person_change",
    METADATA,
    sa.Column("person_id", sa.Uuid, primary_key=True),
    sa.Column("change", sa.Text, primary_key=True),
    sa.Column("recorded_at", INSTANT, nullable=False),
    sa.Column("lifted_at", INSTANT, comment="reversed as a mistake, or followed by a return"),
    comment="Projection of people's deaths and moves, from referrals.",
)

_NEW = insert(PERSON_CHANGE).values({column.name: sa.bindparam(column.name) for column in PERSON_CHANGE.columns})
_VALUES = {"recorded_at": _NEW.excluded.recorded_at, "lifted_at": _NEW.excluded.lifted_at}
_KEY = ["person_id", "change"]
#: The first record of a change counts while it holds; after that, one that is not older than the end of the last.
_RECORD = Statement(
    _NEW.on_conflict_do_update(
        index_elements=_KEY,
        set_=_VALUES,
        where=sa.and_(PERSON_CHANGE.c.lifted_at.is_not(None), PERSON_CHANGE.c.lifted_at <= _NEW.excluded.recorded_at),
    )
)
_LIFT = Statement(
    _NEW.on_conflict_do_update(index_elements=_KEY, set_=_VALUES, where=PERSON_CHANGE.c.recorded_at <= _NEW.excluded.recorded_at)
)
_DEAD = Statement(
    sa.select(PERSON_CHANGE.c.person_id).where(
        PERSON_CHANGE.c.person_id == sa.any_(sa.bindparam("person_ids", type_=sa.ARRAY(sa.Uuid))),
        PERSON_CHANGE.c.change == PersonChange.DEATH.value,
        PERSON_CHANGE.c.lifted_at.is_(None),
    )
)


async def record(tx: Tx, person_id: PersonId, change: PersonChange, recorded_at: datetime) -> bool:
    """Whether the change is new: not repeated, and not older than the end of the last one."""
    return await _write(tx, _RECORD, person_id, change, recorded_at, None)


async def lift(tx: Tx, person_id: PersonId, change: PersonChange, recorded_at: datetime, lifted_at: datetime) -> bool:
    """Whether the record that was made at this time, or an earlier one, holds no longer."""
    return await _write(tx, _LIFT, person_id, change, recorded_at, lifted_at)


async def dead_among(tx: Tx, person_ids: Sequence[UUID]) -> set[UUID]:
    """The people whose death is recorded."""
    return {row["person_id"] for row in await tx.fetch(_DEAD, person_ids=list(person_ids))}


async def _write(
    tx: Tx, statement: Statement, person_id: PersonId, change: PersonChange, recorded_at: datetime, lifted_at: datetime | None
) -> bool:
    values = {"person_id": person_id, "change": change.value, "recorded_at": recorded_at, "lifted_at": lifted_at}
    return await tx.execute(statement, **values) == "INSERT 0 1"
