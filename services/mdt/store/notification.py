"""Feeds of the leads. A lock numbers the notifications of a feed in commit order, so that a cursor skips none."""

from datetime import datetime
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.mdt.domain.notification import Kind, Notification, NotificationNotFound
from services.mdt.store.tables import METADATA, Tx
from shared.kernel.ids import PersonId
from shared.persistence.schema import INSTANT
from shared.persistence.statements import Statement

NOTIFICATION = sa.Table(
    "notification",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("professional_id", sa.Text, nullable=False),
    sa.Column("person_id", sa.Uuid, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Uuid, nullable=False),
    sa.Column("occurred_at", INSTANT, nullable=False),
    sa.Column("acknowledged_at", INSTANT),
    sa.Index("ix_notification_professional_id_id", "professional_id", "id"),
    comment="Feed of notifications for each professional, with their acknowledgements.",
)

_INSERT = Statement(
    insert(NOTIFICATION).values({name: sa.bindparam(name) for name in ("professional_id", "person_id", "kind", "subject", "occurred_at")})
)
_FIND = Statement(sa.select(NOTIFICATION).where(NOTIFICATION.c.id == sa.bindparam("notification_id")).with_for_update())
_ACKNOWLEDGE = Statement(
    sa.update(NOTIFICATION)
    .where(NOTIFICATION.c.id == sa.bindparam("notification_id"))
    .values(acknowledged_at=sa.bindparam("acknowledged_at"))
)


async def notify(tx: Tx, professional_id: str, person_id: PersonId, kind: Kind, subject: UUID, occurred_at: datetime) -> None:
    """Adds a notification to the end of a professional's feed."""
    await tx.lock(f"notifications of {professional_id}")
    await tx.execute(
        _INSERT, professional_id=professional_id, person_id=person_id, kind=kind.value, subject=subject, occurred_at=occurred_at
    )


async def load_notification(tx: Tx, notification_id: int) -> Notification:
    """Raises NotificationNotFound."""
    row = await tx.fetch_one(_FIND, notification_id=notification_id)
    if row is None:
        raise NotificationNotFound("No notification has this id.")
    return notification_of(row)


async def mark_acknowledged(tx: Tx, notification_id: int, acknowledged_at: datetime) -> None:
    await tx.execute(_ACKNOWLEDGE, notification_id=notification_id, acknowledged_at=acknowledged_at)


def notification_of(row: asyncpg.Record) -> Notification:
    return Notification(**{**row, "kind": Kind(row["kind"])})
