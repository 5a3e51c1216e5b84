"""Tasks as they are read: one with everything around it, its history, what waits, what needs attention, and how tasks ended."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from services.navigation.api.auth import Coordinator, Cursor, Limit, Staff
from services.navigation.api.responses import OutcomeCount, StepView, TaskDetail, TaskView
from services.navigation.domain.access import require_involved, require_reader
from services.navigation.domain.policy import Policy
from services.navigation.domain.task import TASK, TaskNotFound
from services.navigation.queries import task as queries
from services.navigation.queries.task import TaskDetails
from shared.contracts.codes import Locality
from shared.kernel.errors import FeedAccessDenied, OrganisationNotInvolved
from shared.persistence.transaction import Transaction
from shared.web.dependencies import Unit
from shared.web.pagination import decode_cursor, encode_cursor
from shared.web.problems import problems
from shared.web.responses import Action, Page, actions, json_response

router = APIRouter(tags=["tasks"])

_REFUSALS = problems(TaskNotFound, OrganisationNotInvolved, FeedAccessDenied)


@router.get("/tasks/{task_id:uuid}", response_model=TaskDetail, responses=_REFUSALS)
async def read_task(task_id: UUID, caller: Staff, unit: Unit) -> Response:
    """A task with what the person told once: for whoever has it, coordinators, and the accountable lead professional."""
    async with unit.audited_read(caller, task_id) as tx:
        shown = await _readable(task_id, tx)
    return json_response(TaskDetail.of(shown))


@router.get("/tasks/{task_id:uuid}/actions", responses=_REFUSALS)
async def task_actions(task_id: UUID, caller: Staff, unit: Unit, request: Request) -> list[Action]:
    """What may be done with it now."""
    async with unit.audited_read(caller, task_id) as tx:
        shown = await _readable(task_id, tx)
    return actions(request, shown.task.status, [TASK], task_id=task_id)


@router.get("/tasks/{task_id:uuid}/history", responses=_REFUSALS)
async def task_history(task_id: UUID, caller: Staff, unit: Unit) -> list[StepView]:
    """Everything that happened to it, whoever had it."""
    async with unit.audited_read(caller, task_id) as tx:
        await _readable(task_id, tx)
        return [StepView.model_validate(step) for step in await queries.history(tx, task_id)]


@router.get("/tasks/unassigned", responses=problems(OrganisationNotInvolved))
async def unassigned_tasks(caller: Coordinator, unit: Unit, after: Cursor = None, limit: Limit = 50) -> Page[TaskView]:
    """What waits for somebody, the soonest due first."""
    last = decode_cursor(after) if after else None
    async with unit.transaction(caller) as tx:
        require_involved(caller, tx.policy.organisation)
        return page(await queries.unassigned(tx, after=last, most=limit + 1), limit, tx)


@router.get("/tasks/needs-attention", responses=problems(OrganisationNotInvolved))
async def tasks_needing_attention(
    caller: Coordinator, unit: Unit, locality: Locality | None = None, after: Cursor = None, limit: Limit = 50
) -> Page[TaskView]:
    """What is blocked, before the accountable lead professional, or overdue; in one locality or anywhere, the soonest due first."""
    last = decode_cursor(after) if after else None
    async with unit.transaction(caller) as tx:
        require_involved(caller, tx.policy.organisation)
        return page(await queries.needing_attention(tx, locality=locality, after=last, most=limit + 1), limit, tx)


@router.get("/outcomes", responses=problems(OrganisationNotInvolved))
async def task_outcomes(
    caller: Coordinator, unit: Unit, since: Annotated[AwareDatetime, Query()], until: Annotated[AwareDatetime, Query()]
) -> list[OutcomeCount]:
    """How many tasks ended how, by kind: personal-budget advice given, social care assessments arranged, and so on (K18, K19)."""
    async with unit.transaction(caller) as tx:
        require_involved(caller, tx.policy.organisation)
        return [OutcomeCount.model_validate(dict(row)) for row in await queries.outcomes(tx, since, until)]


def page(found: list[TaskDetails], limit: int, tx: Transaction[Policy]) -> Page[TaskView]:
    """The first `limit` of what was found; every task shown is audited, for it shows whom it is for."""
    items = [TaskView.of(shown) for shown in found[:limit]]
    for item in items:
        tx.audit(item.id)
    return Page(items=items, next=encode_cursor(items[-1].due_at, items[-1].id) if len(found) > limit else None)


async def _readable(task_id: UUID, tx: Transaction[Policy]) -> TaskDetails:
    shown = await queries.task_details(tx, task_id)
    require_involved(tx.actor, tx.policy.organisation, [shown.employer], shown.lead)
    require_reader(tx.actor, [shown.task.navigator_id], shown.lead)
    return shown
