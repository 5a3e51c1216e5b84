"""Each trigger in each state is refused, or leads to a target of the state table."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from itertools import product
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
from services.navigation.domain.navigator import NAVIGATOR, Navigator, Presence
from services.navigation.domain.task import TASK, Status, Task
from shared.contracts.codes import Locality, Role
from shared.contracts.navigation import BlockReason, CancelReason, EscalationReason, ReassignReason, RescheduleReason, TaskOutcome
from shared.kernel.decision import Decision
from shared.kernel.errors import IllegalTransition
from shared.kernel.state_table import Transitions, Trigger, name_of
from tests.builders.navigation import OTHER, POLICY, a_navigator, a_task, at

NOW = at("15:00")
LATER = NOW + timedelta(days=2)

Act = Callable[[Any], Decision[Any]]

TASK_ACTS: Mapping[Trigger, Act] = {
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
NAVIGATOR_ACTS: Mapping[Trigger, Act] = {
    RegisterNavigator: lambda found: navigators.move(found, RegisterNavigator(Locality.LOCALITY_B, Role.CARE_NAVIGATOR)),
    DeclareAvailability: lambda found: navigators.declare_availability(found, DeclareAvailability(is_available=False), NOW),
    navigators.NavigatorDeadline.RETURN: navigators.return_to_work,
}

TRIGGERS_IN_STATES: list[tuple[Transitions, Trigger, Task | Navigator, Act]] = [
    *((TASK, trigger, a_task(status=status), TASK_ACTS[trigger]) for trigger, status in product(TASK, Status)),
    *((NAVIGATOR, trigger, a_navigator(presence=presence), NAVIGATOR_ACTS[trigger]) for trigger, presence in product(NAVIGATOR, Presence)),
]


def status_of(state: Task | Navigator) -> StrEnum:
    return state.status if isinstance(state, Task) else state.presence


@pytest.mark.parametrize(
    ("table", "trigger", "state", "act"),
    TRIGGERS_IN_STATES,
    ids=[f"{name_of(trigger)}-{status_of(state)}" for _, trigger, state, _ in TRIGGERS_IN_STATES],
)
def test_trigger_follows_its_state_table(table: Transitions, trigger: Trigger, state: Task | Navigator, act: Act) -> None:
    row = table[trigger]
    if status_of(state) not in row.sources:
        with pytest.raises(IllegalTransition) as refusal:
            act(state)
        assert name_of(trigger) in refusal.value.detail
        return

    decision = act(state)

    assert status_of(decision.state) in (row.targets or {status_of(state)})
    assert {type(event) for event in decision.events} <= row.emits
    assert decision.events


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
