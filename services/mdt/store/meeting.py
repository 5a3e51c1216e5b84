"""The diary: the table of meetings, and the lock under which places on agendas are given."""

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
    """One transaction at a time gives places or makes meetings, so nothing is counted wrong: about five a week, each in a moment.

    A batch of referrals has it until all of them are done, and whoever lists meanwhile waits for that. Taken before any case is
    locked, so that two who list cannot wait for each other.
    """
    await tx.lock("diary")
