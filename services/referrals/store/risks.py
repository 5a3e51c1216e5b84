"""The copy of risk, for the person's page: the last level that was crossed into, and when they were found to climb."""

from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.referrals.store.tables import METADATA, Tx
from shared.contracts.codes import RiskLevel
from shared.persistence.statements import Statement

RISK = sa.Table(
    "risk",
    METADATA,
    sa.Column("person_id", sa.Uuid, primary_key=True),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("valid_from", sa.Date, nullable=False),
    sa.Column("climbed_on", sa.Date),
    sa.Column("sequence", sa.Integer, nullable=False),
    comment="a copy of mdt's risk",
)

_INSERT = insert(RISK).values({column.name: sa.bindparam(column.name) for column in RISK.columns})
_COPY = Statement(
    _INSERT.on_conflict_do_update(
        index_elements=["person_id"],
        set_={
            "level": _INSERT.excluded.level,
            "valid_from": _INSERT.excluded.valid_from,
            "climbed_on": sa.func.coalesce(_INSERT.excluded.climbed_on, RISK.c.climbed_on),
            "sequence": _INSERT.excluded.sequence,
        },
        where=sa.tuple_(RISK.c.valid_from, RISK.c.sequence) < sa.tuple_(_INSERT.excluded.valid_from, _INSERT.excluded.sequence),
    )
)


async def copy_risk(tx: Tx, person_id: UUID, *, level: RiskLevel, valid_from: date, climbed_on: date | None, sequence: int) -> None:
    """Keeps the newest, whatever order the events come in."""
    await tx.execute(_COPY, person_id=person_id, level=int(level), valid_from=valid_from, climbed_on=climbed_on, sequence=sequence)
