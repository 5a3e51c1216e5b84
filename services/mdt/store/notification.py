"""The feeds of the leads. A notice gets its place in a feed under a lock, so that a cursor never passes one that is still being written."""

from datetime import datetime
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.mdt.domain.notification import Kind, Notice, NoticeNotFound
from services.mdt.store.tables import METADATA, Tx
from shared.kernel.ids import PersonId
from shared.persistence.schema import INSTANT
from shared.persistence.statements import Statement

NOTICE = sa.Table(
    "notice",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("professional_id", sa.Text, nullable=False),
    sa.Column("person_id", sa.Uuid, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Uuid, nullable=False),
    sa.Column("occurred_at", INSTANT, nullable=False),
    sa.Column("acknowledged_at", INSTANT),
    sa.Index("ix_notice_professional_id_id", "professional_id", "id"),
)

_LOCK = "SELECT pg_advisory_xact_lock(hashtext(current_schema() || ' notices of ' || $1))"
_TELL = Statement(
    insert(NOTICE).values({name: sa.bindparam(name) for name in ("professional_id", "person_id", "kind", "subject", "occurred_at")})
)
_FIND = Statement(sa.select(NOTICE).where(NOTICE.c.id == sa.bindparam("notice_id")).with_for_update())
_ACKNOWLEDGE = Statement(
    sa.update(NOTICE).where(NOTICE.c.id == sa.bindparam("notice_id")).values(acknowledged_at=sa.bindparam("acknowledged_at"))
)


async def notify(tx: Tx, professional_id: str, person_id: PersonId, kind: Kind, subject: UUID, occurred_at: datetime) -> None:
    """Adds a notice to the end of a professional's feed."""
    await tx.connection.execute(_LOCK, professional_id)
    await tx.execute(_TELL, professional_id=professional_id, person_id=person_id, kind=kind.value, subject=subject, occurred_at=occurred_at)


async def load_notice(tx: Tx, notice_id: int) -> Notice:
    """Raises NoticeNotFound."""
    row = await tx.fetch_one(_FIND, notice_id=notice_id)
    if row is None:
        raise NoticeNotFound("There is no such notice.")
    return notice_of(row)


async def mark_acknowledged(tx: Tx, notice_id: int, at: datetime) -> None:
    await tx.execute(_ACKNOWLEDGE, notice_id=notice_id, acknowledged_at=at)


def notice_of(row: asyncpg.Record) -> Notice:
    return Notice(**{**row, "kind": Kind(row["kind"])})
