"""The end of a task: fulfilled with an outcome, or cancelled; and its restoration when a recorded death or move was a mistake.

Pure: values in, a Decision out. Sources: navigation-4, G39.
"""

from dataclasses import replace
from datetime import datetime

from services.navigation.commands import CancelTask, FulfilTask
from services.navigation.domain.policy import Policy
from services.navigation.domain.task import (
    TASK,
    Occurrence,
    Status,
    Task,
    TaskDeadline,
    acknowledge_by,
    waiting_deadlines,
    with_start,
)
from shared.contracts.navigation import COORDINATOR_REASONS, CancelReason, TaskCancelled, TaskFulfilled, TaskOutcome, TaskRestored
from shared.contracts.persons import PersonChange
from shared.kernel.decision import Decision
from shared.kernel.errors import IllegalTransition, InvalidField
from shared.kernel.state_table import require_transition
from shared.kernel.totality import total

#: How a cancellation and an outcome name a change of the person's life.
REASON_OF = total(PersonChange, {PersonChange.DEATH: CancelReason.PERSON_DIED, PersonChange.MOVE: CancelReason.PERSON_MOVED_AWAY})
OUTCOME_OF = total(PersonChange, {PersonChange.DEATH: TaskOutcome.PERSON_DIED, PersonChange.MOVE: TaskOutcome.PERSON_MOVED_AWAY})


class CancelReasonNotYours(InvalidField):
    """The reason of a cancellation belongs to the source of the task, which states it itself."""

    code = "cancel-reason-of-source"
    advice = "State `created-in-error`, `duplicate` or `no-longer-needed`; report a death or a move as the outcome of the task."
    field = "reason"


def fulfil(task: Task, command: FulfilTask, now: datetime) -> Decision[Task]:
    """Ends the task with an outcome, of which the lead is notified (navigation-4). Missing steps before it are recorded with it."""
    require_transition(task.status, FulfilTask, TASK)
    begun, events = with_start(task)
    fulfilled = replace(begun, status=Status.FULFILLED, outcome=command.outcome, ended_at=now)
    event = TaskFulfilled(
        kind=task.kind,
        source=task.source,
        source_id=task.source_id,
        outcome=command.outcome,
        action_id=task.action_id,
        is_concern=fulfilled.is_concern,
    )
    return Decision(fulfilled, [*events, event], cancels=list(TaskDeadline))


def cancel(task: Task, command: CancelTask, now: datetime) -> Decision[Task]:
    """A coordinator ends the task; its source gets the person back. Raises IllegalTransition, CancelReasonNotYours."""
    require_transition(task.status, CancelTask, TASK)
    require_coordinators_reason(command.reason)
    return _cancelled(task, command.reason, now)


def end(task: Task, reason: CancelReason, now: datetime) -> Decision[Task]:
    """The source of the task ended, or the person died or moved away."""
    trigger = Occurrence.PERSON_GONE if reason in REASON_OF.values() else Occurrence.SOURCE_ENDED
    require_transition(task.status, trigger, TASK)
    return _cancelled(task, reason, now)


def restore(task: Task, now: datetime, policy: Policy) -> Decision[Task]:
    """The death or move that ended the task was a mistake: it waits for a navigator, and is not due in the past.

    Raises IllegalTransition for a task with another end.
    """
    require_transition(task.status, Occurrence.PERSON_RESTORED, TASK)
    if change_that_ended(task) is None:
        raise IllegalTransition(Occurrence.PERSON_RESTORED, task.status)
    due_at = task.due_at if task.due_at > now else policy.due_from(now)
    restored = replace(
        task,
        status=Status.UNASSIGNED,
        due_at=due_at,
        acknowledge_by=acknowledge_by(due_at, now, policy),
        navigator_id=None,
        overdue_at=None,
        block_reason=None,
        outcome=None,
        cancel_reason=None,
        ended_at=None,
    ).without_escalation()
    return Decision(restored, [TaskRestored(due_at=due_at)], waiting_deadlines(restored))


def change_that_ended(task: Task) -> PersonChange | None:
    """The death or move that the end of the task names; None for another end, or none."""
    by = (change for change in PersonChange if task.cancel_reason is REASON_OF[change] or task.outcome is OUTCOME_OF[change])
    return next(by, None)


def require_coordinators_reason(reason: CancelReason) -> None:
    """Raises CancelReasonNotYours."""
    if reason not in COORDINATOR_REASONS:
        raise CancelReasonNotYours(f"The reason {reason} is not a coordinator's.")


def _cancelled(task: Task, reason: CancelReason, now: datetime) -> Decision[Task]:
    event = TaskCancelled(kind=task.kind, source=task.source, source_id=task.source_id, reason=reason.value, action_id=task.action_id)
    cancelled = replace(task, status=Status.CANCELLED, cancel_reason=reason, ended_at=now)
    return Decision(cancelled, [event], cancels=list(TaskDeadline))
