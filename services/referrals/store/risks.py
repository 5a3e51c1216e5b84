"""The projection of risk: the current level, the date of the last climb, and the practice for a person who was never referred."""

from uuid import UUID

import sqlalchemy as sa

from services.referrals.store.tables import METADATA, Tx
from shared.contracts.envelope import Envelope
from shared.contracts.mdt import RiskHighClimberFound, RiskLevelCrossed
from shared.persistence.projection import upsert_if_newer

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

_PROJECT = upsert_if_newer(RISK, order=("valid_from", "sequence"), retain=("climbed_on",))


async def project_risk(tx: Tx, event: RiskLevelCrossed | RiskHighClimberFound, envelope: Envelope) -> None:
    """Keeps the newest row by validity and sequence; events may arrive in any order."""
    is_climber = isinstance(event, RiskHighClimberFound)
    await tx.defer_write(
        _PROJECT,
        person_id=UUID(envelope.key),
        level=int(event.level if isinstance(event, RiskHighClimberFound) else event.to_level),
        practice_code=event.practice_code,
        valid_from=event.valid_from,
        climbed_on=event.valid_from if is_climber else None,
        sequence=envelope.sequence,
    )
