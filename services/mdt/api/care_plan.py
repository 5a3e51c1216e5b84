"""Care plans over HTTP: the person's answer, reviews, and every version."""

from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

from fastapi import Request
from fastapi import Response as HttpResponse

from services.mdt import commands
from services.mdt.api.auth import REFUSALS, Decider, Professional, Reader
from services.mdt.api.responses import CarePlanView, PlanVersionView
from services.mdt.domain import care_plan as domain
from services.mdt.domain.lead import NotYourLead
from services.mdt.domain.permission import plan_commands
from services.mdt.domain.policy import Policy
from services.mdt.handlers import care_plan as handlers
from services.mdt.queries import care_plan as queries
from services.mdt.queries.access import require_person
from services.mdt.queries.lead import active_professional
from shared.access import Part
from shared.kernel.actor import Actor
from shared.kernel.errors import IllegalTransition, PartNotShared, StoryWithheld, VersionConflict
from shared.kernel.target import Target
from shared.persistence.transaction import Transaction
from shared.web.dependencies import IfMatch, Unit, UnitOfWork
from shared.web.problems import problems
from shared.web.requests import CommandModel, strict_router
from shared.web.responses import Action, json_response, links

router = strict_router(prefix="/mdt", tags=["care plans"])

_READ = problems(domain.CarePlanNotFound, PartNotShared, StoryWithheld)
_CHANGE = problems(domain.CarePlanNotFound, *REFUSALS)


class Fulfilment(CommandModel[commands.FulfilAction]):
    """The action that is done."""

    action_id: UUID


class PlanAnswerView(PlanVersionView):
    """A version with the person's answer; null until they answer."""

    is_agreed_by_person: bool | None


class WholePlanView(CarePlanView):
    """The plan with every offered version."""

    versions: list[PlanAnswerView]

    @classmethod
    def of(cls, plan: domain.CarePlan, answered: list[queries.PlanAnswer]) -> "WholePlanView":
        versions = [
            PlanAnswerView(**PlanVersionView.model_validate(each.version).model_dump(), is_agreed_by_person=each.is_agreed_by_person)
            for each in answered
        ]
        return cls(**CarePlanView.model_validate(plan).model_dump(), versions=versions)


@router.get("/care-plans/{care_plan_id:uuid}", response_model=CarePlanView, responses=_READ)
async def read_plan(care_plan_id: UUID, caller: Reader, unit: Unit) -> HttpResponse:
    """One plan."""
    async with unit.audited_read(caller, care_plan_id) as tx:
        plan = await queries.plan(tx, care_plan_id)
        await require_person(tx, plan.person_id, Part.PLAN, _unknown(care_plan_id))
    return json_response(CarePlanView.model_validate(plan))


@router.get("/people/{person_id:uuid}/care-plan", response_model=WholePlanView, responses=_READ)
async def read_plan_of_person(person_id: UUID, caller: Reader, unit: Unit) -> HttpResponse:
    """The person's open plan with every version; without one the newest closed plan."""
    async with unit.audited_read(caller, person_id) as tx:
        await require_person(tx, person_id, Part.PLAN, domain.CarePlanNotFound("The person has no care plan."))
        plan = await queries.plan_of_person(tx, person_id)
        versions = await queries.versions(tx, plan.id)
    return json_response(WholePlanView.of(plan, versions))


@router.get("/care-plans/{care_plan_id:uuid}/actions", responses=_READ)
async def plan_actions(care_plan_id: UUID, caller: Reader, unit: Unit, request: Request) -> list[Action]:
    """The commands that this caller may send now."""
    async with unit.audited_read(caller, care_plan_id) as tx:
        plan = await queries.plan(tx, care_plan_id)
        await require_person(tx, plan.person_id, Part.PLAN, _unknown(care_plan_id))
        lead = await active_professional(tx, plan.person_id)
    return links(request, plan_commands(plan, lead, caller, tx.policy), care_plan_id=care_plan_id)


@router.post("/care-plans/{care_plan_id:uuid}/agreement", name="AgreePlan", response_model=CarePlanView, responses=_CHANGE)
async def agree_plan(care_plan_id: UUID, caller: Decider, version: IfMatch, unit: Unit) -> HttpResponse:
    """The person agrees to the offered version."""
    return await _change(unit, caller, handlers.agree_plan, Target(care_plan_id, version))


@router.post("/care-plans/{care_plan_id:uuid}/decline", name="DeclinePlan", response_model=CarePlanView, responses=_CHANGE)
async def decline_plan(care_plan_id: UUID, caller: Decider, version: IfMatch, unit: Unit) -> HttpResponse:
    """The person declines the offered version; the review offers the plan again."""
    return await _change(unit, caller, handlers.decline_plan, Target(care_plan_id, version))


@router.post("/care-plans/{care_plan_id:uuid}/review", name="RequestReview", response_model=CarePlanView, responses=_CHANGE)
async def request_review(care_plan_id: UUID, caller: Decider, version: IfMatch, unit: Unit) -> HttpResponse:
    """Requests a review: the case is listed for the next agenda."""
    return await _change(unit, caller, handlers.request_review, Target(care_plan_id, version))


@router.post(
    "/care-plans/{care_plan_id:uuid}/action-fulfilment",
    name="FulfilAction",
    response_model=CarePlanView,
    responses=problems(
        domain.CarePlanNotFound, NotYourLead, domain.ActionUnknown, domain.ActionOwnedByNavigator, IllegalTransition, VersionConflict
    ),
)
async def fulfil_action(care_plan_id: UUID, body: Fulfilment, caller: Professional, version: IfMatch, unit: Unit) -> HttpResponse:
    """The person's lead records an action as done that is not a navigator's task; idempotent."""
    return await _change(unit, caller, handlers.fulfil_action, Target(care_plan_id, version), body.command())


async def _change(
    unit: UnitOfWork, caller: Actor, handler: Callable[..., Awaitable[domain.CarePlan]], target: Target, *command: object
) -> HttpResponse:
    require = partial(_require_plan, target.id)
    return await unit.change(caller, handler, target, *command, view=CarePlanView.model_validate, require=require)


async def _require_plan(care_plan_id: UUID, tx: Transaction[Policy]) -> None:
    plan = await queries.plan(tx, care_plan_id)
    await require_person(tx, plan.person_id, unknown=_unknown(care_plan_id))


def _unknown(care_plan_id: UUID) -> domain.CarePlanNotFound:
    return domain.CarePlanNotFound(f"No care plan has the id {care_plan_id}.")
