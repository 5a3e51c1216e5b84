"""Every trigger of the state tables of navigation as a change of an aggregate, for tests that try each one in each state."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from services.navigation.commands import (
    AcknowledgeTask,
    AssignTask,
    BlockTask,
    CancelHomeCheck,
    CancelTask,
    DeclareAvailability,
    EscalateTask,
    FulfilTask,
    ReassignTask,
    RegisterNavigator,
    RescheduleTask,
    StartTask,
    UnblockTask,
)
from services.navigation.domain import closure, due_time, escalation
from services.navigation.domain import home_check as checks
from services.navigation.domain import navigator as navigators
from services.navigation.domain import task as tasks
from services.navigation.domain.task import Status, Task
from shared.contracts.codes import Locality, Role
from shared.contracts.navigation import BlockReason, CancelReason, EscalationReason, ReassignReason, RescheduleReason, TaskOutcome
from shared.contracts.persons import PersonChange, RecordedChange
from shared.kernel.decision import Decision
from shared.kernel.state_table import Trigger
from tests.builders.navigation import OTHER, POLICY, a_task

Act = Callable[[Any], Decision[Any]]


def task_commands_at(now: datetime, navigator_id: str = OTHER, due_at: datetime | None = None) -> dict[type, Any]:
    """One command of each class, as a caller may send it at this time."""
    commands = [
        AssignTask(navigator_id),
        AcknowledgeTask(),
        StartTask(),
        FulfilTask(TaskOutcome.ARRANGED),
        BlockTask(BlockReason.WAITING_LIST),
        EscalateTask(EscalationReason.SAFETY_CONCERN),
        UnblockTask(),
        ReassignTask(navigator_id, ReassignReason.WORKLOAD),
        RescheduleTask(due_at or now + timedelta(days=2), RescheduleReason.PERSON_ASKED),
        CancelTask(CancelReason.NO_LONGER_NEEDED),
    ]
    return {type(command): command for command in commands}


def task_acts(now: datetime, **content: Any) -> Mapping[Trigger, Act]:
    """The changes of a task at this time, by trigger. `content` is that of `task_commands_at`."""
    by_class = task_commands_at(now, **content)
    return {
        AssignTask: lambda task: tasks.assign(task, by_class[AssignTask], now, POLICY),
        AcknowledgeTask: tasks.acknowledge,
        StartTask: tasks.start,
        FulfilTask: lambda task: closure.fulfil(task, by_class[FulfilTask], now),
        BlockTask: lambda task: tasks.block(task, by_class[BlockTask], now, POLICY),
        EscalateTask: lambda task: escalation.escalate(task, by_class[EscalateTask], now),
        UnblockTask: tasks.unblock,
        ReassignTask: lambda task: tasks.reassign(task, by_class[ReassignTask], now, POLICY),
        RescheduleTask: lambda task: due_time.reschedule(task, by_class[RescheduleTask], now),
        CancelTask: lambda task: closure.cancel(task, by_class[CancelTask], now),
        tasks.TaskDeadline.ACKNOWLEDGEMENT: lambda task: escalation.escalate_unacknowledged(task, now, POLICY),
        tasks.TaskDeadline.BLOCKED: lambda task: escalation.escalate_blocked(task, now, POLICY),
        tasks.TaskDeadline.OVERDUE: lambda task: due_time.mark_overdue(task, now, POLICY),
        tasks.TaskDeadline.LONG_OVERDUE: lambda task: due_time.escalate_long_overdue(task, now, POLICY),
        tasks.Occurrence.SOURCE_ENDED: lambda task: closure.end(task, CancelReason.CARE_PLAN_CLOSED, now),
        tasks.Occurrence.PERSON_GONE: lambda task: closure.end(task, CancelReason.PERSON_DIED, now),
        tasks.Occurrence.PERSON_RESTORED: lambda task: closure.restore(task, now, POLICY),
    }


def navigator_acts(now: datetime, *, until: datetime | None = None, is_available: bool = False) -> Mapping[Trigger, Act]:
    """The changes of a navigator at this time, by trigger."""
    moved, declared = RegisterNavigator(Locality.LOCALITY_B, Role.CARE_NAVIGATOR), DeclareAvailability(is_available, until)
    return {
        RegisterNavigator: lambda found: navigators.move(found, moved),
        DeclareAvailability: lambda found: navigators.declare_availability(found, declared, now, POLICY),
        navigators.NavigatorDeadline.RETURN: navigators.return_to_work,
        navigators.NavigatorDeadline.RETURN_UNKNOWN: lambda found: navigators.ask_return(found, now, POLICY),
    }


def home_check_acts(now: datetime) -> Mapping[Trigger, Act]:
    """The changes of a home check at this time, by trigger."""
    return {
        CancelHomeCheck: lambda check: checks.cancel(check, CancelHomeCheck(CancelReason.CREATED_IN_ERROR), now),
        checks.HomeCheckDeadline.DUE: lambda check: checks.fall_due(check, now),
        checks.Occurrence.PERSON_GONE: lambda check: checks.end(check, RecordedChange(PersonChange.DEATH, now), now),
        checks.Occurrence.PERSON_RESTORED: checks.restore,
        checks.Occurrence.DISCHARGE_RECORDED: checks.expect_again,
    }


def a_task_in(status: Status, **changes: Any) -> Task:
    """A blocked task has its reason; an ended one ended with the person's death."""
    fields: dict[str, Any] = {
        "block_reason": BlockReason.FUNDING if status is Status.BLOCKED else None,
        "cancel_reason": CancelReason.PERSON_DIED if status is Status.CANCELLED else None,
        "outcome": TaskOutcome.PERSON_DIED if status is Status.FULFILLED else None,
    }
    return a_task(status=status, **(fields | changes))
