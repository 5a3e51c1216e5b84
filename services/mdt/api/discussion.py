"""A discussion over HTTP: plan, lead and actions of one person in one request."""

from uuid import UUID

from fastapi import Response as HttpResponse

from services.mdt.api.auth import REFUSALS, Decider
from services.mdt.api.case import run_command
from services.mdt.api.requests import Discussion
from services.mdt.api.responses import CaseView
from services.mdt.domain.care_plan import ActionUnknown
from services.mdt.domain.case import ActionDueInPast, ActionMissing, CaseNotFound, CaseNotOnAgenda, JointPlanMissing, LeadMissing
from services.mdt.domain.lead import LeadAlreadyActive, LeadPracticeUnconfirmed, LeadPracticeUnknown
from services.mdt.domain.meeting import MeetingNotFound, MeetingNotStarted, NotQuorate
from services.mdt.domain.table_16 import LeadNotAllowed
from services.mdt.handlers.discussion import discuss_case
from shared.kernel.date_limits import DateOutOfLimits
from shared.kernel.service_codes import ServiceUnknown
from shared.kernel.target import Target
from shared.web.dependencies import IfMatch, Unit
from shared.web.problems import problems
from shared.web.requests import strict_router

router = strict_router(prefix="/mdt", tags=["cases"])

_MEETING = (MeetingNotFound, MeetingNotStarted, NotQuorate, CaseNotOnAgenda)
_CONTENT = (
    JointPlanMissing,
    LeadMissing,
    ActionMissing,
    ActionDueInPast,
    DateOutOfLimits,
    ServiceUnknown,
    ActionUnknown,
    LeadNotAllowed,
    LeadPracticeUnknown,
    LeadPracticeUnconfirmed,
    LeadAlreadyActive,
)


@router.post(
    "/cases/{case_id:uuid}/discussion",
    name="DiscussCase",
    response_model=CaseView,
    responses=problems(CaseNotFound, *_MEETING, *_CONTENT, *REFUSALS),
)
async def discuss(case_id: UUID, body: Discussion, caller: Decider, version: IfMatch, unit: Unit) -> HttpResponse:
    """Records a joint plan, an accountable lead and at least one action; requires the meeting's attendance.

    A later discussion makes the plan's next version.
    """
    return await run_command(unit, caller, discuss_case, Target(case_id, version), body.command())
