"""The diary, agendas and discussions."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from pydantic import TypeAdapter

from services.mdt.domain.agenda import AgendaItem, in_order
from services.mdt.domain.care_plan import PlanVersion
from services.mdt.domain.case import Status
from services.mdt.domain.meeting import UNRECORDED, Meeting, MeetingNotFound
from services.mdt.store.agenda import items_of
from services.mdt.store.care_plan import CARE_PLAN, CARE_PLAN_VERSION
from services.mdt.store.case import CASE, cases
from services.mdt.store.meeting import MEETING, meetings
from services.mdt.store.relationships import IS_SEEN
from services.mdt.store.tables import Tx
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement

_DIARY = Statement(
    sa.select(MEETING)
    .where(
        sa.tuple_(MEETING.c.starts_at, MEETING.c.id)
        > sa.tuple_(sa.bindparam("starts_at", type_=INSTANT), sa.bindparam("last", type_=sa.Uuid))
    )
    .order_by(MEETING.c.starts_at, MEETING.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_UNRECORDED = Statement(
    sa.select(sa.func.min(MEETING.c.starts_at)).where(sa.or_(*(MEETING.c.status == status.value for status in UNRECORDED)))
)
_LISTED = Statement(sa.select(CASE).where(CASE.c.meeting_id == sa.bindparam("meeting_id"), CASE.c.status == Status.LISTED.value))
_DISCUSSED = Statement(
    sa.select(CARE_PLAN_VERSION, CARE_PLAN.c.person_id)
    .join(CARE_PLAN, CARE_PLAN.c.id == CARE_PLAN_VERSION.c.care_plan_id)
    .join(CASE, CASE.c.id == CARE_PLAN_VERSION.c.case_id)
    .where(CARE_PLAN_VERSION.c.meeting_id == sa.bindparam("meeting_id"), IS_SEEN)
    .order_by(CARE_PLAN_VERSION.c.offered_at, CARE_PLAN_VERSION.c.care_plan_id)
)
_VERSION: TypeAdapter[PlanVersion] = TypeAdapter(PlanVersion)


@dataclass(frozen=True, slots=True)
class DiscussedPlan:
    """The plan version of one discussion, with the person's answer; None until they answer."""

    person_id: UUID
    case_id: UUID
    care_plan_id: UUID
    version: PlanVersion
    is_agreed_by_person: bool | None


async def meeting(reader: ReadSession, meeting_id: UUID) -> Meeting:
    """Raises MeetingNotFound."""
    found = await meetings.find(reader, meeting_id)
    if found is None:
        raise MeetingNotFound(f"No meeting has the id {meeting_id}.")
    return found


async def diary_start(reader: ReadSession, since: datetime) -> datetime:
    """The start of the diary: `since`, or the earlier start of a meeting whose attendance is not recorded."""
    return min(since, await reader.fetch_value(_UNRECORDED) or since)


async def diary(reader: ReadSession, *, after: tuple[datetime, UUID], limit: int) -> list[Meeting]:
    """The meetings that follow a start and an id, the soonest first."""
    starts_at, last = after
    return [meetings.from_row(row) for row in await reader.fetch(_DIARY, starts_at=starts_at, last=last, limit=limit)]


async def agenda(tx: Tx, meeting_id: UUID) -> list[AgendaItem]:
    """The listed cases in the order of the agenda."""
    listed = [cases.from_row(row) for row in await tx.fetch(_LISTED, meeting_id=meeting_id)]
    return in_order(await items_of(tx, listed), now=tx.now, recent=tx.policy.crisis_is_recent_for)


async def discussed(tx: Tx, meeting_id: UUID) -> list[DiscussedPlan]:
    """The discussions of the meeting whose cases are open or closed recently, in the order of recording."""
    rows = await tx.fetch(_DISCUSSED, meeting_id=meeting_id, closed_after=tx.now - tx.policy.access_lasts)
    same = ("person_id", "case_id", "care_plan_id", "is_agreed_by_person")
    return [DiscussedPlan(version=_VERSION.validate_python(row["content"]), **{name: row[name] for name in same}) for row in rows]
