"""Due times of tasks: rescheduled by navigator, coordinator or plan; overdue once for each due time; long overdue.

Pure: values in, a Decision out. Source: navigation-8.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from services.navigation.commands import RescheduleTask
from services.navigation.domain.escalation import escalated
from services.navigation.domain.policy import Policy
from services.navigation.domain.task import TASK, Task, TaskDeadline, overdue_deadline
from shared.contracts.navigation import EscalationReason, TaskOverdue, TaskRescheduled
from shared.kernel.date_limits import require_within
from shared.kernel.decision import Deadline, Decision
from shared.kernel.errors import InvalidField, RuleBroken
from shared.kernel.state_table import require_transition


class DueTimePassed(InvalidField):
    """The new due time does not lie in the future."""

    code = "due-time-passed"
    advice = "Name a time in the future."
    field = "due_at"


class RescheduleLimitExceeded(RuleBroken):
    """A navigator may reschedule a task a limited number of times and by a limited number of days."""

    code = "reschedule-limit-exceeded"
    advice = "Ask a coordinator to reschedule the task."


def move(task: Task, command: RescheduleTask, now: datetime, policy: Policy) -> Decision[Task]:
    """A navigator reschedules their task, within limits of number and days.

    Raises as `reschedule` does, and RescheduleLimitExceeded.
    """
    moved = reschedule(replace(task, navigator_reschedules=task.navigator_reschedules + 1), command, now)
    if task.navigator_reschedules >= policy.navigator_reschedules:
        raise RescheduleLimitExceeded(f"The navigator has rescheduled the task {task.navigator_reschedules} times.")
    if command.due_at > now + timedelta(days=policy.own_move_within_days):
        raise RescheduleLimitExceeded(f"A navigator may reschedule by at most {policy.own_move_within_days} days.")
    return moved


def set_by_coordinator(task: Task, command: RescheduleTask, now: datetime, policy: Policy) -> Decision[Task]:
    """A coordinator reschedules a task, as often as needed. Raises as `reschedule` does, and DateOutOfLimits."""
    moved = reschedule(task, command, now)
    require_within("due_at", command.due_at, now, now + policy.planned_within)
    return moved


def reschedule(task: Task, command: RescheduleTask, now: datetime) -> Decision[Task]:
    """Changes the due time, and with it the instant at which the task becomes overdue (navigation-8).

    Raises IllegalTransition, DueTimePassed.
    """
    require_transition(task.status, RescheduleTask, TASK)
    if command.due_at <= now:
        raise DueTimePassed("The new due time is not in the future.")
    moved = replace(task, due_at=command.due_at, overdue_at=None)
    if task.escalation is EscalationReason.LONG_OVERDUE:
        moved = replace(moved, escalation=None, escalated_at=None)
    event = TaskRescheduled(from_due_at=task.due_at, due_at=command.due_at, reason=command.reason.value)
    return Decision(moved, [event], [overdue_deadline(moved)], cancels=[TaskDeadline.OVERDUE, TaskDeadline.LONG_OVERDUE])


def mark_overdue(task: Task, due_at: datetime, policy: Policy) -> Decision[Task]:
    """Flags the task at the first instant after its due time, once for each due time.

    A task that stays overdue is escalated to the lead; later when it is escalated already.
    """
    require_transition(task.status, TaskDeadline.OVERDUE, TASK)
    is_new = task.escalation is None
    long_at = policy.escalate_overdue_at(task.due_at) if is_new else policy.escalate_overdue_again_at(task.due_at)
    event = TaskOverdue(kind=task.kind, due_at=task.due_at)
    return Decision(replace(task, overdue_at=due_at), [event], [Deadline(TaskDeadline.LONG_OVERDUE, long_at)])


def escalate_long_overdue(task: Task, now: datetime, policy: Policy) -> Decision[Task]:
    """Escalates a task that stays overdue, and repeats this until it is done or rescheduled."""
    require_transition(task.status, TaskDeadline.LONG_OVERDUE, TASK)
    again = Deadline(TaskDeadline.LONG_OVERDUE, policy.escalate_overdue_again_at(now))
    return replace(escalated(task, EscalationReason.LONG_OVERDUE, now), deadlines=[again])
