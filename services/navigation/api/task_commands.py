"""What may be done with a task: by whoever has it, or by a coordinator."""

from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import AwareDatetime

from services.navigation import commands
from services.navigation.api.auth import Coordinator, NavigatorName, Staff
from services.navigation.api.responses import TaskDetail
from services.navigation.domain.assignment import CaseloadFull, NavigatorAway, RoleMismatch
from services.navigation.domain.due_time import DueTimePassed, DueTimeUnchanged, RescheduleLimitExceeded
from services.navigation.domain.navigator import NavigatorNotFound
from services.navigation.domain.policy import Policy
from services.navigation.domain.task import AlreadyAssigned, TaskNotFound
from services.navigation.handlers import task as handlers
from services.navigation.queries import task as queries
from shared.contracts.navigation import BlockReason, CancelReason, EscalationReason, ReassignReason, RescheduleReason, TaskOutcome
from shared.kernel.errors import FeedAccessDenied, IllegalTransition, OrganisationNotInvolved, VersionConflict
from shared.kernel.target import Target
from shared.persistence.transaction import Transaction
from shared.web.dependencies import IfMatch, Unit
from shared.web.problems import problems
from shared.web.responses import RequestModel, json_response

router = APIRouter(tags=["tasks"])

_OWN = (TaskNotFound, OrganisationNotInvolved, FeedAccessDenied, IllegalTransition, VersionConflict)
_CHOICE = (NavigatorNotFound, RoleMismatch, NavigatorAway, CaseloadFull)


class Fulfilment(RequestModel):
    outcome: TaskOutcome

    def command(self) -> commands.FulfilTask:
        return commands.FulfilTask(self.outcome)


class Block(RequestModel):
    reason: BlockReason

    def command(self) -> commands.BlockTask:
        return commands.BlockTask(self.reason)


class Escalation(RequestModel):
    reason: Literal[EscalationReason.SAFETY_CONCERN, EscalationReason.PERSON_DETERIORATING, EscalationReason.CARER_STRAIN]

    def command(self) -> commands.EscalateTask:
        return commands.EscalateTask(self.reason)


class DueTime(RequestModel):
    due_at: AwareDatetime
    reason: RescheduleReason

    def command(self) -> commands.RescheduleTask:
        return commands.RescheduleTask(self.due_at, self.reason)


class Assignment(RequestModel):
    navigator_id: NavigatorName

    def command(self) -> commands.AssignTask:
        return commands.AssignTask(self.navigator_id)


class Reassignment(RequestModel):
    navigator_id: NavigatorName
    reason: ReassignReason

    def command(self) -> commands.ReassignTask:
        return commands.ReassignTask(self.navigator_id, self.reason)


class Cancellation(RequestModel):
    reason: CancelReason

    def command(self) -> commands.CancelTask:
        return commands.CancelTask(self.reason)


@router.post("/tasks/{task_id:uuid}/assignment", name="AssignTask", response_model=TaskDetail, responses=problems(*_OWN, *_CHOICE))
async def assign_task(task_id: UUID, body: Assignment, caller: Coordinator, version: IfMatch, unit: Unit) -> Response:
    """Out of the queue, into the feed of one navigator."""
    async with unit.transaction(caller) as tx:
        await handlers.assign_task(Target(task_id, version), body.command(), tx=tx)
        detail = await _detail(task_id, tx)
    return json_response(detail)


@router.post("/tasks/{task_id:uuid}/acknowledgement", name="AcknowledgeTask", response_model=TaskDetail, responses=problems(*_OWN))
async def acknowledge_task(task_id: UUID, caller: Staff, version: IfMatch, unit: Unit) -> Response:
    """The navigator has seen it."""
    async with unit.transaction(caller) as tx:
        await handlers.acknowledge_task(Target(task_id, version), tx=tx)
        detail = await _detail(task_id, tx)
    return json_response(detail)


@router.post("/tasks/{task_id:uuid}/start", name="BeginTask", response_model=TaskDetail, responses=problems(*_OWN))
async def begin_task(task_id: UUID, caller: Staff, version: IfMatch, unit: Unit) -> Response:
    """Work on it begins."""
    async with unit.transaction(caller) as tx:
        await handlers.begin_task(Target(task_id, version), tx=tx)
        detail = await _detail(task_id, tx)
    return json_response(detail)


@router.post("/tasks/{task_id:uuid}/fulfilment", name="FulfilTask", response_model=TaskDetail, responses=problems(*_OWN))
async def fulfil_task(task_id: UUID, body: Fulfilment, caller: Staff, version: IfMatch, unit: Unit) -> Response:
    """It is done; the outcome goes to the accountable lead professional."""
    async with unit.transaction(caller) as tx:
        await handlers.fulfil_task(Target(task_id, version), body.command(), tx=tx)
        detail = await _detail(task_id, tx)
    return json_response(detail)


@router.post("/tasks/{task_id:uuid}/block", name="BlockTask", response_model=TaskDetail, responses=problems(*_OWN))
async def block_task(task_id: UUID, body: Block, caller: Staff, version: IfMatch, unit: Unit) -> Response:
    """It cannot go on; the reason goes to the accountable lead professional."""
    async with unit.transaction(caller) as tx:
        await handlers.block_task(Target(task_id, version), body.command(), tx=tx)
        detail = await _detail(task_id, tx)
    return json_response(detail)


@router.post("/tasks/{task_id:uuid}/escalation", name="EscalateTask", response_model=TaskDetail, responses=problems(*_OWN))
async def escalate_task(task_id: UUID, body: Escalation, caller: Staff, version: IfMatch, unit: Unit) -> Response:
    """Work goes on, but the accountable lead professional must know now."""
    async with unit.transaction(caller) as tx:
        await handlers.escalate_task(Target(task_id, version), body.command(), tx=tx)
        detail = await _detail(task_id, tx)
    return json_response(detail)


@router.post("/tasks/{task_id:uuid}/unblock", name="ResumeTask", response_model=TaskDetail, responses=problems(*_OWN))
async def resume_task(task_id: UUID, caller: Staff, version: IfMatch, unit: Unit) -> Response:
    """What was in its way is gone."""
    async with unit.transaction(caller) as tx:
        await handlers.resume_task(Target(task_id, version), tx=tx)
        detail = await _detail(task_id, tx)
    return json_response(detail)


@router.post(
    "/tasks/{task_id:uuid}/reassignment",
    name="ReassignTask",
    response_model=TaskDetail,
    responses=problems(*_OWN, *_CHOICE, AlreadyAssigned),
)
async def reassign_task(task_id: UUID, body: Reassignment, caller: Coordinator, version: IfMatch, unit: Unit) -> Response:
    """Another navigator does it from now on; due time and history stay."""
    async with unit.transaction(caller) as tx:
        await handlers.reassign_task(Target(task_id, version), body.command(), tx=tx)
        detail = await _detail(task_id, tx)
    return json_response(detail)


@router.post(
    "/tasks/{task_id:uuid}/due-date",
    name="RescheduleTask",
    response_model=TaskDetail,
    responses=problems(*_OWN, DueTimePassed, DueTimeUnchanged, RescheduleLimitExceeded),
)
async def reschedule_task(task_id: UUID, body: DueTime, caller: Staff, version: IfMatch, unit: Unit) -> Response:
    """It is due at another time; if it was overdue, it no longer is. Beyond a few times or days a coordinator decides."""
    async with unit.transaction(caller) as tx:
        await handlers.reschedule_task(Target(task_id, version), body.command(), tx=tx)
        detail = await _detail(task_id, tx)
    return json_response(detail)


@router.post("/tasks/{task_id:uuid}/cancellation", name="CancelTask", response_model=TaskDetail, responses=problems(*_OWN))
async def cancel_task(task_id: UUID, body: Cancellation, caller: Coordinator, version: IfMatch, unit: Unit) -> Response:
    """It is no longer needed."""
    async with unit.transaction(caller) as tx:
        await handlers.cancel_task(Target(task_id, version), body.command(), tx=tx)
        detail = await _detail(task_id, tx)
    return json_response(detail)


async def _detail(task_id: UUID, tx: Transaction[Policy]) -> TaskDetail:
    return TaskDetail.of(await queries.task_details(tx, task_id))
