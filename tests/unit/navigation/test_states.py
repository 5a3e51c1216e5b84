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
from services.navigation.domain import due_time, ending, escalation
from services.navigation.domain import home_check as checks
from services.navigation.domain import navigator as navigators
from services.navigation.domain import task as tasks
from services.navigation.domain.home_check import HOME_CHECK, HomeCheck
from services.navigation.domain.navigator import NAVIGATOR, Navigator, Presence
from services.navigation.domain.task import ENDED, TASK, Status, Task
from shared.contracts.codes import Locality, Role
from shared.contracts.navigation import BlockReason, CancelReason, EscalationReason, ReassignReason, RescheduleReason, TaskOutcome
from shared.kernel.decision import Decision
from shared.kernel.errors import IllegalTransition
from shared.kernel.state_table import Transitions, Trigger, name_of
from tests.builders.navigation import OTHER, POLICY, a_home_check, a_navigator, a_task, at

NOW = at("15:00")
LATER = NOW + timedelta(days=2)

Aggregate = Task | Navigator | HomeCheck
Act = Callable[[Any], Decision[Any]]

TASK_ACTS: Mapping[Trigger, Act] = {
    AssignTask: lambda task: tasks.assign(task, AssignTask(OTHER), NOW, POLICY),
    AcknowledgeTask: tasks.acknowledge,
    StartTask: tasks.start,
    FulfilTask: lambda task: ending.fulfil(task, FulfilTask(TaskOutcome.ARRANGED), NOW),
    BlockTask: lambda task: tasks.block(task, BlockTask(BlockReason.WAITING_LIST), NOW, POLICY),
    EscalateTask: lambda task: escalation.escalate(task, EscalateTask(EscalationReason.SAFETY_CONCERN), NOW),
    UnblockTask: tasks.unblock,
    ReassignTask: lambda task: tasks.reassign(task, ReassignTask(OTHER, ReassignReason.WORKLOAD), NOW, POLICY),
    RescheduleTask: lambda task: due_time.reschedule(task, RescheduleTask(LATER, RescheduleReason.PERSON_ASKED), NOW),
    CancelTask: lambda task: ending.cancel(task, CancelTask(CancelReason.CREATED_IN_ERROR), NOW),
    tasks.TaskDeadline.ACKNOWLEDGEMENT: lambda task: escalation.escalate_unacknowledged(task, NOW, POLICY),
    tasks.TaskDeadline.BLOCKED: lambda task: escalation.escalate_blocked(task, NOW, POLICY),
    tasks.TaskDeadline.OVERDUE: lambda task: due_time.mark_overdue(task, NOW, POLICY),
    tasks.TaskDeadline.LONG_OVERDUE: lambda task: due_time.escalate_long_overdue(task, NOW, POLICY),
    tasks.Occurrence.SOURCE_ENDED: lambda task: ending.end(task, CancelReason.CARE_PLAN_CLOSED, NOW),
    tasks.Occurrence.PERSON_GONE: lambda task: ending.end(task, CancelReason.PERSON_DIED, NOW),
    tasks.Occurrence.PERSON_RESTORED: lambda task: ending.restore(task, NOW, POLICY),
}
NAVIGATOR_ACTS: Mapping[Trigger, Act] = {
    RegisterNavigator: lambda found: navigators.move(found, RegisterNavigator(Locality.LOCALITY_B, Role.CARE_NAVIGATOR)),
    DeclareAvailability: lambda found: navigators.declare_availability(found, DeclareAvailability(is_available=False), NOW, POLICY),
    navigators.NavigatorDeadline.RETURN: navigators.return_to_work,
    navigators.NavigatorDeadline.RETURN_UNKNOWN: lambda found: navigators.ask_return(found, NOW, POLICY),
}
HOME_CHECK_ACTS: Mapping[Trigger, Act] = {
    CancelHomeCheck: lambda check: checks.cancel(check, CancelHomeCheck(CancelReason.CREATED_IN_ERROR), NOW),
    checks.HomeCheckDeadline.DUE: lambda check: checks.fall_due(check, NOW),
    checks.Occurrence.PERSON_GONE: lambda check: checks.end(check, CancelReason.PERSON_DIED, NOW),
    checks.Occurrence.PERSON_RESTORED: checks.restore,
    checks.Occurrence.DISCHARGE_RECORDED: checks.expect_again,
}


def a_task_in(status: Status) -> Task:
    """A blocked task has its reason; an ended one ended with the person's death."""
    return a_task(
        status=status,
        block_reason=BlockReason.FUNDING if status is Status.BLOCKED else None,
        cancel_reason=CancelReason.PERSON_DIED if status is Status.CANCELLED else None,
        outcome=TaskOutcome.PERSON_DIED if status is Status.FULFILLED else None,
    )


TRIGGERS_IN_STATES: list[tuple[Transitions, Trigger, Aggregate, Act]] = [
    *((TASK, trigger, a_task_in(status), TASK_ACTS[trigger]) for trigger, status in product(TASK, Status)),
    *((NAVIGATOR, trigger, a_navigator(presence=presence), NAVIGATOR_ACTS[trigger]) for trigger, presence in product(NAVIGATOR, Presence)),
    *(
        (HOME_CHECK, trigger, a_home_check(status=status), HOME_CHECK_ACTS[trigger])
        for trigger, status in product(HOME_CHECK, checks.Status)
    ),
]


def status_of(state: Aggregate) -> StrEnum:
    return state.presence if isinstance(state, Navigator) else state.status


@pytest.mark.parametrize(
    ("table", "trigger", "state", "act"),
    TRIGGERS_IN_STATES,
    ids=[f"{name_of(trigger)}-{status_of(state)}" for _, trigger, state, _ in TRIGGERS_IN_STATES],
)
def test_trigger_follows_its_state_table(table: Transitions, trigger: Trigger, state: Aggregate, act: Act) -> None:
    row = table[trigger]
    if status_of(state) not in row.sources:
        with pytest.raises(IllegalTransition) as refusal:
            act(state)
        assert name_of(trigger) in refusal.value.detail
        return

    decision = act(state)

    assert status_of(decision.state) in (row.targets or {status_of(state)})
    assert {type(event) for event in decision.events} <= row.emits
    assert bool(decision.events) is bool(row.emits)


def test_rows_with_several_events_or_targets_reach_all() -> None:
    """The rows that emit several events, and the row that may lead back to the queue."""
    started, fulfilled = tasks.start(a_task()), TASK_ACTS[FulfilTask](a_task())
    blocked = tasks.block(a_task(), BlockTask(BlockReason.FUNDING), NOW, POLICY)
    put_back = tasks.put_back(a_task(), ReassignReason.ABSENCE, NOW, POLICY)

    assert {type(event) for event in blocked.events} == TASK[BlockTask].emits
    assert {type(event) for event in started.events} == TASK[StartTask].emits
    assert {type(event) for event in fulfilled.events} == TASK[FulfilTask].emits
    assert {put_back.state.status, TASK_ACTS[ReassignTask](a_task()).state.status} == TASK[ReassignTask].targets


@pytest.mark.parametrize("status", ENDED)
def test_ended_task_refuses_every_trigger_but_its_restoration(status: Status) -> None:
    ended = a_task_in(status)

    for trigger, act in TASK_ACTS.items():
        if trigger is not tasks.Occurrence.PERSON_RESTORED:
            with pytest.raises(IllegalTransition):
                act(replace(ended))
