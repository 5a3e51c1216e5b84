"""Projection of the person's record: demographics, practice and story."""

from collections.abc import Sequence
from typing import Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.mdt.store.case import CASE
from services.mdt.store.practices import acting_practice, locality_of_practice, same_practice
from services.mdt.store.risk import RISK, SENDERS
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


_DOUBTED = sa.select(RECORDED_PRACTICE).where(MERGED.is_of_group(PERSON.c.person_id), _IN_DOUBT)
#: The practice of the record, if it is confirmed; that of the newest case, which was known then; that of the score, with the senders; and
#: those in doubt.
_PRACTICES = Statement(
    sa.select(
        record_query().with_only_columns(_named(REGISTERED_PRACTICE)).scalar_subquery().label("of_record"),
        _own_first(sa.select(_named(CASE.c.practice_code)), CASE.c.person_id, CASE.c.id.desc()).scalar_subquery().label("of_case"),
        _own_first(sa.select(_named(RISK.c.practice_code)), RISK.c.person_id).scalar_subquery().label("of_score"),
        _own_first(sa.select(SENDERS), RISK.c.person_id).scalar_subquery().label("senders"),
        sa.func.array(_DOUBTED.scalar_subquery(), type_=sa.ARRAY(sa.Text)).label("doubted"),
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
    [found] = await tx.fetch(_PRACTICES, person_id=person_id)
    return await _registered(tx, found)


async def doubted_practices(tx: Tx, person_id: PersonId) -> frozenset[str]:
    """The codes of the practices that a record leaves in doubt; without the one that case finding names."""
    [found] = await tx.fetch(_PRACTICES, person_id=person_id)
    doubted = frozenset([code for each in found["doubted"] for code in await same_practice(tx, each)])
    registered = await _registered(tx, found) if doubted else None
    return doubted.difference(await same_practice(tx, registered) if registered else ())


async def _registered(tx: Tx, found: asyncpg.Record) -> str | None:
    doubted = found["doubted"]
    known: str | None = found["of_record"] or await _undoubted(tx, found["of_case"], doubted)
    return known or await _undoubted(tx, found["of_score"], doubted if await _is_own_score(tx, found) else ())


async def _undoubted(tx: Tx, code: str | None, doubted: Sequence[str]) -> str | None:
    """The practice of a case, or of its own score: no witness for one that the record leaves in doubt, under whichever code."""
    is_doubted = code is not None and not set(doubted).isdisjoint(await same_practice(tx, code) if doubted else ())
    return None if is_doubted else code


async def _is_own_score(tx: Tx, found: asyncpg.Record) -> bool:
    """Whether the practice that a score names has sent it."""
    code, senders = found["of_score"], found["senders"]
    return bool(code and senders) and not set(senders).isdisjoint(await same_practice(tx, code))


async def project_person(tx: Tx, person_id: PersonId, sequence: int, record: PersonRecordRecorded) -> None:
    await tx.defer_write(_UPSERT, person_id=person_id, sequence=sequence, record=record.model_dump(mode="json"))
