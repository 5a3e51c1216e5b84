"""The queue, one response, what whoever goes is told, and what the coordinator decides: take, give back, send."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi import Response as HttpResponse

from services.rapid_care import handlers
from services.rapid_care.api.auth import REFUSALS, Coordinator, Staff
from services.rapid_care.api.requests import Assignment, Decline
from services.rapid_care.api.responses import AssignedView, BriefingView, PersonStoryView, ResponseView
from services.rapid_care.domain.response import RESPONSE, ResponseNotFound
from services.rapid_care.domain.roster import ClinicianNotFound, ClinicianOffDuty, NoClinicianAvailable, SkillMissing
from services.rapid_care.queries import responses as queries
from services.rapid_care.queries.briefing import briefing, record
from services.rapid_care.queries.responses import ResponseFilter
from shared.kernel.errors import OrganisationNotInvolved, PersonRecordNotFound, StoryWithheld
from shared.kernel.target import Target
from shared.web.dependencies import IfMatch, Unit
from shared.web.pagination import decode_cursor, encode_cursor
from shared.web.problems import problems
from shared.web.responses import Action, Page, actions, json_response

router = APIRouter()

_MOST = 100


@router.get("/responses", responses=problems(OrganisationNotInvolved))
async def list_responses(
    caller: Staff,
    unit: Unit,
    *,
    status: ResponseFilter = ResponseFilter.WAITING,
    referral_id: UUID | None = None,
    after: Annotated[str | None, Query(alias="cursor")] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST)] = 50,
) -> Page[ResponseView]:
    """The queue, the most urgent first; of those that have ended, the latest first."""
    last = decode_cursor(after) if after else None
    async with unit.transaction(caller) as tx:
        found = await queries.queue(tx, status, after=last, most=limit + 1, referral_id=referral_id)
    items = [ResponseView.of(response, tx.policy, tx.now) for response in found[:limit]]
    following = encode_cursor(items[-1].due_at, items[-1].id) if len(found) > limit else None
    return Page(items=items, next=following)


@router.get("/responses/{response_id:uuid}", response_model=ResponseView, responses=problems(ResponseNotFound, OrganisationNotInvolved))
async def read_response(response_id: UUID, caller: Staff, unit: Unit) -> HttpResponse:
    """One response with its clock."""
    async with unit.audited_read(caller, response_id) as tx:
        response = await queries.response(tx, response_id)
    return json_response(ResponseView.of(response, tx.policy, tx.now))


@router.get("/responses/{response_id:uuid}/actions", responses=problems(ResponseNotFound, OrganisationNotInvolved))
async def response_actions(response_id: UUID, caller: Staff, unit: Unit, request: Request) -> list[Action]:  # noqa: ARG001  the scope counts
    """What may be done with it now."""
    async with unit.read_only() as reader:
        response = await queries.response(reader, response_id)
    return actions(request, response.status, [RESPONSE], response_id=response_id)


@router.get("/responses/{response_id:uuid}/briefing", responses=problems(ResponseNotFound, OrganisationNotInvolved))
async def read_briefing(response_id: UUID, caller: Staff, unit: Unit) -> BriefingView:
    """What whoever goes is told, as it is known now."""
    async with unit.audited_read(caller, response_id) as tx:
        response = await queries.response(tx, response_id)
        return BriefingView.of(await briefing(tx, response.person_id))


@router.get("/people/{person_id:uuid}/story", responses=problems(PersonRecordNotFound, StoryWithheld, OrganisationNotInvolved))
async def read_story(person_id: UUID, caller: Staff, unit: Unit) -> PersonStoryView:
    """What the person told once, from our own copy: nobody asks them again (AC1)."""
    async with unit.audited_read(caller, person_id) as tx:
        return PersonStoryView.of(person_id, await record(tx, person_id))


@router.post(
    "/responses/{response_id:uuid}/acceptance",
    name="AcceptResponse",
    response_model=ResponseView,
    responses=problems(ResponseNotFound, *REFUSALS),
)
async def accept_response(response_id: UUID, caller: Coordinator, version: IfMatch, unit: Unit) -> HttpResponse:
    """Rapid Care takes it."""
    async with unit.transaction(caller) as tx:
        response = await handlers.accept_response(Target(response_id, version), tx=tx)
    return json_response(ResponseView.of(response, tx.policy, tx.now))


@router.post(
    "/responses/{response_id:uuid}/decline",
    name="DeclineResponse",
    response_model=ResponseView,
    responses=problems(ResponseNotFound, *REFUSALS),
)
async def decline_response(response_id: UUID, body: Decline, caller: Coordinator, version: IfMatch, unit: Unit) -> HttpResponse:
    """Rapid Care gives it back to the Community Point of Access."""
    async with unit.transaction(caller) as tx:
        response = await handlers.decline_response(Target(response_id, version), body.command(), tx=tx)
    return json_response(ResponseView.of(response, tx.policy, tx.now))


@router.post(
    "/responses/{response_id:uuid}/assignment",
    name="AssignClinician",
    response_model=AssignedView,
    responses=problems(ResponseNotFound, ClinicianNotFound, ClinicianOffDuty, SkillMissing, NoClinicianAvailable, *REFUSALS),
)
async def assign_clinician(response_id: UUID, caller: Coordinator, version: IfMatch, unit: Unit, body: Assignment) -> HttpResponse:
    """Somebody goes; the answer tells what they must know, the crisis plan above all."""
    async with unit.transaction(caller) as tx:
        response = await handlers.assign_clinician(Target(response_id, version), body.command(), tx=tx)
        told = await briefing(tx, response.person_id)
    return json_response(AssignedView.shown(response, told, tx.policy, tx.now))
