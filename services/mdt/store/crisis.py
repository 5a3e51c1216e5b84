"""Projection of each person's last crisis, a rapid response or an admission: it moves their case up the agenda."""

from datetime import datetime

import sqlalchemy as sa

from services.mdt.store.tables import METADATA, Tx
from shared.kernel.ids import PersonId
from shared.persistence.projection import upsert_if_newer
from shared.persistence.schema import INSTANT

CRISIS = sa.Table(
    "crisis",
    METADATA,
    sa.Column("person_id", sa.Uuid, primary_key=True),
    sa.Column("last_at", INSTANT, nullable=False),
    comment="Projection of each person's last two-hour response and admission, from rapid_care.",
)

_UPSERT = upsert_if_newer(CRISIS, order=("last_at",))


async def project_crisis(tx: Tx, person_id: PersonId, occurred_at: datetime) -> None:
    await tx.defer_write(_UPSERT, person_id=person_id, last_at=occurred_at)
