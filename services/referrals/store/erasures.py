"""Requests for the erasure of a person, with their approval and their certificate."""

from uuid import UUID

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects.postgresql import JSONB

from services.referrals.domain.erasure import Erasure
from services.referrals.store.tables import METADATA, Tx
from shared.persistence.schema import INSTANT
from shared.persistence.statements import Statement

ERASURE = sa.Table(
    "erasure",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False, index=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("requested_by", sa.Text, nullable=False, comment="issuer, organisation and subject"),
    sa.Column("requested_at", INSTANT, nullable=False),
    sa.Column("approved_by", sa.Text, comment="issuer, organisation and subject"),
    sa.Column("approved_at", INSTANT),
    sa.Column("certificate", JSONB, comment="what was erased; null until every context has erased"),
    comment="Requests for the erasure of a person's words, with the approval of another member of staff.",
)
_STORED = TypeAdapter(Erasure)
_ID = sa.bindparam("erasure_id", type_=sa.Uuid)
_PERSON = sa.bindparam("person_id_", type_=sa.Uuid)
_INSERT = Statement(sa.insert(ERASURE).values({column.name: sa.bindparam(column.name) for column in ERASURE.columns}))
_LOCKED = Statement(sa.select(ERASURE).where(ERASURE.c.id == _ID, ERASURE.c.person_id == _PERSON).with_for_update())
_UPDATE = Statement(
    sa.update(ERASURE)
    .where(ERASURE.c.id == _ID)
    .values({name: sa.bindparam(name) for name in ("approved_by", "approved_at", "certificate")})
)


async def add(tx: Tx, erasure: Erasure) -> None:
    await tx.execute(_INSERT, **{column.name: getattr(erasure, column.name) for column in ERASURE.columns})


async def find(tx: Tx, erasure_id: UUID, person_id: UUID) -> Erasure | None:
    """The request, locked."""
    row = await tx.fetch_one(_LOCKED, erasure_id=erasure_id, person_id_=person_id)
    return None if row is None else _STORED.validate_python(dict(row))


async def update(tx: Tx, erasure: Erasure) -> None:
    """Stores the approval and the certificate."""
    changed = {name: getattr(erasure, name) for name in ("approved_by", "approved_at", "certificate")}
    await tx.execute(_UPDATE, erasure_id=erasure.id, **changed)
