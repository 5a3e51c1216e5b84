"""Feeds of the leads. A lock numbers the notifications of a feed in commit order, so that a cursor skips none."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.mdt.domain.notification import NEEDS_ANSWER, Kind, Notification, NotificationDeadline, NotificationNotFound, answer_deadline
from services.mdt.store.tables import METADATA, Tx
from shared.kernel.actor import Professional
from shared.kernel.ids import PersonId, new_id
from shared.persistence.schema import INSTANT
from shared.persistence.statements import Statement, any_of
from shared.persistence.transaction import EventSubject

NOTIFICATION = sa.Table(
    "notification",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("professional_id", sa.Text, nullable=False),
    sa.Column("organisation", sa.Text, nullable=False),
    sa.Column("person_id", sa.Uuid, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Uuid, nullable=False),
    sa.Column("occurred_at", INSTANT, nullable=False),
    sa.Column("acknowledged_at", INSTANT),
    sa.Column("thread_id", sa.Uuid, index=True, comment="subject of the deadline for an answer, with all repetitions; null without one"),
    sa.Column("settled_at", INSTANT, comment="when a command settled the matter without an acknowledgement"),
    sa.Column("is_escalated", sa.Boolean, nullable=False, comment="the chair has it, because no recipient answered in time"),
    sa.Index("ix_notification_professional_id_id", "professional_id", "id"),
    sa.Index("ix_notification_subject", "subject", postgresql_where=sa.text("thread_id IS NOT NULL")),
    comment="Feed of notifications for each professional, with their acknowledgements.",
)

_COLUMNS = ("professional_id", "organisation", "person_id", "kind", "subject", "occurred_at", "thread_id", "is_escalated")
_INSERT = Statement(insert(NOTIFICATION).values({name: sa.bindparam(name) for name in _COLUMNS}))
_IS_OPEN = sa.and_(NOTIFICATION.c.acknowledged_at.is_(None), NOTIFICATION.c.settled_at.is_(None))
_OPEN_THREAD = Statement(
    sa.select(NOTIFICATION.c.thread_id)
    .where(NOTIFICATION.c.subject == sa.bindparam("subject"), NOTIFICATION.c.kind == sa.bindparam("kind", type_=sa.Text))
    .where(NOTIFICATION.c.thread_id.is_not(None))
    .group_by(NOTIFICATION.c.thread_id)
    .having(sa.func.bool_and(_IS_OPEN))
    .limit(1)
)
_SETTLE = Statement(
    sa.update(NOTIFICATION)
    .where(NOTIFICATION.c.subject == any_of("subjects"), NOTIFICATION.c.thread_id.is_not(None))
    .where(_IS_OPEN)
    .values(settled_at=sa.bindparam("settled_at"))
    .returning(NOTIFICATION.c.thread_id)
)
_THREAD = Statement(
    sa.select(NOTIFICATION).where(NOTIFICATION.c.thread_id == sa.bindparam("thread_id")).order_by(NOTIFICATION.c.id).with_for_update()
)
_FIND = Statement(sa.select(NOTIFICATION).where(NOTIFICATION.c.id == sa.bindparam("notification_id")).with_for_update())
_ACKNOWLEDGE = Statement(
    sa.update(NOTIFICATION)
    .where(NOTIFICATION.c.id == sa.bindparam("notification_id"))
    .values(acknowledged_at=sa.bindparam("acknowledged_at"))
)


async def notify(tx: Tx, recipient: Professional, person_id: PersonId, kind: Kind, subject: UUID, occurred_at: datetime) -> None:
    """Adds a notification to the end of a professional's feed. One that needs an answer gets a deadline, or joins its open thread."""
    thread_id = await _thread_of(tx, person_id, kind, subject) if NEEDS_ANSWER[kind] else None
    await _add(tx, Notification(0, recipient.id, recipient.organisation, person_id, kind, subject, occurred_at, thread_id=thread_id))


async def escalate(tx: Tx, first: Notification) -> None:
    """Adds the notification to the end of the chair's feed, marked as escalated."""
    await _add(tx, replace(first, professional_id=tx.policy.chair.id, organisation=tx.policy.chair.organisation, is_escalated=True))


async def thread(tx: Tx, thread_id: UUID) -> list[Notification]:
    """A notification with its repetitions, the first one first, locked. Raises NotificationNotFound."""
    rows = await tx.fetch(_THREAD, thread_id=thread_id)
    if not rows:
        raise NotificationNotFound("No notification has this thread.")
    return [notification_of(row) for row in rows]


async def settle(tx: Tx, subjects: Collection[UUID]) -> None:
    """The matter of these plans, actions or cases is settled: their notifications need no answer, and are not repeated."""
    rows = await tx.fetch(_SETTLE, subjects=list(subjects), settled_at=tx.now) if subjects else []
    for row in rows:
        tx.cancel_deadlines(row["thread_id"], NotificationDeadline.ACKNOWLEDGEMENT)


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


async def _thread_of(tx: Tx, person_id: PersonId, kind: Kind, subject: UUID) -> UUID:
    """The thread without an answer, so that repetitions share one deadline; else a new one."""
    found: UUID | None = await tx.fetch_value(_OPEN_THREAD, subject=subject, kind=kind.value)
    if found:
        return found
    thread_id = new_id()
    tx.set_deadline(EventSubject(thread_id, person_id, thread_id), answer_deadline(tx.now, tx.policy))
    return thread_id


async def _add(tx: Tx, new: Notification) -> None:
    await tx.lock(f"notifications of {new.professional_id}")
    values = {name: getattr(new, name) for name in _COLUMNS}
    await tx.execute(_INSERT, **values | {"kind": new.kind.value})
