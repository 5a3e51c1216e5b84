"""The copy of each person's last crisis: a rapid response or an admission. It moves their case up the agenda."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.mdt.store.tables import METADATA, Tx
from shared.kernel.ids import PersonId
from shared.persistence.schema import INSTANT
from shared.persistence.statements import Statement

CRISIS = sa.Table(
    "crisis",
    METADATA,
    sa.Column("person_id", sa.Uuid, primary_key=True),
    sa.Column("last_at", INSTANT, nullable=False),
    comment="Projection of each person's last two-hour response and admission, from rapid_care.",
)

_NOTE = insert(CRISIS).values(person_id=sa.bindparam("person_id"), last_at=sa.bindparam("last_at"))
_NOTE_CRISIS = Statement(
    _NOTE.on_conflict_do_update(index_elements=["person_id"], set_={"last_at": sa.func.greatest(CRISIS.c.last_at, _NOTE.excluded.last_at)})
)


async def note_crisis(tx: Tx, person_id: PersonId, at: datetime) -> None:
    """Keeps the latest, whatever order the events come in."""
    await tx.defer_write(_NOTE_CRISIS, person_id=person_id, last_at=at)
