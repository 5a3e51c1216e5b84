"""Reads of tasks over HTTP: one task, its history, lists for coordinators, and counts of outcomes."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from services.navigation.api.auth import Coordinator, Cursor, Limit, Reader
from services.navigation.api.responses import OutcomeCount, StepView, TaskDetail, TaskView
from services.navigation.domain.access import require_involved
from services.navigation.domain.permission import task_commands
from services.navigation.domain.policy import Policy
from services.navigation.domain.task import TASK, TaskNotFound
from services.navigation.queries import task as queries
from services.navigation.queries.access import require_details, require_task
from services.navigation.queries.task import TaskDetails, TaskFilter
from shared.contracts.codes import Locality
from shared.contracts.input_types import Instant
from shared.kernel.errors import OrganisationNotInvolved
from shared.persistence.transaction import Transaction
from shared.web.dependencies import Unit
from shared.web.pagination import decode_cursor, encode_cursor
from shared.web.problems import problems
from shared.web.requests import strict_router
from shared.web.responses import Action, Page, actions, json_response

router = strict_router(prefix="/navigation", tags=["tasks"])

_REFUSALS = problems(TaskNotFound)


@router.get("/tasks/{task_id:uuid}", response_model=TaskDetail, responses=_REFUSALS)
async def read_task(task_id: UUID, caller: Reader, unit: Unit) -> Response:
    """A task with the person's story, for navigators of the person, coordinators and the accountable lead professional."""
    async with unit.audited_read(caller, task_id) as tx:
        details, access = await require_details(tx, task_id)
    return json_response(TaskDetail.seen(details, access))


@router.get("/tasks/{task_id:uuid}/actions", responses=_REFUSALS)
async def task_actions(task_id: UUID, caller: Reader, unit: Unit, request: Request) -> list[Action]:
    """The commands that the caller may send in the present state."""
    async with unit.audited_read(caller, task_id) as tx:
        details, _ = await require_details(tx, task_id)
        permitted = {command.__name__ for command in task_commands(details.task, caller, details.employer, tx.policy)}
    return [each for each in actions(request, details.task.status, [TASK], task_id=task_id) if each.name in permitted]


@router.get("/tasks/{task_id:uuid}/history", responses=_REFUSALS)
async def task_history(task_id: UUID, caller: Reader, unit: Unit) -> list[StepView]:
    """The events of the task, across all its navigators."""
    async with unit.audited_read(caller, task_id) as tx:
        await require_task(tx, task_id)
        history = await queries.history(tx, task_id)
    return [StepView.model_validate(entry) for entry in history]


@router.get("/tasks", responses=problems(OrganisationNotInvolved))
async def list_tasks(
    status: TaskFilter, caller: Coordinator, unit: Unit, *, locality: Locality | None = None, cursor: Cursor = None, limit: Limit = 50
) -> Page[TaskView]:
    """Tasks without a navigator, or tasks that need attention: blocked, escalated or overdue. The soonest due comes first."""
    last = decode_cursor(cursor) if cursor else None
    async with unit.transaction(caller) as tx:
        require_involved(caller, tx.policy.organisation)
        found = await queries.tasks_where(tx, status, locality=locality, after=last, limit=limit + 1)
        audit(found[:limit], tx)
    return page(found, limit)


@router.get("/outcomes", responses=problems(OrganisationNotInvolved))
async def task_outcomes(
    caller: Coordinator, unit: Unit, since: Annotated[Instant, Query()], until: Annotated[Instant, Query()]
) -> list[OutcomeCount]:
    """Numbers of fulfilled tasks by kind and outcome, such as social care assessments arranged (K18, K19)."""
    async with unit.across_people(caller) as tx:
        require_involved(caller, tx.policy.organisation)
        counts = await queries.outcomes(tx, since, until)
    return [OutcomeCount.model_validate(dict(row)) for row in counts]


def audit(tasks: Sequence[TaskDetails], tx: Transaction[Policy]) -> None:
    """Audits the read of each task, because it shows its person."""
    for details in tasks:
        tx.audit(details.task.id)


def page(found: Sequence[TaskDetails], limit: int) -> Page[TaskView]:
    """The first `limit` tasks of `found`, with a cursor when more follow."""
    items = [TaskView.of(details) for details in found[:limit]]
    return Page(items=items, next=encode_cursor(items[-1].due_at, items[-1].id) if len(found) > limit else None)
