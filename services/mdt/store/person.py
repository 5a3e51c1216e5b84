"""The copy of what the person told once."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert

from services.mdt.store.tables import METADATA, Tx
from shared.contracts.codes import Locality
from shared.contracts.referrals import PersonRecordRecorded
from shared.kernel.ids import PersonId
from shared.persistence.statements import Sql, Statement

PERSON = sa.Table(
    "person",
    METADATA,
    sa.Column("person_id", sa.Uuid, primary_key=True),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("record", JSONB, nullable=False),
    comment="Projection of the person's record, from referrals.",
)

_COPY = insert(PERSON).values({name: sa.bindparam(name) for name in ("person_id", "sequence", "record")})
_COPY_PERSON = Statement(
    _COPY.on_conflict_do_update(
        index_elements=["person_id"],
        set_={"sequence": _COPY.excluded.sequence, "record": _COPY.excluded.record},
        where=PERSON.c.sequence < _COPY.excluded.sequence,
    )
)


_LOCALITY = Sql("SELECT record ->> 'locality' FROM person WHERE person_id = $1", "person_id", tables=("person",))
#: As it was told last; somebody known by their risk alone has the practice of the score.
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
    """Where the person's practice is, if anybody recorded them."""
    found: str | None = await tx.fetch_value(_LOCALITY, person_id=person_id)
    return None if found is None else Locality(found)


async def practice_of(tx: Tx, person_id: PersonId) -> str | None:
    """Whose GP answers for the person where nobody else does; None for somebody who is not known here."""
    found: str | None = await tx.fetch_value(_PRACTICE, person_id=person_id)
    return found


async def copy_person(tx: Tx, person_id: PersonId, sequence: int, record: PersonRecordRecorded) -> None:
    """Keeps the newest record of a person, whatever order the events come in."""
    await tx.defer_write(_COPY_PERSON, person_id=person_id, sequence=sequence, record=record.model_dump(mode="json"))
