"""The diary and the agenda over HTTP."""

from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Request
from fastapi import Response as HttpResponse
from pydantic import Field

from services.mdt import commands
from services.mdt.api.auth import REFUSALS, Coordinator, Cursor, Limit, Member
from services.mdt.api.responses import CaseView, PlanVersionView
from services.mdt.domain import meeting as domain
from services.mdt.domain.access import NotMdtMember
from services.mdt.domain.agenda import AgendaItem
from services.mdt.domain.permission import meeting_commands
from services.mdt.handlers import meeting as handlers
from services.mdt.queries import meeting as queries
from shared.contracts.codes import Role
from shared.contracts.meeting_reasons import MeetingCancelReason
from shared.kernel.target import Target
from shared.web.dependencies import IfMatch, Unit
from shared.web.pagination import decode_cursor, encode_cursor
from shared.web.problems import problems
from shared.web.requests import CommandModel, strict_router
from shared.web.responses import Action, Page, ResponseModel, VersionedResponse, json_response, links

router = strict_router(prefix="/mdt", tags=["meetings"])

_ONE_DAY = timedelta(days=1)


class Attendance(CommandModel[commands.HoldMeeting]):
    attended: Annotated[tuple[Role, ...], Field(max_length=len(Role))]


class Cancellation(CommandModel[commands.CancelMeeting]):
    reason: MeetingCancelReason


class MeetingView(VersionedResponse):
    """`week` is the Monday of the meeting's ISO week."""

    id: UUID
    status: domain.Status
    week: date
    starts_at: datetime
    cut_off_at: datetime
    attended: tuple[Role, ...]
    cancelled_because: str | None


class AgendaItemView(ResponseModel):
    """A listed case, and the person's last crisis, which raises its rank."""

    position: int
    crisis_at: datetime | None
    case: CaseView

    @classmethod
    def of(cls, position: int, item: AgendaItem) -> "AgendaItemView":
        return cls(
            position=position, crisis_at=item.crisis_at, case=CaseView.of(item.case, item.standing, other_case_ids=item.other_case_ids)
        )


class AgendaView(ResponseModel):
    meeting: MeetingView
    items: list[AgendaItemView]


class DiscussedView(ResponseModel):
    """The plan version of one discussion, with the person's answer; null until they answer."""

    person_id: UUID
    case_id: UUID
    care_plan_id: UUID
    version: PlanVersionView
    is_agreed_by_person: bool | None


@router.get("/meetings", responses=problems(NotMdtMember))
async def list_meetings(caller: Member, unit: Unit, cursor: Cursor = None, limit: Limit = 20) -> Page[MeetingView]:
    """The diary from yesterday on, or from the first meeting whose attendance is not recorded; the soonest meeting first."""
    last = decode_cursor(cursor) if cursor else None
    async with unit.transaction(caller) as tx:
        after = last or (await queries.diary_start(tx, tx.now - _ONE_DAY), UUID(int=0))
        meetings = await queries.diary(tx, after=after, limit=limit + 1)
    items = [MeetingView.model_validate(meeting) for meeting in meetings[:limit]]
    return Page(items=items, next=encode_cursor(items[-1].starts_at, items[-1].id) if len(meetings) > limit else None)


@router.get("/meetings/{meeting_id:uuid}", response_model=MeetingView, responses=problems(domain.MeetingNotFound, NotMdtMember))
async def read_meeting(meeting_id: UUID, caller: Member, unit: Unit) -> HttpResponse:  # noqa: ARG001  the scope counts
    """One meeting."""
    async with unit.read_only() as reader:
        meeting = await queries.meeting(reader, meeting_id)
    return json_response(MeetingView.model_validate(meeting))


@router.get("/meetings/{meeting_id:uuid}/agenda", responses=problems(domain.MeetingNotFound, NotMdtMember))
async def read_agenda(meeting_id: UUID, caller: Member, unit: Unit) -> AgendaView:
    """The listed cases in order of deferred and urgent, risk level, high climber, recent crisis, age of referral.

    Each person on it is audited as read.
    """
    async with unit.audited_read(caller, meeting_id) as tx:
        meeting = await queries.meeting(tx, meeting_id)
        items = await queries.agenda(tx, meeting_id)
        tx.audit_all(item.case.person_id for item in items)
    views = [AgendaItemView.of(position, item) for position, item in enumerate(items, 1)]
    return AgendaView(meeting=MeetingView.model_validate(meeting), items=views)


@router.get("/meetings/{meeting_id:uuid}/discussions", responses=problems(domain.MeetingNotFound, NotMdtMember))
async def read_discussions(meeting_id: UUID, caller: Member, unit: Unit) -> list[DiscussedView]:
    """The minutes of the meeting: its discussions, in the order of recording. Each person in them is audited as read."""
    async with unit.audited_read(caller, meeting_id) as tx:
        await queries.meeting(tx, meeting_id)
        discussions = await queries.discussed(tx, meeting_id)
        tx.audit_all(each.person_id for each in discussions)
    return [DiscussedView.model_validate(each) for each in discussions]


@router.get("/meetings/{meeting_id:uuid}/actions", responses=problems(domain.MeetingNotFound, NotMdtMember))
async def meeting_actions(meeting_id: UUID, caller: Member, unit: Unit, request: Request) -> list[Action]:
    """The commands that this caller may send now."""
    async with unit.transaction(caller) as tx:
        meeting = await queries.meeting(tx, meeting_id)
    return links(request, meeting_commands(meeting, caller, tx.now, tx.policy), meeting_id=meeting_id)


@router.post(
    "/meetings/{meeting_id:uuid}/attendance",
    name="HoldMeeting",
    response_model=MeetingView,
    responses=problems(domain.MeetingNotFound, domain.MeetingNotStarted, domain.NotQuorate, *REFUSALS),
)
async def hold_meeting(meeting_id: UUID, body: Attendance, caller: Coordinator, version: IfMatch, unit: Unit) -> HttpResponse:
    """Records the attending roles, which decisions require; later arrivals are added."""
    return await unit.change(caller, handlers.hold_meeting, Target(meeting_id, version), body.command(), view=MeetingView.model_validate)


@router.post(
    "/meetings/{meeting_id:uuid}/cancellation",
    name="CancelMeeting",
    response_model=MeetingView,
    responses=problems(domain.MeetingNotFound, *REFUSALS),
)
async def cancel_meeting(meeting_id: UUID, body: Cancellation, caller: Coordinator, version: IfMatch, unit: Unit) -> HttpResponse:
    """Cancels the meeting; its cases move to the next one in their order."""
    return await unit.change(caller, handlers.cancel_meeting, Target(meeting_id, version), body.command(), view=MeetingView.model_validate)
