"""Cases over HTTP: referral, screening, deferral, step-down, closure. The discussion has its own module."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Literal, TypeAlias
from uuid import UUID

from fastapi import Request
from fastapi import Response as HttpResponse

from services.mdt import commands
from services.mdt.api.auth import REFUSALS, Coordinator, Cursor, Decider, Limit, Member, Reader
from services.mdt.api.responses import CaseView, ListedCaseView
from services.mdt.domain import case as domain
from services.mdt.domain.access import NotMdtMember
from services.mdt.domain.care_plan import Status as PlanStatus
from services.mdt.domain.case_end import CaseHasPlan, CaseNotDiscussed, DestinationMissing, NoOtherCase, OtherCaseWithoutPlan
from services.mdt.domain.permission import case_commands
from services.mdt.domain.risk_importer import OwnImport
from services.mdt.handlers import case as handlers
from services.mdt.queries import case as queries
from services.mdt.queries.access import require_person, require_reviewer
from shared.access import Part
from shared.contracts.codes import Locality, ScreeningOutcome, StepDown
from shared.contracts.input_types import Flag, PracticeCode
from shared.contracts.mdt import CaseCloseReason, Destination
from shared.contracts.meeting_reasons import DeferReason, RedirectReason
from shared.kernel.actor import Actor
from shared.kernel.errors import PartNotShared, PersonRecordNotFound, StoryWithheld
from shared.kernel.target import Target
from shared.persistence.transaction import NOTHING_FOUND, Transaction
from shared.web.dependencies import IdempotencyHeader, IfMatch, Unit, UnitOfWork
from shared.web.pagination import decode_cursor, encode_cursor
from shared.web.problems import problems
from shared.web.requests import CommandModel, strict_router
from shared.web.responses import Action, Page, changed, created, json_response, links, named

router = strict_router(prefix="/mdt", tags=["cases"])

CaseHandler: TypeAlias = Callable[..., Awaitable[domain.Case]]


class CaseFound(CommandModel[commands.ReferCase]):
    """A person of case finding who becomes a case without a referral."""

    person_id: UUID
    practice_code: PracticeCode
    locality: Locality | None = None
    is_urgent: Flag = False


class Screening(CommandModel[commands.ScreenCase]):
    """A case that is not eligible needs a `destination` and a `reason`. `is_urgent` corrects the urgency of the referral."""

    outcome: ScreeningOutcome
    is_urgent: Flag | None = None
    needs_mental_health: Flag = False
    destination: Destination | None = None
    reason: RedirectReason = RedirectReason.STANDARD_MEASURES_SUFFICE


class Deferral(CommandModel[commands.DeferCase]):
    reason: DeferReason


class StepDownBody(CommandModel[commands.StepDownCase]):
    destination: StepDown


class Closure(CommandModel[commands.CloseCase]):
    """A withdrawn referral ends its case without a request. The referrals of a duplicate follow the other case of the person."""

    reason: Literal[
        CaseCloseReason.DIED,
        CaseCloseReason.MOVED_AWAY,
        CaseCloseReason.DECLINED_BY_PERSON,
        CaseCloseReason.NEEDS_MET,
        CaseCloseReason.DUPLICATE,
    ]


@router.get("/cases", responses=problems(NotMdtMember))
async def list_cases(
    caller: Member,
    unit: Unit,
    *,
    status: domain.Status | None = None,
    care_plan_status: PlanStatus | None = None,
    person_id: UUID | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ListedCaseView]:
    """Cases of one status, with a plan of one status, of one person, or all; the oldest referral first.

    Each person on a page is audited as read.
    """
    last = decode_cursor(cursor) if cursor else None
    async with unit.transaction(caller) as tx:
        cases = await queries.cases_where(tx, status=status, plan_status=care_plan_status, person_id=person_id, after=last, limit=limit + 1)
        items = await _listed(tx, cases[:limit])
        if person_id is not None and not cases:
            tx.audit(person_id, refusal=NOTHING_FOUND)
    following = encode_cursor(items[-1].referred_at, items[-1].id) if len(cases) > limit else None
    return Page(items=items, next=following)


@router.get("/cases/{case_id:uuid}", response_model=CaseView, responses=problems(domain.CaseNotFound, PartNotShared, StoryWithheld))
async def read_case(case_id: UUID, caller: Reader, unit: Unit) -> HttpResponse:
    """One case, with its row of Table 16."""
    async with unit.audited_read(caller, case_id) as tx:
        case = await queries.case(tx, case_id)
        await require_person(tx, case.person_id, Part.PLAN, domain.CaseNotFound(f"No case has the id {case_id}."))
        [known] = await queries.with_context(tx, [case])
    return json_response(CaseView.of(*known))


@router.get("/cases/{case_id:uuid}/actions", responses=problems(domain.CaseNotFound, NotMdtMember))
async def case_actions(case_id: UUID, caller: Member, unit: Unit, request: Request) -> list[Action]:
    """The commands that this caller may send now."""
    async with unit.audited_read(caller, case_id) as tx:
        case = await queries.case(tx, case_id)
        await require_person(tx, case.person_id, Part.PLAN, domain.CaseNotFound(f"No case has the id {case_id}."))
        meetings = await queries.meetings_of(tx, case)
    return links(request, case_commands(case, meetings, caller, tx.policy), case_id=case_id)


@router.post(
    "/cases",
    name="ReferCase",
    status_code=201,
    response_model=CaseView,
    responses=problems(PersonRecordNotFound, domain.CaseAlreadyOpen, NotMdtMember, OwnImport),
)
async def refer_case(body: CaseFound, caller: Coordinator, key: IdempotencyHeader, unit: Unit) -> HttpResponse:
    """Opens a case without a referral; a coordinator has reviewed the person (G54), whom the meeting knows.

    A member of staff opens no case of a person whose score they imported.
    """
    require = partial(require_reviewer, person_id=body.person_id)
    async with unit.repeatable(caller, body.person_id, require, key=key) as tx:
        case = await handlers.refer_case(body.command(), tx=tx)
        view = CaseView.of(case, await queries.standing_of(tx, case.person_id))
        return created(tx, view, f"/mdt/cases/{case.id}")


@router.post(
    "/cases/{case_id:uuid}/screening",
    name="ScreenCase",
    response_model=CaseView,
    responses=problems(domain.CaseNotFound, DestinationMissing, CaseHasPlan, *REFUSALS),
)
async def screen_case(case_id: UUID, body: Screening, caller: Coordinator, version: IfMatch, unit: Unit) -> HttpResponse:
    """An eligible case takes the next free slot on an agenda; any other goes to its destination. A listed case may be screened again."""
    return await run_command(unit, caller, handlers.screen_case, Target(case_id, version), body.command())


@router.post(
    "/cases/{case_id:uuid}/deferral",
    name="DeferCase",
    response_model=CaseView,
    responses=problems(domain.CaseNotFound, domain.DeferredTooOften, *REFUSALS),
)
async def defer_case(case_id: UUID, body: Deferral, caller: Coordinator, version: IfMatch, unit: Unit) -> HttpResponse:
    """Moves the case to the next meeting, with its priority."""
    return await run_command(unit, caller, handlers.defer_case, Target(case_id, version), body.command())


@router.post(
    "/cases/{case_id:uuid}/step-down", name="StepDownCase", response_model=CaseView, responses=problems(domain.CaseNotFound, *REFUSALS)
)
async def step_down_case(case_id: UUID, body: StepDownBody, caller: Decider, version: IfMatch, unit: Unit) -> HttpResponse:
    """Another service continues; the plan, its reviews and the lead stay."""
    return await run_command(unit, caller, handlers.step_down_case, Target(case_id, version), body.command())


@router.post(
    "/cases/{case_id:uuid}/closure",
    name="CloseCase",
    response_model=CaseView,
    responses=problems(domain.CaseNotFound, CaseNotDiscussed, NoOtherCase, OtherCaseWithoutPlan, *REFUSALS),
)
async def close_case(case_id: UUID, body: Closure, caller: Decider, version: IfMatch, unit: Unit) -> HttpResponse:
    """Ends case, plan and lead together."""
    return await run_command(unit, caller, handlers.close_case, Target(case_id, version), body.command())


async def run_command(unit: UnitOfWork, caller: Actor, handler: CaseHandler, target: Target, command: object) -> HttpResponse:
    """Runs the command in one repeatable transaction; the response is the case with its person's risk. A stranger learns of no case."""
    async with unit.repeatable(caller, target.id, partial(_require_case, target.id)) as tx:
        case = await handler(target, command, tx=tx)
        [known] = await queries.with_context(tx, [case])
        return changed(tx, CaseView.of(*known))


async def _require_case(case_id: UUID, tx: Transaction[Any]) -> None:
    case = await queries.case(tx, case_id)
    await require_person(tx, case.person_id, unknown=domain.CaseNotFound(f"No case has the id {case_id}."))


async def _listed(tx: Transaction[Any], page: Sequence[domain.Case]) -> list[ListedCaseView]:
    """The cases of a page with the names of their people, each of whom is audited as read."""
    tx.audit_all(case.person_id for case in page)
    names = await queries.names(tx, page)
    views = [CaseView.of(*known) for known in await queries.with_context(tx, page)]
    return [named(ListedCaseView, view, names.get(view.person_id)) for view in views]
