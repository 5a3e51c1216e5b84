"""Projection of the recorded deaths and moves, from referrals. A row stays after a reversal, so that an older record changes nothing."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.navigation.domain.person_change import RecordedChange
from services.navigation.store.tables import METADATA, Tx
from shared.contracts.persons import PersonChange
from shared.kernel.ids import PersonId
from shared.persistence.batching.prefetch import PrefetchedLookup
from shared.persistence.schema import INSTANT
from shared.persistence.statements import Statement

PERSON_CHANGE = sa.Table(
    "person_change",
    METADATA,
    sa.Column("person_id", sa.Uuid, primary_key=True),
    sa.Column("change", sa.Text, primary_key=True),
    sa.Column("recorded_at", INSTANT, nullable=False),
    sa.Column("lifted_at", INSTANT, comment="reversed as a mistake, or followed by a return or a new referral"),
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
_REVERSE = Statement(
    _NEW.on_conflict_do_update(index_elements=_KEY, set_=_VALUES, where=PERSON_CHANGE.c.recorded_at <= _NEW.excluded.recorded_at)
)
_LIFT = Statement(
    sa.update(PERSON_CHANGE)
    .where(
        PERSON_CHANGE.c.person_id == sa.bindparam("person_id"),
        PERSON_CHANGE.c.lifted_at.is_(None),
        PERSON_CHANGE.c.recorded_at < sa.bindparam("at", type_=INSTANT),
    )
    .values(lifted_at=sa.bindparam("at", type_=INSTANT))
)
_STANDING = Statement(
    sa.select(PERSON_CHANGE).where(
        PERSON_CHANGE.c.person_id == sa.any_(sa.bindparam("person_ids", type_=sa.ARRAY(sa.Uuid))), PERSON_CHANGE.c.lifted_at.is_(None)
    )
)


async def record(tx: Tx, person_id: PersonId, change: RecordedChange) -> bool:
    """Whether the change is new: not repeated, and not older than its reversal."""
    values = {"person_id": person_id, "change": change.change, "recorded_at": change.recorded_at, "lifted_at": None}
    return await tx.execute(_RECORD, **values) == "INSERT 0 1"


async def reverse(tx: Tx, person_id: PersonId, change: RecordedChange, restored_at: datetime) -> bool:
    """Whether the reversal concerns the present record, and not an older one."""
    values = {"person_id": person_id, "change": change.change, "recorded_at": change.recorded_at, "lifted_at": restored_at}
    return await tx.execute(_REVERSE, **values) == "INSERT 0 1"


async def end(tx: Tx, person_id: PersonId, returned_at: datetime) -> bool:
    """Whether the person returns from a change that held, or that arrives late. No change of any kind holds until then."""
    ended = [await reverse(tx, person_id, RecordedChange(change, returned_at), returned_at) for change in PersonChange]
    return any(ended)


async def lift(tx: Tx, person_id: PersonId, at: datetime) -> None:
    """A referral that was routed at this time follows the change: the person has care again."""
    await tx.defer_write(_LIFT, person_id=person_id, at=at)


async def _load(tx: Tx, person_ids: Sequence[UUID]) -> dict[UUID, list[RecordedChange]]:
    found: dict[UUID, list[RecordedChange]] = {}
    for row in await tx.fetch(_STANDING, person_ids=list(person_ids)):
        found.setdefault(row["person_id"], []).append(RecordedChange(PersonChange(row["change"]), row["recorded_at"]))
    return found


#: The changes of a person that hold.
STANDING: PrefetchedLookup[UUID, list[RecordedChange]] = PrefetchedLookup(_load, absent=list, tables=("person_change",))
