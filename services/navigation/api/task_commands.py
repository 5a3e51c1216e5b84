"""Commands of a task over HTTP, for its navigator or a coordinator. A repeated command returns the present task, also with a stale ETag."""

from collections.abc import Awaitable, Callable
from typing import Literal, TypeAlias
from uuid import UUID

from fastapi import Response

from services.navigation import commands
from services.navigation.api.auth import Coordinator, NavigatorName, Staff
from services.navigation.api.responses import TaskDetail
from services.navigation.domain.assignment import CaseloadFull, EmployerNotListed, NavigatorAway, RoleMismatch
from services.navigation.domain.closure import CancelReasonNotYours
from services.navigation.domain.due_time import DueTimePassed, RescheduleLimitExceeded
from services.navigation.domain.navigator import NavigatorNotFound
from services.navigation.domain.task import Task, TaskNotFound
from services.navigation.handlers import task as handlers
from services.navigation.queries import task as queries
from services.navigation.queries.access import require_task
from shared.contracts.input_types import Instant
from shared.contracts.navigation import BlockReason, CancelReason, EscalationReason, ReassignReason, RescheduleReason, TaskOutcome
from shared.kernel.actor import Actor
from shared.kernel.date_limits import DateOutOfLimits
from shared.kernel.errors import FeedAccessDenied, IllegalTransition, OrganisationNotInvolved, VersionConflict
from shared.kernel.target import Target
from shared.web.dependencies import IfMatch, Unit, UnitOfWork
from shared.web.problems import problems
from shared.web.requests import CommandModel, strict_router
from shared.web.responses import json_response

router = strict_router(prefix="/navigation", tags=["tasks"])

TaskHandler: TypeAlias = Callable[..., Awaitable[Task]]

_OWN = (TaskNotFound, OrganisationNotInvolved, FeedAccessDenied, IllegalTransition, VersionConflict)
_CHOICE = (NavigatorNotFound, EmployerNotListed, RoleMismatch, NavigatorAway, CaseloadFull)


class Fulfilment(CommandModel[commands.FulfilTask]):
    outcome: TaskOutcome


class Block(CommandModel[commands.BlockTask]):
    reason: BlockReason


class Escalation(CommandModel[commands.EscalateTask]):
    reason: Literal[EscalationReason.SAFETY_CONCERN, EscalationReason.PERSON_DETERIORATING, EscalationReason.CARER_STRAIN]


class DueTime(CommandModel[commands.RescheduleTask]):
    due_at: Instant
    reason: RescheduleReason


class Assignment(CommandModel[commands.AssignTask]):
    navigator_id: NavigatorName


class Reassignment(CommandModel[commands.ReassignTask]):
    navigator_id: NavigatorName
    reason: ReassignReason


class Cancellation(CommandModel[commands.CancelTask]):
    reason: CancelReason


@router.post("/tasks/{task_id:uuid}/assignment", name="AssignTask", response_model=TaskDetail, responses=problems(*_OWN, *_CHOICE))
async def assign_task(task_id: UUID, body: Assignment, caller: Coordinator, version: IfMatch, unit: Unit) -> Response:
    """Assigns a task of the queue to one navigator."""
    return await _run(unit, caller, handlers.assign_task, Target(task_id, version), body.command())


@router.post("/tasks/{task_id:uuid}/acknowledgement", name="AcknowledgeTask", response_model=TaskDetail, responses=problems(*_OWN))
async def acknowledge_task(task_id: UUID, caller: Staff, version: IfMatch, unit: Unit) -> Response:
    """The navigator acknowledges the task."""
    return await _run(unit, caller, handlers.acknowledge_task, Target(task_id, version))


@router.post("/tasks/{task_id:uuid}/start", name="StartTask", response_model=TaskDetail, responses=problems(*_OWN))
async def start_task(task_id: UUID, caller: Staff, version: IfMatch, unit: Unit) -> Response:
    """The navigator starts the task; a missing acknowledgement is recorded with it."""
    return await _run(unit, caller, handlers.start_task, Target(task_id, version))


@router.post("/tasks/{task_id:uuid}/fulfilment", name="FulfilTask", response_model=TaskDetail, responses=problems(*_OWN))
async def fulfil_task(task_id: UUID, body: Fulfilment, caller: Staff, version: IfMatch, unit: Unit) -> Response:
    """The task is done; the accountable lead is notified of the outcome. One call suffices: missing steps are recorded with it.

    `checked-concern` and `unable-to-contact` are concerns: the referral returns to the Community Point of Access, the action of a plan to
    the lead. `person-died` and `person-moved-away` report a fact about the person, which ends their care in every service.
    """
    return await _run(unit, caller, handlers.fulfil_task, Target(task_id, version), body.command())


@router.post("/tasks/{task_id:uuid}/block", name="BlockTask", response_model=TaskDetail, responses=problems(*_OWN))
async def block_task(task_id: UUID, body: Block, caller: Staff, version: IfMatch, unit: Unit) -> Response:
    """The task cannot proceed; the accountable lead is notified of the reason, again and again until it continues."""
    return await _run(unit, caller, handlers.block_task, Target(task_id, version), body.command())


@router.post("/tasks/{task_id:uuid}/escalation", name="EscalateTask", response_model=TaskDetail, responses=problems(*_OWN))
async def escalate_task(task_id: UUID, body: Escalation, caller: Staff, version: IfMatch, unit: Unit) -> Response:
    """Escalates to the accountable lead while the work continues."""
    return await _run(unit, caller, handlers.escalate_task, Target(task_id, version), body.command())


@router.post("/tasks/{task_id:uuid}/unblock", name="UnblockTask", response_model=TaskDetail, responses=problems(*_OWN))
async def unblock_task(task_id: UUID, caller: Staff, version: IfMatch, unit: Unit) -> Response:
    """The obstacle is removed, and work continues."""
    return await _run(unit, caller, handlers.unblock_task, Target(task_id, version))


@router.post(
    "/tasks/{task_id:uuid}/reassignment",
    name="ReassignTask",
    response_model=TaskDetail,
    responses=problems(
        *_OWN,
        *_CHOICE,
    ),
)
async def reassign_task(task_id: UUID, body: Reassignment, caller: Coordinator, version: IfMatch, unit: Unit) -> Response:
    """Another navigator takes the task over; due time and history stay."""
    return await _run(unit, caller, handlers.reassign_task, Target(task_id, version), body.command())


@router.post(
    "/tasks/{task_id:uuid}/due-date",
    name="RescheduleTask",
    response_model=TaskDetail,
    responses=problems(*_OWN, DateOutOfLimits, DueTimePassed, RescheduleLimitExceeded),
)
async def reschedule_task(task_id: UUID, body: DueTime, caller: Staff, version: IfMatch, unit: Unit) -> Response:
    """Changes the due time and clears an overdue flag. A navigator may do so within limits, a coordinator without."""
    return await _run(unit, caller, handlers.reschedule_task, Target(task_id, version), body.command())


@router.post(
    "/tasks/{task_id:uuid}/cancellation",
    name="CancelTask",
    response_model=TaskDetail,
    responses=problems(*_OWN, CancelReasonNotYours),
)
async def cancel_task(task_id: UUID, body: Cancellation, caller: Coordinator, version: IfMatch, unit: Unit) -> Response:
    """Ends the task without an outcome. The referral returns to the Community Point of Access, and the action of a plan to the lead."""
    return await _run(unit, caller, handlers.cancel_task, Target(task_id, version), body.command())


async def _run(unit: UnitOfWork, caller: Actor, handler: TaskHandler, target: Target, *command: object) -> Response:
    """Runs the command in one transaction; the response is the task with its person and lead. A stranger learns of no task."""
    async with unit.transaction(caller) as tx:
        access = await require_task(tx, target.id)
        await handler(target, *command, tx=tx)
        details = await queries.task_details(tx, target.id)
    return json_response(TaskDetail.seen(details, access))
