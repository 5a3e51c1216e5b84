"""A task for a person: its states, its navigator and the work on it.

Pure: values in, a Decision out. Overdue and escalated are flags, not states. One call may start, fulfil or block a task that its navigator
has not acknowledged: the missing steps are recorded with it. Escalations are in `escalation`, due times in `due_time`, ends in `closure`.
Sources: G25, AC12; states: docs/states/navigation.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
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
from services.navigation.domain.access import COORDINATE, WORK
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
    TaskRestored,
    TaskSource,
)
from shared.contracts.referral_codes import Reason
from shared.kernel.actor import Professional
from shared.kernel.decision import JUST_AFTER, Deadline, Decision, Fact
from shared.kernel.errors import NotFound
from shared.kernel.ids import PersonId
from shared.kernel.ownership import Desk, Owners, owned
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


#: States in which a navigator works on the task.
_AT_WORK = (Status.ASSIGNED, Status.ACKNOWLEDGED, Status.BEGUN)
#: States with a navigator, which count towards a caseload.
HELD = (*_AT_WORK, Status.BLOCKED)
OPEN = (Status.UNASSIGNED, *HELD)
ENDED = (Status.FULFILLED, Status.CANCELLED)
total(Status, dict.fromkeys((*OPEN, *ENDED)))  # every status is open or an end


class TaskDeadline(StrEnum):
    """Deadlines of a task. An open task always has `overdue` or `long-overdue`, and another one in the states without progress."""

    ACKNOWLEDGEMENT = "acknowledgement"
    BLOCKED = "blocked"
    OVERDUE = "overdue"
    LONG_OVERDUE = "long-overdue"


class Occurrence(StrEnum):
    """The source of the task ended; the person died or moved away, which ends every task (G39); or that was a mistake."""

    SOURCE_ENDED = "source-ended"
    PERSON_GONE = "person-gone"
    PERSON_RESTORED = "person-restored"


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
#: Whether a fulfilled task leaves a concern for the person, which is not met.
_IS_CONCERN_FOUND: Mapping[TaskOutcome, bool] = total(
    TaskOutcome,
    {
        TaskOutcome.ARRANGED: False,
        TaskOutcome.ADVICE_GIVEN: False,
        TaskOutcome.INFORMATION_GIVEN: False,
        TaskOutcome.SIGNPOSTED: False,
        TaskOutcome.CHECKED_WELL: False,
        TaskOutcome.CHECKED_CONCERN: True,
        TaskOutcome.NOT_NEEDED: False,
        TaskOutcome.UNABLE_TO_CONTACT: True,
        TaskOutcome.DECLINED_BY_PERSON: False,
        TaskOutcome.PERSON_DIED: False,
        TaskOutcome.PERSON_MOVED_AWAY: False,
    },
)


@dataclass(frozen=True, slots=True)
class Task:
    """`navigator_id` is a staff code, None while the task is unassigned. Without a `locality` only a coordinator assigns it.

    `escalation` is the reason of the present escalation to the lead. `navigator_reschedules` counts changes of the due time
    by navigators. `referral_reason` is the reason of the referral that the task comes from, `happened_at` the time of the event.
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
    referral_reason: Reason | None = None
    happened_at: datetime | None = None
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

    @property
    def is_concern(self) -> bool:
        """Whether the task ended with a concern for the person."""
        return self.outcome is not None and _IS_CONCERN_FOUND[self.outcome]

    def escalated(self, reason: EscalationReason | BlockReason, now: datetime) -> "Task":
        """A concern for the person is not overwritten by a later reason."""
        return self if self.escalation in PERSON_CONCERNS else replace(self, escalation=reason, escalated_at=now)

    def without_escalation(self) -> "Task":
        """Ends the escalation when the work continues, except a concern for the person."""
        return self if self.escalation in PERSON_CONCERNS else replace(self, escalation=None, escalated_at=None)


class TaskNotFound(NotFound):
    """No task has this id."""

    code = "task-not-found"


#: State table: guards the commands, answers `GET .../actions`, and is printed (and tested) as docs/states/navigation.md.
TASK: Transitions = state_table(
    {
        AssignTask: transition(Status.UNASSIGNED, Status.ASSIGNED, TaskAssigned),
        AcknowledgeTask: transition(Status.ASSIGNED, Status.ACKNOWLEDGED, TaskAcknowledged),
        StartTask: transition((Status.ASSIGNED, Status.ACKNOWLEDGED), Status.BEGUN, TaskAcknowledged, TaskBegun),
        FulfilTask: transition(HELD, Status.FULFILLED, TaskAcknowledged, TaskBegun, TaskFulfilled),
        BlockTask: transition(_AT_WORK, Status.BLOCKED, TaskAcknowledged, TaskBlocked, TaskEscalated),
        EscalateTask: transition(OPEN, (), TaskEscalated),
        UnblockTask: transition(Status.BLOCKED, Status.BEGUN, TaskBegun),
        ReassignTask: transition(HELD, (Status.ASSIGNED, Status.UNASSIGNED), TaskReassigned),
        RescheduleTask: transition(OPEN, (), TaskRescheduled),
        CancelTask: transition(OPEN, Status.CANCELLED, TaskCancelled),
        TaskDeadline.ACKNOWLEDGEMENT: transition((Status.UNASSIGNED, Status.ASSIGNED), (), TaskEscalated),
        TaskDeadline.BLOCKED: transition(Status.BLOCKED, (), TaskEscalated),
        TaskDeadline.OVERDUE: transition(OPEN, (), TaskOverdue),
        TaskDeadline.LONG_OVERDUE: transition(OPEN, (), TaskEscalated),
        Occurrence.SOURCE_ENDED: transition(OPEN, Status.CANCELLED, TaskCancelled),
        Occurrence.PERSON_GONE: transition(OPEN, Status.CANCELLED, TaskCancelled),
        Occurrence.PERSON_RESTORED: transition(ENDED, Status.UNASSIGNED, TaskRestored),
    },
    TaskDeadline,
    Occurrence,
)

_COORDINATORS = Desk("coordinator of care navigation", "list_tasks", COORDINATE, query="status=unassigned")
_NAVIGATOR = Desk("navigator of the task", "work_list", WORK)
#: The owner of each state. An open task also has `overdue` or `long-overdue`.
TASK_OWNERS: Owners = total(
    Status,
    {
        Status.UNASSIGNED: owned(_COORDINATORS, TaskDeadline.ACKNOWLEDGEMENT),
        Status.ASSIGNED: owned(_NAVIGATOR, TaskDeadline.ACKNOWLEDGEMENT),
        Status.ACKNOWLEDGED: owned(_NAVIGATOR, TaskDeadline.OVERDUE, TaskDeadline.LONG_OVERDUE),
        Status.BEGUN: owned(_NAVIGATOR, TaskDeadline.OVERDUE, TaskDeadline.LONG_OVERDUE),
        Status.BLOCKED: owned(_NAVIGATOR, TaskDeadline.BLOCKED),
        Status.FULFILLED: None,
        Status.CANCELLED: None,
    },
)


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
        acknowledge_by=acknowledge_by(work.due_at, now, policy),
        referral_reason=work.referral_reason,
        happened_at=work.happened_at,
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
    return Decision(task, [event], waiting_deadlines(task))


def assign(task: Task, command: AssignTask, now: datetime, policy: Policy) -> Decision[Task]:
    """Assigns the task, to be acknowledged within one working day."""
    require_transition(task.status, AssignTask, TASK)
    assigned = _assigned_to(task, command.navigator_id, now, policy)
    event = TaskAssigned(navigator_id=command.navigator_id, due_at=task.due_at)
    return Decision(assigned, [event], [_acknowledgement(assigned)], cancels=[TaskDeadline.ACKNOWLEDGEMENT])


def acknowledge(task: Task) -> Decision[Task]:
    require_transition(task.status, AcknowledgeTask, TASK)
    acknowledged, events = with_acknowledgement(task)
    return Decision(acknowledged, events, cancels=[TaskDeadline.ACKNOWLEDGEMENT])


def start(task: Task) -> Decision[Task]:
    """Starts the task; a missing acknowledgement is recorded with it."""
    require_transition(task.status, StartTask, TASK)
    begun, events = with_start(task)
    return Decision(begun, events, cancels=[TaskDeadline.ACKNOWLEDGEMENT])


def unblock(task: Task) -> Decision[Task]:
    require_transition(task.status, UnblockTask, TASK)
    begun, events = with_start(task)
    return Decision(begun, events, cancels=[TaskDeadline.BLOCKED])


def block(task: Task, command: BlockTask, now: datetime, policy: Policy) -> Decision[Task]:
    """Blocks the task and escalates it to the lead with the reason (navigation-4), again and again until it continues. The due time stays.

    A missing acknowledgement is recorded with it.
    """
    require_transition(task.status, BlockTask, TASK)
    acknowledged, events = with_acknowledgement(task)
    blocked = replace(acknowledged, status=Status.BLOCKED, block_reason=command.reason).escalated(command.reason, now)
    events = [*events, TaskBlocked(kind=task.kind, reason=command.reason), TaskEscalated(kind=task.kind, reason=command.reason.value)]
    again = Deadline(TaskDeadline.BLOCKED, policy.escalate_blocked_again_at(now))
    return Decision(blocked, events, [again], cancels=[TaskDeadline.ACKNOWLEDGEMENT])


def reassign(task: Task, command: ReassignTask, now: datetime, policy: Policy) -> Decision[Task]:
    """Another navigator gets the task and must acknowledge it; due time and history stay (navigation-3)."""
    require_transition(task.status, ReassignTask, TASK)
    reassigned = _assigned_to(task, command.navigator_id, now, policy)
    event = TaskReassigned(from_navigator_id=_holder(task), to_navigator_id=command.navigator_id, reason=command.reason.value)
    return Decision(reassigned, [event], [_acknowledgement(reassigned)], cancels=_WAITING)


def put_back(task: Task, reason: ReassignReason, now: datetime, policy: Policy) -> Decision[Task]:
    """Returns the task of an absent navigator to the queue, with a deadline that escalates."""
    require_transition(task.status, ReassignTask, TASK)
    by = acknowledge_by(task.due_at, now, policy)
    waiting = replace(task, status=Status.UNASSIGNED, navigator_id=None, block_reason=None, acknowledge_by=by).without_escalation()
    event = TaskReassigned(from_navigator_id=_holder(task), to_navigator_id=None, reason=reason.value)
    return Decision(waiting, [event], [_acknowledgement(waiting)], cancels=_WAITING)


#: The deadlines of the states without progress.
_WAITING = (TaskDeadline.ACKNOWLEDGEMENT, TaskDeadline.BLOCKED)


def with_acknowledgement(task: Task) -> tuple[Task, Sequence[Fact]]:
    """The task after its navigator has acknowledged it, and the event unless that happened before."""
    if task.status is not Status.ASSIGNED:
        return task, []
    event = TaskAcknowledged(navigator_id=_holder(task), source=task.source, source_id=task.source_id)
    return replace(task, status=Status.ACKNOWLEDGED).without_escalation(), [event]


def with_start(task: Task) -> tuple[Task, Sequence[Fact]]:
    """The task after its work has begun or continues, and the missing events: acknowledgement and start."""
    acknowledged, events = with_acknowledgement(task)
    if task.status is Status.BEGUN:
        return task, events
    begun = replace(acknowledged, status=Status.BEGUN, block_reason=None)
    continued = begun.without_escalation() if task.status is Status.BLOCKED else begun
    return continued, [*events, TaskBegun(navigator_id=_holder(task))]


def acknowledge_by(due_at: datetime, now: datetime, policy: Policy) -> datetime:
    """Within a working day, and no later than the due time."""
    by = policy.acknowledge_by(now)
    return due_at if now < due_at < by else by


def waiting_deadlines(task: Task) -> list[Deadline]:
    """The deadlines of a task without a navigator."""
    return [_acknowledgement(task), overdue_deadline(task)]


def overdue_deadline(task: Task) -> Deadline:
    return Deadline(TaskDeadline.OVERDUE, task.due_at + JUST_AFTER)


def _assigned_to(task: Task, navigator_id: str, now: datetime, policy: Policy) -> Task:
    by = acknowledge_by(task.due_at, now, policy)
    assigned = replace(task, status=Status.ASSIGNED, navigator_id=navigator_id, block_reason=None, acknowledge_by=by)
    return assigned.without_escalation()


def _acknowledgement(task: Task) -> Deadline:
    return Deadline(TaskDeadline.ACKNOWLEDGEMENT, task.acknowledge_by)


def _holder(task: Task) -> str:
    if task.navigator_id is None:
        raise ValueError(f"the task {task.id} is {task.status} and has no navigator")
    return task.navigator_id


def holders_of(task: Task, employer: str | None) -> list[Professional]:
    """The navigator of the task; none while it is in the queue. `employer` is their organisation."""
    return [Professional(task.navigator_id, employer)] if task.navigator_id and employer else []
