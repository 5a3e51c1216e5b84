"""The queue, one response, its briefing, and the coordinator's commands: accept, decline, assign, hand back, answer a second call."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from fastapi import Response as HttpResponse

from services.rapid_care import commands
from services.rapid_care.api.auth import REFUSALS, Coordinator, Staff
from services.rapid_care.api.presenter import run_command
from services.rapid_care.api.requests import Assignment, Decline
from services.rapid_care.api.responses import AssignedView, BriefingView, DeclinedView, ListedResponseView, PersonStoryView, ResponseView
from services.rapid_care.domain.response import Response, ResponseNotFound, offered
from services.rapid_care.domain.roster import ClinicianNotFound, ClinicianOffDuty, NoClinicianAvailable, SkillMissing
from services.rapid_care.handlers import response as handlers
from services.rapid_care.handlers.crisis_view import open_for_crisis
from services.rapid_care.queries import onward
from services.rapid_care.queries import responses as queries
from services.rapid_care.queries.briefing import UNKNOWN, briefing, merged_into, record
from services.rapid_care.queries.responses import Attention, ResponseFilter, Selection, require_person, require_response
from shared.access import Part
from shared.contracts.event import Code
from shared.kernel.errors import OrganisationNotInvolved, PersonRecordNotFound, StoryWithheld
from shared.kernel.target import Target
from shared.persistence.transaction import Transaction
from shared.web.dependencies import IfMatch, Unit
from shared.web.pagination import decode_cursor, encode_cursor
from shared.web.problems import problems
from shared.web.requests import strict_router
from shared.web.responses import Action, Page, json_response, links, named

router = strict_router(prefix="/rapid-care", tags=["rapid-care"])

_MAX_LIMIT = 100


@router.get("/responses", response_model=Page[ListedResponseView], responses=problems(OrganisationNotInvolved))
async def list_responses(
    caller: Staff,
    unit: Unit,
    *,
    status: Annotated[ResponseFilter | None, Query(description="Without it `waiting`, or with `attention` `open`")] = None,
    attention: Annotated[Attention | None, Query(description="Only responses that need the coordinator for this reason")] = None,
    clinician_id: Code | None = None,
    referral_id: UUID | None = None,
    cursor: Annotated[str | None, Query(max_length=200, description="`next` of the previous page")] = None,
    limit: Annotated[int, Query(ge=1, le=_MAX_LIMIT)] = 50,
) -> HttpResponse:
    """The queue, the earliest deadline first; of ended responses, the latest deadline first.

    The work list of the coordinator is `attention=any`, that of a clinician `clinician_id` with `status=open`. A response is listed until
    28 days (`access_lasts`) after its end. Each person on a page is audited as read.
    """
    after = decode_cursor(cursor) if cursor else None
    selection = Selection(status or (ResponseFilter.OPEN if attention else ResponseFilter.WAITING), attention, clinician_id, referral_id)
    async with unit.transaction(caller) as tx:
        responses = await queries.list_responses(tx, selection, after=after, limit=limit + 1)
        items = await _listed(tx, responses[:limit])
    following = encode_cursor(items[-1].due_at, items[-1].id) if len(responses) > limit else None
    return json_response(Page[ListedResponseView](items=items, next=following))


@router.get("/responses/{response_id:uuid}", response_model=ResponseView, responses=problems(ResponseNotFound, OrganisationNotInvolved))
async def read_response(response_id: UUID, caller: Staff, unit: Unit) -> HttpResponse:
    """One response with its clock."""
    async with unit.audited_read(caller, response_id) as tx:
        response, _ = await require_response(tx, response_id)
        answers = await onward.answers(tx, [response_id])
        policy, now = tx.policy, tx.now
    return json_response(ResponseView.of(response, policy, now, answers[response_id]))


@router.get("/responses/{response_id:uuid}/actions", responses=problems(ResponseNotFound, OrganisationNotInvolved))
async def response_actions(response_id: UUID, caller: Staff, unit: Unit, request: Request) -> list[Action]:
    """The commands that the response permits to this caller now."""
    async with unit.audited_read(caller, response_id) as tx:
        response, _ = await require_response(tx, response_id)
        may_act = await queries.may_act(tx, response)
    return links(request, offered(response, caller) if may_act else [], response_id=response_id)


@router.get("/responses/{response_id:uuid}/briefing", responses=problems(ResponseNotFound, OrganisationNotInvolved))
async def read_briefing(response_id: UUID, caller: Staff, unit: Unit) -> BriefingView:
    """The present briefing of the clinician who goes.

    While the two-hour clock runs, it opens a withheld story by an act of break-glass that is reviewed. Otherwise that story is absent.
    """
    await unit.act(caller, _open_briefing, response_id)
    async with unit.audited_read(caller, response_id) as tx:
        response, access = await require_response(tx, response_id)
        current = await briefing(tx, response, access)
    return BriefingView.of(current, response)


@router.get("/people/{person_id:uuid}/story", responses=problems(PersonRecordNotFound, StoryWithheld, OrganisationNotInvolved))
async def read_story(person_id: UUID, caller: Staff, unit: Unit) -> PersonStoryView:
    """The person's story from the projection, so that the person is not asked for it again (AC1).

    While the two-hour clock runs, the read opens a withheld story by an act of break-glass that is reviewed.
    """
    unknown = PersonRecordNotFound(UNKNOWN)
    await unit.act(caller, _open_story, person_id, unknown)
    async with unit.audited_read(caller, person_id) as tx:
        (await require_person(tx, person_id, unknown)).require(Part.STORY, unknown)
        person, survivor_id = await record(tx, person_id), await merged_into(tx, person_id)
    return PersonStoryView.of(person_id, person, survivor_id)


@router.post(
    "/responses/{response_id:uuid}/acceptance",
    name="AcceptResponse",
    response_model=ResponseView,
    responses=problems(ResponseNotFound, *REFUSALS),
)
async def accept_response(response_id: UUID, caller: Coordinator, version: IfMatch, unit: Unit) -> HttpResponse:
    """Rapid Care accepts the response."""
    return await run_command(unit, caller, handlers.accept_response, Target(response_id, version), commands.AcceptResponse(), is_bare=True)


@router.post(
    "/responses/{response_id:uuid}/decline",
    name="DeclineResponse",
    response_model=DeclinedView,
    responses=problems(ResponseNotFound, *REFUSALS),
)
async def decline_response(response_id: UUID, body: Decline, caller: Coordinator, version: IfMatch, unit: Unit) -> HttpResponse:
    """Rapid Care returns the referral to the Community Point of Access.

    When the reason is danger to life, `alternative_service` of the answer names the service to call.
    """
    return await run_command(unit, caller, handlers.decline_response, Target(response_id, version), body.command(), view=_with_advice)


@router.post(
    "/responses/{response_id:uuid}/assignment",
    name="AssignClinician",
    response_model=AssignedView,
    responses=problems(ResponseNotFound, ClinicianNotFound, ClinicianOffDuty, SkillMissing, NoClinicianAvailable, *REFUSALS),
)
async def assign_clinician(response_id: UUID, caller: Coordinator, version: IfMatch, unit: Unit, body: Assignment) -> HttpResponse:
    """A clinician has the response, also in place of another one. The answer contains the briefing with the crisis plan."""
    target = Target(response_id, version)
    return await run_command(unit, caller, handlers.assign_clinician, target, body.command(), view=_with_briefing)


@router.post(
    "/responses/{response_id:uuid}/hand-back",
    name="HandBackResponse",
    response_model=ResponseView,
    responses=problems(ResponseNotFound, *REFUSALS),
)
async def hand_back_response(response_id: UUID, caller: Staff, version: IfMatch, unit: Unit) -> HttpResponse:
    """The clinician cannot go on, and a coordinator assigns another one; the deadline of the clock stays."""
    target = Target(response_id, version)
    return await run_command(unit, caller, handlers.hand_back_response, target, commands.HandBackResponse(), is_bare=True)


@router.post(
    "/responses/{response_id:uuid}/call-answer",
    name="AnswerCall",
    response_model=ResponseView,
    responses=problems(ResponseNotFound, *REFUSALS),
)
async def answer_call(response_id: UUID, caller: Staff, version: IfMatch, unit: Unit) -> HttpResponse:
    """Rapid Care has taken note of a second urgent call about the person, and acts on it within the response."""
    return await run_command(unit, caller, handlers.answer_call, Target(response_id, version), commands.AnswerCall(), is_bare=True)


async def _open_briefing(response_id: UUID, *, tx: Transaction[Any]) -> None:
    response, access = await require_response(tx, response_id)
    await open_for_crisis(response.person_id, access, tx=tx)


async def _open_story(person_id: UUID, unknown: PersonRecordNotFound, *, tx: Transaction[Any]) -> None:
    await open_for_crisis(person_id, await require_person(tx, person_id, unknown), tx=tx)


async def _with_advice(tx: Transaction[Any], response: Response) -> DeclinedView:
    return DeclinedView.advising(response, await queries.emergency_alternative(tx, response), tx.policy, tx.now)


async def _with_briefing(tx: Transaction[Any], response: Response) -> AssignedView:
    _, access = await require_response(tx, response.id)
    current = await briefing(tx, response, await open_for_crisis(response.person_id, access, tx=tx))
    return AssignedView.with_briefing(response, current, tx.policy, tx.now)


async def _listed(tx: Transaction[Any], page: Sequence[Response]) -> list[ListedResponseView]:
    """The responses of a page with the names of their people, each of whom is audited as read."""
    tx.audit_all(response.person_id for response in page)
    names, answers = await queries.names(tx, page), await onward.answers(tx, [response.id for response in page])
    views = [ResponseView.of(response, tx.policy, tx.now, answers[response.id]) for response in page]
    return [named(ListedResponseView, view, names.get(view.person_id)) for view in views]
