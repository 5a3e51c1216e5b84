"""Projection of the person's record: demographics, practice and story."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.mdt.store.practices import acting_practice, locality_of_practice
from services.mdt.store.tables import METADATA, Tx
from shared.contracts.codes import Locality
from shared.contracts.persons import PersonRecordRecorded
from shared.kernel.ids import PersonId
from shared.persistence.projection import upsert_if_newer
from shared.persistence.statements import Sql

PERSON = sa.Table(
    "person",
    METADATA,
    sa.Column("person_id", sa.Uuid, primary_key=True),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("record", JSONB, nullable=False),
    comment="Projection of the person's record, from referrals.",
)

_UPSERT = upsert_if_newer(PERSON)
#: The newest record; else the practice of the newest case; else, for a person of case finding alone, the practice of the score.
_PRACTICE = Sql(
    """
SELECT coalesce(
    (SELECT record ->> 'practice_code' FROM person WHERE person_id = $1),
    (SELECT practice_code FROM "case" WHERE person_id = $1 ORDER BY id DESC LIMIT 1),
    (SELECT practice_code FROM risk WHERE person_id = $1))""",
    "person_id",
    tables=("person", "case", "risk"),
)


async def locality_of(tx: Tx, person_id: PersonId) -> Locality | None:
    """The locality of the person's practice of today; None for an unknown practice."""
    code = await _registered(tx, person_id)
    return await locality_of_practice(tx, code) if code else None


async def practice_of(tx: Tx, person_id: PersonId) -> str | None:
    """The practice of today, whose GP is the fallback lead; None for an unknown person and for a practice closed without a successor.

    A practice outside the table stands for itself.
    """
    code = await _registered(tx, person_id)
    return await acting_practice(tx, code) if code else None


async def _registered(tx: Tx, person_id: PersonId) -> str | None:
    code: str | None = await tx.fetch_value(_PRACTICE, person_id=person_id)
    return code


async def project_person(tx: Tx, person_id: PersonId, sequence: int, record: PersonRecordRecorded) -> None:
    await tx.defer_write(_UPSERT, person_id=person_id, sequence=sequence, record=record.model_dump(mode="json"))
