"""One call may fulfil, block or start a task before its acknowledgement; a repeated command changes nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

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
from services.navigation.domain import closure, due_time, escalation
from services.navigation.domain import task as tasks
from services.navigation.domain.repetition import is_repeated
from services.navigation.domain.task import HELD, PERSON_CONCERNS, Status, Task, TaskDeadline
from shared.contracts.navigation import (
    BlockReason,
    CancelReason,
    EscalationReason,
    ReassignReason,
    RescheduleReason,
    TaskAcknowledged,
    TaskBegun,
    TaskBlocked,
    TaskEscalated,
    TaskFulfilled,
    TaskOutcome,
)
from shared.kernel.decision import Decision
from tests.builders.navigation import NAVIGATOR, OTHER, POLICY, a_task, at

NOW = at("15:00")
LATER = NOW + timedelta(days=2)
ARRANGED = FulfilTask(TaskOutcome.ARRANGED)
FUNDING = BlockTask(BlockReason.FUNDING)


def a_held_task(status: Status) -> Task:
    return a_task(status=status, block_reason=BlockReason.FUNDING if status is Status.BLOCKED else None)


@pytest.mark.parametrize(
    ("status", "missing"),
    [
        (Status.ASSIGNED, [TaskAcknowledged, TaskBegun]),
        (Status.ACKNOWLEDGED, [TaskBegun]),
        (Status.BEGUN, []),
        (Status.BLOCKED, [TaskBegun]),
    ],
)
def test_one_call_fulfils_task_and_records_missing_steps(status: Status, missing: list[type]) -> None:
    task = a_held_task(status)

    decision = closure.fulfil(task, ARRANGED, NOW)

    assert [type(event) for event in decision.events] == [*missing, TaskFulfilled]
    assert (decision.state.status, decision.state.navigator_id, decision.state.block_reason) == (Status.FULFILLED, NAVIGATOR, None)
    assert set(decision.cancels) == set(TaskDeadline)


def test_one_call_starts_assigned_task() -> None:
    decision = tasks.start(a_task(escalation=EscalationReason.NOT_ACKNOWLEDGED, escalated_at=NOW))

    assert [type(event) for event in decision.events] == [TaskAcknowledged, TaskBegun]
    assert (decision.state.status, decision.state.escalated_at) == (Status.BEGUN, None)
    assert TaskDeadline.ACKNOWLEDGEMENT in decision.cancels


@pytest.mark.parametrize(("status", "missing"), [(Status.ASSIGNED, [TaskAcknowledged]), (Status.ACKNOWLEDGED, []), (Status.BEGUN, [])])
def test_one_call_blocks_task_and_records_missing_acknowledgement(status: Status, missing: list[type]) -> None:
    decision = tasks.block(a_task(status=status), FUNDING, NOW, POLICY)

    assert [type(event) for event in decision.events] == [*missing, TaskBlocked, TaskEscalated]
    assert TaskDeadline.ACKNOWLEDGEMENT in decision.cancels


@pytest.mark.parametrize("concern", PERSON_CONCERNS)
def test_concern_outlasts_the_one_call(concern: EscalationReason) -> None:
    fulfilled = closure.fulfil(a_task(escalation=concern, escalated_at=NOW), ARRANGED, LATER).state

    assert (fulfilled.escalation, fulfilled.escalated_at) == (concern, NOW)


Act = Callable[[Task], Decision[Task]]

#: Each command with a task before it, and the change.
REPEATABLE: list[tuple[Any, Task, Act]] = [
    (AssignTask(OTHER), a_task(status=Status.UNASSIGNED), lambda task: tasks.assign(task, AssignTask(OTHER), NOW, POLICY)),
    (AcknowledgeTask(), a_task(), tasks.acknowledge),
    (StartTask(), a_task(), tasks.start),
    (ARRANGED, a_task(), lambda task: closure.fulfil(task, ARRANGED, NOW)),
    (FUNDING, a_task(), lambda task: tasks.block(task, FUNDING, NOW, POLICY)),
    (
        EscalateTask(EscalationReason.CARER_STRAIN),
        a_task(),
        lambda task: escalation.escalate(task, EscalateTask(EscalationReason.CARER_STRAIN), NOW),
    ),
    (UnblockTask(), a_held_task(Status.BLOCKED), tasks.unblock),
    (
        ReassignTask(OTHER, ReassignReason.WORKLOAD),
        a_task(),
        lambda task: tasks.reassign(task, ReassignTask(OTHER, ReassignReason.WORKLOAD), NOW, POLICY),
    ),
    (
        RescheduleTask(LATER, RescheduleReason.SERVICE_DATE),
        a_task(),
        lambda task: due_time.reschedule(task, RescheduleTask(LATER, RescheduleReason.SERVICE_DATE), NOW),
    ),
    (
        CancelTask(CancelReason.DUPLICATE),
        a_task(),
        lambda task: closure.cancel(task, CancelTask(CancelReason.DUPLICATE), NOW),
    ),
]


def stored(decision: Decision[Task]) -> Task:
    """The task as a repository saves it."""
    return replace(decision.state, version=decision.state.version + len(decision.events))


@pytest.mark.parametrize(("command", "before", "act"), REPEATABLE, ids=[type(command).__name__ for command, _, _ in REPEATABLE])
def test_repeated_command_is_recognised_with_the_stale_version(command: object, before: Task, act: Act) -> None:
    after = stored(act(before))

    assert not is_repeated(before, command, before.version)
    assert is_repeated(after, command, before.version)


@pytest.mark.parametrize(
    ("command", "task"),
    [
        (FulfilTask(TaskOutcome.NOT_NEEDED), a_task(status=Status.FULFILLED, outcome=TaskOutcome.ARRANGED)),
        (BlockTask(BlockReason.WAITING_LIST), a_held_task(Status.BLOCKED)),
        (CancelTask(CancelReason.DUPLICATE), a_task(status=Status.CANCELLED, cancel_reason=CancelReason.PERSON_DIED)),
        (AcknowledgeTask(), a_task(status=Status.CANCELLED)),
        (AcknowledgeTask(), a_task(status=Status.UNASSIGNED)),
        (StartTask(), a_held_task(Status.BLOCKED)),
        (AssignTask(OTHER), a_task()),
        (ReassignTask(NAVIGATOR, ReassignReason.WORKLOAD), a_task(status=Status.FULFILLED)),
        (RescheduleTask(LATER, RescheduleReason.SERVICE_DATE), a_task(status=Status.FULFILLED, due_at=LATER)),
    ],
)
def test_other_content_or_state_is_no_repetition(command: object, task: Task) -> None:
    assert not is_repeated(task, command, task.version)


def test_second_escalation_on_present_version_is_another_one() -> None:
    concerned = a_task(escalation=EscalationReason.SAFETY_CONCERN, escalated_at=NOW)
    again = EscalateTask(EscalationReason.SAFETY_CONCERN)

    assert [is_repeated(concerned, again, version) for version in (concerned.version - 1, concerned.version)] == [True, False]


def test_held_states_are_those_of_one_call() -> None:
    assert tasks.TASK[FulfilTask].sources == frozenset(HELD)
