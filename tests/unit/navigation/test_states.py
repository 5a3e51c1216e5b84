"""Each trigger in each state is refused, or leads to a target of the state table."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

import pytest

from services.navigation.commands import (
    AcknowledgeTask,
    AssignTask,
    BlockTask,
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
from services.navigation.domain import due_time
from services.navigation.domain import navigator as navigators
from services.navigation.domain import task as tasks
from services.navigation.domain.navigator import NAVIGATOR, Presence
from services.navigation.domain.task import TASK, Status
from shared.contracts.codes import Locality, Role
from shared.contracts.navigation import BlockReason, CancelReason, EscalationReason, ReassignReason, RescheduleReason, TaskOutcome
from shared.kernel.decision import Decision
from shared.kernel.errors import IllegalTransition
from shared.kernel.state_table import Transitions, Trigger, name_of
from tests.builders.navigation import OTHER, POLICY, a_navigator, a_task, at

NOW = at("15:00")
LATER = NOW + timedelta(days=2)

TASK_ACTS: Mapping[Trigger, Callable[[Any], Decision[Any]]] = {
    AssignTask: lambda task: tasks.assign(task, AssignTask(OTHER), NOW, POLICY),
    AcknowledgeTask: tasks.acknowledge,
    StartTask: tasks.start,
    FulfilTask: lambda task: tasks.fulfil(task, FulfilTask(TaskOutcome.ARRANGED), NOW),
    BlockTask: lambda task: tasks.block(task, BlockTask(BlockReason.WAITING_LIST), NOW),
    EscalateTask: lambda task: tasks.escalate(task, EscalateTask(EscalationReason.SAFETY_CONCERN), NOW),
    UnblockTask: tasks.unblock,
    ReassignTask: lambda task: tasks.reassign(task, ReassignTask(OTHER, ReassignReason.WORKLOAD), NOW, POLICY),
    RescheduleTask: lambda task: due_time.reschedule(task, RescheduleTask(LATER, RescheduleReason.PERSON_ASKED), NOW),
    CancelTask: lambda task: tasks.cancel(task, CancelTask(CancelReason.CREATED_IN_ERROR), NOW),
    tasks.TaskDeadline.ACKNOWLEDGEMENT: lambda task: tasks.escalate_unacknowledged(task, NOW),
    tasks.TaskDeadline.OVERDUE: lambda task: due_time.mark_overdue(task, NOW, POLICY),
    tasks.TaskDeadline.LONG_OVERDUE: lambda task: due_time.escalate_long_overdue(task, NOW, POLICY),
}
NAVIGATOR_ACTS: Mapping[Trigger, Callable[[Any], Decision[Any]]] = {
    RegisterNavigator: lambda found: navigators.move(found, RegisterNavigator(Locality.LOCALITY_B, Role.CARE_NAVIGATOR)),
    DeclareAvailability: lambda found: navigators.declare_availability(found, DeclareAvailability(is_available=False), NOW),
    navigators.NavigatorDeadline.RETURN: navigators.return_to_work,
}


def check(table: Transitions, trigger: Trigger, state: Any, act: Callable[[Any], Decision[Any]], status: Callable[[Any], StrEnum]) -> None:
    """Asserts that a trigger the table permits leads to a target of the table, and that another is refused."""
    row = table[trigger]
    if status(state) not in row.sources:
        with pytest.raises(IllegalTransition) as refusal:
            act(state)
        assert name_of(trigger) in refusal.value.detail
        return
    decision = act(state)
    assert status(decision.state) in (row.targets or {status(state)})
    assert {type(event) for event in decision.events} <= row.emits
    assert decision.events


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("trigger", TASK, ids=name_of)
def test_task_follows_its_state_table(trigger: Trigger, status: Status) -> None:
    check(TASK, trigger, a_task(status=status), TASK_ACTS[trigger], lambda task: task.status)


@pytest.mark.parametrize("presence", Presence)
@pytest.mark.parametrize("trigger", NAVIGATOR, ids=name_of)
def test_navigator_follows_its_state_table(trigger: Trigger, presence: Presence) -> None:
    check(NAVIGATOR, trigger, a_navigator(presence=presence), NAVIGATOR_ACTS[trigger], lambda found: found.presence)


def test_rows_with_several_events_or_targets_reach_all() -> None:
    """The row that emits two events, and the row that may lead back to the queue."""
    blocked = tasks.block(a_task(status=Status.BEGUN), BlockTask(BlockReason.FUNDING), NOW)
    put_back = tasks.put_back(a_task(), ReassignReason.ABSENCE, NOW, POLICY)

    assert {type(event) for event in blocked.events} == TASK[BlockTask].emits
    assert {put_back.state.status, TASK_ACTS[ReassignTask](a_task()).state.status} == TASK[ReassignTask].targets


@pytest.mark.parametrize("status", [Status.FULFILLED, Status.CANCELLED])
def test_ended_task_refuses_every_trigger(status: Status) -> None:
    ended = a_task(status=status)

    for act in TASK_ACTS.values():
        with pytest.raises(IllegalTransition):
            act(replace(ended))
