"""The copy of risk: the last level that was crossed into, when they were found to climb, and the practice that a contact falls back to."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.referrals.store.tables import METADATA, Tx
from shared.contracts.envelope import Envelope
from shared.contracts.mdt import RiskHighClimberFound, RiskLevelCrossed
from shared.persistence.statements import Statement

RISK = sa.Table(
    "risk",
    METADATA,
    sa.Column("person_id", sa.Uuid, primary_key=True),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("practice_code", sa.Text, nullable=False),
    sa.Column("valid_from", sa.Date, nullable=False),
    sa.Column("climbed_on", sa.Date),
    sa.Column("sequence", sa.Integer, nullable=False),
    comment="Projection of the person's risk level, from mdt.",
)

_INSERT = insert(RISK).values({column.name: sa.bindparam(column.name) for column in RISK.columns})
_COPY = Statement(
    _INSERT.on_conflict_do_update(
        index_elements=["person_id"],
        set_={
            "level": _INSERT.excluded.level,
            "practice_code": _INSERT.excluded.practice_code,
            "valid_from": _INSERT.excluded.valid_from,
            "climbed_on": sa.func.coalesce(_INSERT.excluded.climbed_on, RISK.c.climbed_on),
            "sequence": _INSERT.excluded.sequence,
        },
        where=sa.tuple_(RISK.c.valid_from, RISK.c.sequence) < sa.tuple_(_INSERT.excluded.valid_from, _INSERT.excluded.sequence),
    )
)


async def copy_risk(tx: Tx, envelope: Envelope, event: RiskLevelCrossed | RiskHighClimberFound) -> None:
    """Keeps the newest, whatever order the events come in."""
    is_climber = isinstance(event, RiskHighClimberFound)
    await tx.defer_write(
        _COPY,
        person_id=UUID(envelope.key),
        level=int(event.level if isinstance(event, RiskHighClimberFound) else event.to_level),
        practice_code=event.practice_code,
        valid_from=event.valid_from,
        climbed_on=event.valid_from if is_climber else None,
        sequence=envelope.sequence,
    )
