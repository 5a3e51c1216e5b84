"""Escalations of a task to the accountable lead: by a navigator, and by deadlines that repeat them until the work continues.

An escalation never ends in silence. Pure: values in, a Decision out. Sources: AC12, navigation-4.
"""

from dataclasses import replace
from datetime import datetime

from services.navigation.commands import EscalateTask
from services.navigation.domain.policy import Policy
from services.navigation.domain.task import TASK, Task, TaskDeadline
from shared.contracts.navigation import BlockReason, EscalationReason, TaskEscalated
from shared.kernel.decision import Deadline, Decision
from shared.kernel.state_table import require_transition


def escalate(task: Task, command: EscalateTask, now: datetime) -> Decision[Task]:
    """Escalates the task to the lead while the work continues."""
    require_transition(task.status, EscalateTask, TASK)
    return escalated(task, command.reason, now)


def escalate_unacknowledged(task: Task, now: datetime, policy: Policy) -> Decision[Task]:
    """Escalates a task that was not assigned or acknowledged in time, and repeats this until a navigator has acknowledged it."""
    require_transition(task.status, TaskDeadline.ACKNOWLEDGEMENT, TASK)
    reason = EscalationReason.NOT_ACKNOWLEDGED if task.navigator_id else EscalationReason.NO_NAVIGATOR_AVAILABLE
    again = Deadline(TaskDeadline.ACKNOWLEDGEMENT, policy.escalate_waiting_again_at(now, task.due_at - task.created_at))
    return replace(escalated(task, reason, now), deadlines=[again])


def escalate_blocked(task: Task, now: datetime, policy: Policy) -> Decision[Task]:
    """Escalates a task that stays blocked, and repeats this until the work continues or ends."""
    require_transition(task.status, TaskDeadline.BLOCKED, TASK)
    if task.block_reason is None:
        raise ValueError(f"the task {task.id} is blocked without a reason")
    again = Deadline(TaskDeadline.BLOCKED, policy.escalate_blocked_again_at(now))
    return replace(escalated(task, task.block_reason, now), deadlines=[again])


def escalated(task: Task, reason: EscalationReason | BlockReason, now: datetime) -> Decision[Task]:
    """Escalates the task to the lead; its state stays."""
    return Decision(task.escalated(reason, now), [TaskEscalated(kind=task.kind, reason=reason.value)])
