"""Repeated commands: the task already is as the command asks, so that a repetition after a lost response changes nothing (D7).

Who may send the command is decided before. The rest of a repeated command, its version included, no longer matters.
"""

from collections.abc import Callable, Mapping
from typing import Any

from services.navigation.commands import (
    AcknowledgeTask,
    AssignTask,
    BlockTask,
    CancelTask,
    DeclareAvailability,
    EscalateTask,
    FulfilTask,
    ReassignTask,
    RescheduleTask,
    StartTask,
    UnblockTask,
)
from services.navigation.domain.navigator import Navigator, Presence
from services.navigation.domain.task import HELD, OPEN, TASK, Status, Task
from shared.kernel.state_table import Trigger
from shared.kernel.totality import total

#: States of a task that its navigator has acknowledged.
_ACKNOWLEDGED = (Status.ACKNOWLEDGED, Status.BEGUN, Status.BLOCKED, Status.FULFILLED)
_STARTED = (Status.BEGUN, Status.FULFILLED)


#: Whether a command has been carried out, from the task, the command and whether its sender saw an older version.
_IS_DONE: Mapping[Trigger, Callable[[Task, Any, bool], bool]] = total(
    [trigger for trigger in TASK if isinstance(trigger, type)],
    {
        AssignTask: lambda task, command, _: task.status in HELD and task.navigator_id == command.navigator_id,
        AcknowledgeTask: lambda task, _, __: task.status in _ACKNOWLEDGED,
        StartTask: lambda task, _, __: task.status in _STARTED,
        FulfilTask: lambda task, command, _: task.status is Status.FULFILLED and task.outcome is command.outcome,
        BlockTask: lambda task, command, _: task.status is Status.BLOCKED and task.block_reason is command.reason,
        EscalateTask: lambda task, command, is_stale: is_stale and task.status in OPEN and task.escalation is command.reason,
        UnblockTask: lambda task, _, __: task.status is Status.BEGUN,
        ReassignTask: lambda task, command, _: task.status in HELD and task.navigator_id == command.navigator_id,
        RescheduleTask: lambda task, command, _: task.status in OPEN and task.due_at == command.due_at,
        CancelTask: lambda task, command, _: task.status is Status.CANCELLED and task.cancel_reason is command.reason,
    },
)


def is_repeated(task: Task, command: object, version: int) -> bool:
    """Whether the command has been carried out. A second escalation on the present version is another one."""
    return _IS_DONE[type(command)](task, command, version < task.version)


def is_declared(navigator: Navigator, command: DeclareAvailability) -> bool:
    """Whether the navigator is present or away as the command says. Away without a day of return is confirmed when it was asked for."""
    is_available = navigator.presence is Presence.AVAILABLE
    return is_available == command.is_available and navigator.away_until == command.until and navigator.return_unknown_at is None
