"""A task for a person: its navigator, due time and outcome.

Pure: values in, a Decision out. Overdue and escalated are flags, not states. Sources: G25, AC12; states: docs/states/navigation.md.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.navigation.commands import (
    AcknowledgeTask,
    AssignTask,
    BlockTask,
    CancelTask,
    EscalateTask,
    FulfilTask,
    ReassignTask,
    RescheduleTask,
    StartTask,
    UnblockTask,
)
from services.navigation.domain.policy import Policy
from services.navigation.domain.work import Work
from shared.contracts.codes import Locality, Role, TaskKind
from shared.contracts.navigation import (
    BlockReason,
    CancelReason,
    EscalationReason,
    ReassignReason,
    TaskAcknowledged,
    TaskAssigned,
    TaskBegun,
    TaskBlocked,
    TaskCancelled,
    TaskCreated,
    TaskEscalated,
    TaskFulfilled,
    TaskOutcome,
    TaskOverdue,
    TaskReassigned,
    TaskRescheduled,
    TaskSource,
)
from shared.kernel.decision import Deadline, Decision
from shared.kernel.errors import NotFound, RuleBroken
from shared.kernel.ids import PersonId
from shared.kernel.state_table import Transitions, require_transition, state_table, transition
from shared.kernel.totality import total


class Status(StrEnum):
    UNASSIGNED = "unassigned"
    ASSIGNED = "assigned"
    ACKNOWLEDGED = "acknowledged"
    BEGUN = "begun"
    BLOCKED = "blocked"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"


#: States with a navigator, which count towards a caseload.
HELD = (Status.ASSIGNED, Status.ACKNOWLEDGED, Status.BEGUN, Status.BLOCKED)
OPEN = (Status.UNASSIGNED, *HELD)
total(Status, dict.fromkeys((*OPEN, Status.FULFILLED, Status.CANCELLED)))  # every status is open or an end


class TaskDeadline(StrEnum):
    """Deadlines of a task."""

    ACKNOWLEDGEMENT = "acknowledgement"
    OVERDUE = "overdue"
    LONG_OVERDUE = "long-overdue"


@dataclass(frozen=True, slots=True)
class Task:
    """`navigator_id` is a staff code, None while the task is unassigned. Without a `locality` only a coordinator assigns it.

    `escalation` is the reason of the present escalation to the lead. `navigator_reschedules` counts changes of the due time
    by navigators.
    """

    id: UUID
    person_id: PersonId
    correlation_id: UUID
    kind: TaskKind
    source: TaskSource
    source_id: UUID
    action_id: UUID | None
    service_code: str | None
    role: Role
    locality: Locality | None
    status: Status
    created_at: datetime
    due_at: datetime
    acknowledge_by: datetime
    navigator_id: str | None = None
    escalated_at: datetime | None = None
    escalation: EscalationReason | BlockReason | None = None
    overdue_at: datetime | None = None
    block_reason: BlockReason | None = None
    navigator_reschedules: int = 0
    outcome: TaskOutcome | None = None
    cancel_reason: CancelReason | None = None
    ended_at: datetime | None = None
    version: int = 0


class TaskNotFound(NotFound):
    """No task has this id."""

    code = "task-not-found"


class AlreadyAssigned(RuleBroken):
    """The task is assigned to this navigator already."""

    code = "already-assigned"
    advice = "Name another navigator."


#: State table: guards the commands, answers `GET .../actions`, and is printed (and tested) as docs/states/navigation.md.
TASK: Transitions = state_table(
    {
        AssignTask: transition(Status.UNASSIGNED, Status.ASSIGNED, TaskAssigned),
        AcknowledgeTask: transition(Status.ASSIGNED, Status.ACKNOWLEDGED, TaskAcknowledged),
        StartTask: transition(Status.ACKNOWLEDGED, Status.BEGUN, TaskBegun),
        FulfilTask: transition(Status.BEGUN, Status.FULFILLED, TaskFulfilled),
        BlockTask: transition((Status.ACKNOWLEDGED, Status.BEGUN), Status.BLOCKED, TaskBlocked, TaskEscalated),
        EscalateTask: transition(OPEN, (), TaskEscalated),
        UnblockTask: transition(Status.BLOCKED, Status.BEGUN, TaskBegun),
        ReassignTask: transition(HELD, (Status.ASSIGNED, Status.UNASSIGNED), TaskReassigned),
        RescheduleTask: transition(OPEN, (), TaskRescheduled),
        CancelTask: transition(OPEN, Status.CANCELLED, TaskCancelled),
        TaskDeadline.ACKNOWLEDGEMENT: transition((Status.UNASSIGNED, Status.ASSIGNED), (), TaskEscalated),
        TaskDeadline.OVERDUE: transition(OPEN, (), TaskOverdue),
        TaskDeadline.LONG_OVERDUE: transition(OPEN, (), TaskEscalated),
    },
    TaskDeadline,
)

#: Whether the reason is a navigator's concern for the person. That escalation outlasts the obstacle; any other ends when work continues.
_IS_CONCERN = total(
    EscalationReason,
    {
        EscalationReason.NO_NAVIGATOR_AVAILABLE: False,
        EscalationReason.NOT_ACKNOWLEDGED: False,
        EscalationReason.LONG_OVERDUE: False,
        EscalationReason.SAFETY_CONCERN: True,
        EscalationReason.PERSON_DETERIORATING: True,
        EscalationReason.CARER_STRAIN: True,
    },
)
PERSON_CONCERNS = tuple(reason for reason, is_concern in _IS_CONCERN.items() if is_concern)


def create(work: Work, now: datetime, policy: Policy) -> Decision[Task]:
    """Creates an unassigned task with deadlines for acknowledgement and due time."""
    task = Task(
        id=work.task_id,
        person_id=work.person_id,
        correlation_id=work.correlation_id,
        kind=work.kind,
        source=work.source,
        source_id=work.source_id,
        action_id=work.action_id,
        service_code=work.service_code,
        role=work.role,
        locality=work.locality,
        status=Status.UNASSIGNED,
        created_at=now,
        due_at=work.due_at,
        acknowledge_by=_acknowledge_by(work.due_at, now, policy),
    )
    event = TaskCreated(
        kind=task.kind,
        source=task.source,
        source_id=task.source_id,
        role=task.role,
        locality=task.locality,
        due_at=task.due_at,
        action_id=task.action_id,
        service_code=task.service_code,
    )
    return Decision(task, [event], [_acknowledgement(task), overdue_deadline(task)])


def assign(task: Task, command: AssignTask, now: datetime, policy: Policy) -> Decision[Task]:
    """Assigns the task, to be acknowledged within one working day."""
    require_transition(task.status, AssignTask, TASK)
    assigned = _assigned_to(task, command.navigator_id, now, policy)
    event = TaskAssigned(navigator_id=command.navigator_id, due_at=task.due_at)
    return Decision(assigned, [event], [_acknowledgement(assigned)], cancels=[TaskDeadline.ACKNOWLEDGEMENT])


def acknowledge(task: Task) -> Decision[Task]:
    require_transition(task.status, AcknowledgeTask, TASK)
    event = TaskAcknowledged(navigator_id=_holder(task), source=task.source, source_id=task.source_id)
    return Decision(_without_escalation(replace(task, status=Status.ACKNOWLEDGED)), [event], cancels=[TaskDeadline.ACKNOWLEDGEMENT])


def start(task: Task) -> Decision[Task]:
    require_transition(task.status, StartTask, TASK)
    return Decision(replace(task, status=Status.BEGUN), [TaskBegun(navigator_id=_holder(task))])


def unblock(task: Task) -> Decision[Task]:
    require_transition(task.status, UnblockTask, TASK)
    return Decision(_without_escalation(replace(task, status=Status.BEGUN, block_reason=None)), [TaskBegun(navigator_id=_holder(task))])


def fulfil(task: Task, command: FulfilTask, now: datetime) -> Decision[Task]:
    """Ends the task with an outcome, of which the lead is notified (navigation-4)."""
    require_transition(task.status, FulfilTask, TASK)
    fulfilled = replace(task, status=Status.FULFILLED, outcome=command.outcome, ended_at=now)
    event = TaskFulfilled(kind=task.kind, source=task.source, source_id=task.source_id, outcome=command.outcome, action_id=task.action_id)
    return Decision(fulfilled, [event], cancels=list(TaskDeadline))


def block(task: Task, command: BlockTask, now: datetime) -> Decision[Task]:
    """Blocks the task and escalates it to the lead with the reason (navigation-4). The due time stays."""
    require_transition(task.status, BlockTask, TASK)
    blocked = _with_escalation(replace(task, status=Status.BLOCKED, block_reason=command.reason), command.reason, now)
    events = [TaskBlocked(kind=task.kind, reason=command.reason), TaskEscalated(kind=task.kind, reason=command.reason.value)]
    return Decision(blocked, events, cancels=[TaskDeadline.ACKNOWLEDGEMENT])


def escalate(task: Task, command: EscalateTask, now: datetime) -> Decision[Task]:
    """Escalates the task to the lead while the work continues."""
    require_transition(task.status, EscalateTask, TASK)
    return escalated(task, command.reason, now)


def reassign(task: Task, command: ReassignTask, now: datetime, policy: Policy) -> Decision[Task]:
    """Another navigator gets the task and must acknowledge it; due time and history stay (navigation-3).

    Raises IllegalTransition, AlreadyAssigned.
    """
    require_transition(task.status, ReassignTask, TASK)
    if command.navigator_id == task.navigator_id:
        raise AlreadyAssigned("The task is assigned to this navigator already.")
    reassigned = _assigned_to(task, command.navigator_id, now, policy)
    event = TaskReassigned(from_navigator_id=_holder(task), to_navigator_id=command.navigator_id, reason=command.reason.value)
    return Decision(reassigned, [event], [_acknowledgement(reassigned)], cancels=[TaskDeadline.ACKNOWLEDGEMENT])


def put_back(task: Task, reason: ReassignReason, now: datetime, policy: Policy) -> Decision[Task]:
    """Returns the task of an absent navigator to the queue, with a deadline that escalates."""
    require_transition(task.status, ReassignTask, TASK)
    by = _acknowledge_by(task.due_at, now, policy)
    waiting = _without_escalation(replace(task, status=Status.UNASSIGNED, navigator_id=None, block_reason=None, acknowledge_by=by))
    event = TaskReassigned(from_navigator_id=_holder(task), to_navigator_id=None, reason=reason.value)
    return Decision(waiting, [event], [_acknowledgement(waiting)], cancels=[TaskDeadline.ACKNOWLEDGEMENT])


def cancel(task: Task, command: CancelTask, now: datetime) -> Decision[Task]:
    require_transition(task.status, CancelTask, TASK)
    cancelled = replace(task, status=Status.CANCELLED, cancel_reason=command.reason, ended_at=now)
    return Decision(cancelled, [TaskCancelled(reason=command.reason.value)], cancels=list(TaskDeadline))


def escalate_unacknowledged(task: Task, now: datetime) -> Decision[Task]:
    """Escalates a task that was not assigned or acknowledged in time, once for each assignment."""
    require_transition(task.status, TaskDeadline.ACKNOWLEDGEMENT, TASK)
    reason = EscalationReason.NOT_ACKNOWLEDGED if task.navigator_id else EscalationReason.NO_NAVIGATOR_AVAILABLE
    return escalated(task, reason, now)


def escalated(task: Task, reason: EscalationReason, now: datetime) -> Decision[Task]:
    """Escalates the task to the lead; its state stays."""
    return Decision(_with_escalation(task, reason, now), [TaskEscalated(kind=task.kind, reason=reason.value)])


def _with_escalation(task: Task, reason: EscalationReason | BlockReason, now: datetime) -> Task:
    """A concern for the person is not overwritten by a later reason."""
    return task if task.escalation in PERSON_CONCERNS else replace(task, escalation=reason, escalated_at=now)


def _without_escalation(task: Task) -> Task:
    """Ends the escalation when the work continues, except a concern for the person."""
    return task if task.escalation in PERSON_CONCERNS else replace(task, escalation=None, escalated_at=None)


def _assigned_to(task: Task, navigator_id: str, now: datetime, policy: Policy) -> Task:
    by = _acknowledge_by(task.due_at, now, policy)
    return _without_escalation(replace(task, status=Status.ASSIGNED, navigator_id=navigator_id, block_reason=None, acknowledge_by=by))


def _acknowledge_by(due_at: datetime, now: datetime, policy: Policy) -> datetime:
    """Within a working day, and no later than the due time."""
    by = policy.acknowledge_by(now)
    return due_at if now < due_at < by else by


def _acknowledgement(task: Task) -> Deadline:
    return Deadline(TaskDeadline.ACKNOWLEDGEMENT, task.acknowledge_by)


def overdue_deadline(task: Task) -> Deadline:
    return Deadline(TaskDeadline.OVERDUE, task.due_at + timedelta(microseconds=1))


def _holder(task: Task) -> str:
    if task.navigator_id is None:
        raise ValueError(f"the task {task.id} is {task.status} and has no navigator")
    return task.navigator_id
