"""The projection of risk: the current level, the date of the last climb, and the practice for a person who was never referred."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from services.referrals.store.tables import METADATA, Tx
from shared.contracts.envelope import Envelope
from shared.contracts.mdt import RiskHighClimberFound, RiskLevelCrossed
from shared.contracts.practices import UNKNOWN_PRACTICE
from shared.persistence.projection import upsert_if_newer
from shared.persistence.statements import ReadSession, Statement, any_of

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


_PRACTICE = Statement(
    sa.select(RISK.c.practice_code)
    .where(RISK.c.person_id == any_of("people"), RISK.c.practice_code != sa.literal_column(f"'{UNKNOWN_PRACTICE}'"))
    .order_by(sa.func.array_position(sa.bindparam("people", type_=sa.ARRAY(sa.Uuid)), RISK.c.person_id))
    .limit(1)
)


async def practice_of_score(reader: ReadSession, people: Sequence[UUID]) -> str | None:
    """The practice that case finding names, as in the access policy. `people` are the ids of the person, the surviving record's first."""
    code: str | None = await reader.fetch_value(_PRACTICE, people=list(people))
    return code


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
