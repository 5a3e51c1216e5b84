"""The diary: the table of meetings, and the lock for slots on agendas."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.mdt.domain.meeting import Meeting, MeetingNotFound
from services.mdt.store.tables import METADATA, Tx
from shared.persistence.batching.batch_repository import BatchRepository
from shared.persistence.schema import INSTANT

MEETING = sa.Table(
    "meeting",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("correlation_id", sa.Uuid, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("week", sa.Date, nullable=False, unique=True),
    sa.Column("starts_at", INSTANT, nullable=False, index=True),
    sa.Column("cut_off_at", INSTANT, nullable=False),
    sa.Column("attended", JSONB, nullable=False),
    sa.Column("cancelled_because", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    comment="Weekly meetings with cut-off, attendance and status.",
)

meetings = BatchRepository(Meeting, MEETING, topic="mdt.meeting", key=lambda meeting: meeting.id, not_found=MeetingNotFound)


async def lock_diary(tx: Tx) -> None:
    """Serialises transactions that assign slots or schedule meetings, so that slots are counted correctly.

    A batch of referrals holds the lock until its commit. Take it before any case is locked; the fixed order prevents deadlocks.
    """
    await tx.lock("diary")
