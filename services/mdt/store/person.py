"""Projection of the person's record: demographics, practice and story."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.mdt.store.case import CASE
from services.mdt.store.practices import acting_practice, locality_of_practice
from services.mdt.store.risk import RISK
from services.mdt.store.tables import MERGED, METADATA, Tx
from shared.contracts.codes import Locality
from shared.contracts.persons import PersonRecordRecorded
from shared.contracts.practices import UNKNOWN_PRACTICE
from shared.kernel.ids import PersonId
from shared.persistence.projection import upsert_if_newer
from shared.persistence.statements import Statement

PERSON = sa.Table(
    "person",
    METADATA,
    sa.Column("person_id", sa.Uuid, primary_key=True),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("record", JSONB, nullable=False),
    comment="Projection of the person's record, from referrals.",
)

_IS_CONFIRMED = PERSON.c.record["is_practice_confirmed"].as_boolean()
_IN_DOUBT = _IS_CONFIRMED.is_(sa.false())
#: The code of the practice that the record names, which may be unknown.
RECORDED_PRACTICE: sa.ColumnElement[str] = PERSON.c.record["practice_code"].astext
#: The same; null for one that only the practice itself has stated.
REGISTERED_PRACTICE: sa.ColumnElement[str] = sa.case((_IS_CONFIRMED.is_(sa.true()), RECORDED_PRACTICE))

_UPSERT = upsert_if_newer(PERSON)


def record_query() -> sa.Select[Any]:
    """The record of the person `person_id`: that of this id, else of another one."""
    return _own_first(sa.select(PERSON.c.record), PERSON.c.person_id)


def _own_first(query: sa.Select[Any], column: sa.Column[Any], *order: sa.ColumnElement[Any]) -> sa.Select[Any]:
    is_own = column == sa.bindparam("person_id", type_=sa.Uuid)
    return query.where(MERGED.is_of_group(column)).order_by(is_own.desc(), *order, column).limit(1)


def _named(code: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """The code; null for an unknown practice."""
    return sa.func.nullif(code, UNKNOWN_PRACTICE)


#: A case is no witness for a practice that the record leaves in doubt.
_IS_DOUBTED = sa.exists().where(MERGED.is_of_group(PERSON.c.person_id), CASE.c.practice_code == RECORDED_PRACTICE, _IN_DOUBT)
_KNOWN_THEN = sa.select(sa.case((~_IS_DOUBTED, _named(CASE.c.practice_code))))
#: The practice of the record, if it is confirmed; else that of the newest case, which was known then; else that of the score.
_PRACTICE = Statement(
    sa.select(
        sa.func.coalesce(
            record_query().with_only_columns(_named(REGISTERED_PRACTICE)).scalar_subquery(),
            _own_first(_KNOWN_THEN, CASE.c.person_id, CASE.c.id.desc()).scalar_subquery(),
            _own_first(sa.select(_named(RISK.c.practice_code)), RISK.c.person_id).scalar_subquery(),
        )
    )
)


async def locality_of(tx: Tx, person_id: PersonId) -> Locality | None:
    """The locality of the person's practice of today; None for an unknown practice."""
    code = await registered_practice(tx, person_id)
    return await locality_of_practice(tx, code) if code else None


async def practice_of(tx: Tx, person_id: PersonId) -> str | None:
    """The practice of today, whose GP is the fallback lead; None for an unknown one and for one closed without a successor.

    A practice outside the table stands for itself.
    """
    code = await registered_practice(tx, person_id)
    return await acting_practice(tx, code) if code else None


async def fallback_practice(tx: Tx, person_id: PersonId) -> str:
    """The practice of today; else the one that has closed, by name only; else unknown."""
    code = await registered_practice(tx, person_id)
    return (await acting_practice(tx, code) or code) if code else UNKNOWN_PRACTICE


async def registered_practice(tx: Tx, person_id: PersonId) -> str | None:
    """The recorded practice, which may have closed; None for an unknown one."""
    code: str | None = await tx.fetch_value(_PRACTICE, person_id=person_id)
    return code


async def project_person(tx: Tx, person_id: PersonId, sequence: int, record: PersonRecordRecorded) -> None:
    await tx.defer_write(_UPSERT, person_id=person_id, sequence=sequence, record=record.model_dump(mode="json"))
