"""The entries of feeds."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.navigation.commands import AssignTask, BlockTask, EscalateTask, FulfilTask, ReassignTask, RescheduleTask
from services.navigation.domain import closure, due_time, escalation
from services.navigation.domain import task as tasks
from services.navigation.domain.feed import Change, FeedEntry, entries_for
from services.navigation.domain.task import OPEN, Status, Task
from shared.contracts.navigation import BlockReason, CancelReason, EscalationReason, ReassignReason, RescheduleReason, TaskOutcome
from shared.kernel.decision import Decision
from shared.kernel.errors import DomainError
from tests.builders.navigation import NAVIGATOR, OTHER, POLICY, a_task, at

NOW = at("15:00")
CODES = (NAVIGATOR, OTHER, "clch-navigator-3")

Act = Callable[[Task], Decision[Task]]


def acts() -> st.SearchStrategy[Act]:
    """Any change of a task, whether or not its state permits it."""
    code = st.sampled_from(CODES)
    days = st.integers(1, 30).map(lambda days: NOW + timedelta(days=days))
    return st.one_of(
        code.map(lambda code: lambda task: tasks.assign(task, AssignTask(code), NOW, POLICY)),
        code.map(lambda code: lambda task: tasks.reassign(task, ReassignTask(code, ReassignReason.WORKLOAD), NOW, POLICY)),
        days.map(lambda due_at: lambda task: due_time.reschedule(task, RescheduleTask(due_at, RescheduleReason.PERSON_ASKED), NOW)),
        st.sampled_from(
            [
                tasks.acknowledge,
                tasks.start,
                tasks.unblock,
                lambda task: closure.fulfil(task, FulfilTask(TaskOutcome.ARRANGED), NOW),
                lambda task: tasks.block(task, BlockTask(BlockReason.FUNDING), NOW, POLICY),
                lambda task: tasks.put_back(task, ReassignReason.ABSENCE, NOW, POLICY),
                lambda task: closure.end(task, CancelReason.PERSON_DIED, NOW),
                lambda task: escalation.escalate(task, EscalateTask(EscalationReason.CARER_STRAIN), NOW),
                lambda task: escalation.escalate_unacknowledged(task, NOW, POLICY),
                lambda task: closure.restore(task, NOW, POLICY),
                lambda task: due_time.mark_overdue(task, NOW, POLICY),
                lambda task: due_time.escalate_long_overdue(task, NOW, POLICY),
            ]
        ),
    )


def run(start: Task, steps: list[Act]) -> tuple[Task, list[FeedEntry]]:
    """The task after each permitted step, and all entries of the feeds."""
    task, entries = start, entries_for(None, start)
    for step in steps:
        try:
            after = step(task).state
        except DomainError:
            continue
        entries += entries_for(task, after)
        task = after
    return task, entries


@given(st.lists(acts(), max_size=25))
def test_feed_reader_knows_current_tasks(steps: list[Act]) -> None:
    task, entries = run(a_task(status=Status.UNASSIGNED), steps)

    for code in CODES:
        current = None
        for entry in (entry for entry in entries if entry.navigator_id == code):
            assert (entry.change is Change.ASSIGNED) == (current is None)
            current = None if entry.change is Change.TAKEN_AWAY else entry.task
        is_own = task.navigator_id == code and task.status is not Status.CANCELLED
        assert current == (task if is_own else None)


@given(st.lists(acts(), max_size=25))
def test_every_change_of_assigned_task_is_in_feed(steps: list[Act]) -> None:
    task, entries = run(a_task(status=Status.UNASSIGNED), steps)

    if task.navigator_id is not None:
        assert entries[-1].task == task


@pytest.mark.parametrize("status", [status for status in OPEN if status is not Status.UNASSIGNED])
def test_reassigned_task_leaves_one_feed_and_enters_other(status: Status) -> None:
    before = a_task(status=status)
    after = tasks.reassign(before, ReassignTask(OTHER, ReassignReason.WORKLOAD), NOW, POLICY).state

    assert entries_for(before, after) == [FeedEntry(NAVIGATOR, Change.TAKEN_AWAY, after), FeedEntry(OTHER, Change.ASSIGNED, after)]


def test_unassigned_task_is_in_no_feed() -> None:
    assert entries_for(None, a_task(status=Status.UNASSIGNED)) == []
