"""The diary and the agenda."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from services.mdt.domain.agenda import AgendaItem, in_order
from services.mdt.domain.case import Status
from services.mdt.domain.meeting import Meeting, MeetingNotFound
from services.mdt.domain.table_16 import Standing
from services.mdt.store.case import CASE, cases
from services.mdt.store.crisis import CRISIS
from services.mdt.store.meeting import MEETING, meetings
from services.mdt.store.standing import standings
from services.mdt.store.tables import Tx
from shared.persistence.platform import INSTANT
from shared.persistence.statements import Reader, Statement

_DIARY = Statement(
    sa.select(MEETING)
    .where(MEETING.c.starts_at > sa.bindparam("after", type_=INSTANT))
    .order_by(MEETING.c.starts_at)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_LISTED = Statement(sa.select(CASE).where(CASE.c.meeting_id == sa.bindparam("meeting_id"), CASE.c.status == Status.LISTED.value))
_CRISES = Statement(sa.select(CRISIS).where(CRISIS.c.person_id == sa.any_(sa.bindparam("person_ids", type_=sa.ARRAY(sa.Uuid)))))


async def meeting(reader: Reader, meeting_id: UUID) -> Meeting:
    """Raises MeetingNotFound."""
    found = await meetings.find(reader, meeting_id)
    if found is None:
        raise MeetingNotFound(f"There is no meeting {meeting_id}.")
    return found


async def diary(reader: Reader, *, after: datetime, most: int) -> list[Meeting]:
    return [meetings.of(row) for row in await reader.fetch(_DIARY, after=after, most=most)]


async def agenda(tx: Tx, meeting_id: UUID) -> list[AgendaItem]:
    """What the meeting still has to discuss, in its order."""
    listed = [cases.of(row) for row in await tx.fetch(_LISTED, meeting_id=meeting_id)]
    person_ids = [case.person_id for case in listed]
    levels = await standings(tx, person_ids)
    crises = {row["person_id"]: row["last_at"] for row in await tx.fetch(_CRISES, person_ids=person_ids)}
    items = [AgendaItem(case, levels.get(case.person_id, Standing()), crises.get(case.person_id)) for case in listed]
    return in_order(items, now=tx.now, recent=tx.policy.crisis_is_recent_for)
