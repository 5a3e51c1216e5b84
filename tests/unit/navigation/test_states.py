"""Each trigger in each state is refused, or leads to a target of the state table."""

from enum import StrEnum
from itertools import product

import pytest

from services.navigation.commands import BlockTask, FulfilTask, ReassignTask, StartTask
from services.navigation.domain import home_check as checks
from services.navigation.domain import task as tasks
from services.navigation.domain.home_check import HOME_CHECK, HomeCheck
from services.navigation.domain.navigator import NAVIGATOR, Navigator, Presence
from services.navigation.domain.task import ENDED, TASK, Status, Task
from shared.contracts.navigation import BlockReason, ReassignReason
from shared.kernel.errors import IllegalTransition
from shared.kernel.state_table import Transitions, Trigger, name_of
from tests.builders.navigation import POLICY, a_home_check, a_navigator, a_task, at
from tests.builders.navigation_acts import Act, a_task_in, home_check_acts, navigator_acts, task_acts

NOW = at("15:00")

Aggregate = Task | Navigator | HomeCheck
TASK_ACTS = task_acts(NOW)

TRIGGERS_IN_STATES: list[tuple[Transitions, Trigger, Aggregate, Act]] = [
    *((TASK, trigger, a_task_in(status), TASK_ACTS[trigger]) for trigger, status in product(TASK, Status)),
    *(
        (NAVIGATOR, trigger, a_navigator(presence=presence), navigator_acts(NOW)[trigger])
        for trigger, presence in product(NAVIGATOR, Presence)
    ),
    *(
        (HOME_CHECK, trigger, a_home_check(status=status), home_check_acts(NOW)[trigger])
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

    assert {type(event) for event in started.events} == TASK[StartTask].emits
    assert {type(event) for event in fulfilled.events} == TASK[FulfilTask].emits
    assert {type(event) for event in blocked.events} == TASK[BlockTask].emits
    assert {put_back.state.status, TASK_ACTS[ReassignTask](a_task()).state.status} == TASK[ReassignTask].targets


@pytest.mark.parametrize("status", ENDED)
def test_ended_task_refuses_every_trigger_but_its_restoration(status: Status) -> None:
    ended = a_task_in(status)

    for trigger, act in TASK_ACTS.items():
        if trigger is not tasks.Occurrence.PERSON_RESTORED:
            with pytest.raises(IllegalTransition):
                act(ended)
