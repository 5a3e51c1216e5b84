"""One task: its deadlines, its outcome, and its escalation."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from services.navigation.commands import AssignTask, BlockTask, CancelTask, EscalateTask, FulfilTask, ReassignTask, RescheduleTask
from services.navigation.domain import closure, due_time, escalation
from services.navigation.domain import task as tasks
from services.navigation.domain.closure import CancelReasonNotYours
from services.navigation.domain.due_time import DueTimePassed, RescheduleLimitExceeded
from services.navigation.domain.task import PERSON_CONCERNS, Status, TaskDeadline
from services.navigation.domain.work import Work
from shared.clock import LONDON
from shared.contracts.codes import Locality, Role, TaskKind
from shared.contracts.navigation import (
    BlockReason,
    CancelReason,
    EscalationReason,
    ReassignReason,
    RescheduleReason,
    TaskBlocked,
    TaskCancelled,
    TaskCreated,
    TaskEscalated,
    TaskFulfilled,
    TaskOutcome,
    TaskReassigned,
    TaskRescheduled,
    TaskSource,
)
from shared.kernel.decision import Deadline
from shared.kernel.ids import PersonId, new_id
from tests.builders.navigation import NAVIGATOR, OTHER, POLICY, a_task, at

MICROSECOND = timedelta(microseconds=1)


def a_work() -> Work:
    return Work(
        task_id=new_id(),
        person_id=PersonId(new_id()),
        correlation_id=new_id(),
        kind=TaskKind.PERSONAL_BUDGET_ADVICE,
        source=TaskSource.CARE_PLAN,
        source_id=new_id(),
        role=Role.CARE_NAVIGATOR,
        locality=Locality.WEST,
        due_at=at("17:00", date(2015, 3, 11)),
        action_id=new_id(),
    )


def test_new_task_has_escalation_and_due_deadlines() -> None:
    work = a_work()

    decision = tasks.create(work, at("14:00"), POLICY)

    task = decision.state
    assert (task.status, task.navigator_id, task.version) == (Status.UNASSIGNED, None, 0)
    assert list(decision.deadlines) == [
        Deadline(TaskDeadline.ACKNOWLEDGEMENT, at("14:00", date(2015, 3, 5))),
        Deadline(TaskDeadline.OVERDUE, work.due_at + MICROSECOND),
    ]
    [event] = decision.events
    assert isinstance(event, TaskCreated)
    assert (event.source_id, event.action_id) == (work.source_id, work.action_id)


@pytest.mark.parametrize(
    ("assigned_at", "acknowledge_by"),
    [
        (at("14:00"), at("14:00", date(2015, 3, 5))),
        (at("16:30", date(2015, 3, 6)), at("16:30", date(2015, 3, 9))),
        (at("10:00", date(2015, 3, 7)), at("10:00", date(2015, 3, 9))),
        (at("10:00", date(2015, 4, 2)), at("10:00", date(2015, 4, 7))),
        (datetime(2015, 3, 27, 9, tzinfo=UTC), datetime(2015, 3, 30, 8, tzinfo=UTC)),
    ],
    ids=["midweek", "friday", "saturday", "before Easter", "over the change of the clocks"],
)
def test_task_must_be_acknowledged_within_one_working_day(assigned_at: datetime, acknowledge_by: datetime) -> None:
    decision = tasks.assign(a_task(status=Status.UNASSIGNED), AssignTask(OTHER), assigned_at, POLICY)

    assert decision.state.acknowledge_by == acknowledge_by
    assert (list(decision.cancels), list(decision.deadlines)) == (
        [TaskDeadline.ACKNOWLEDGEMENT],
        [Deadline(TaskDeadline.ACKNOWLEDGEMENT, acknowledge_by)],
    )


def test_default_due_time_is_five_working_days() -> None:
    assert POLICY.due_from(at("14:00")) == at("14:00", date(2015, 3, 11))


def test_due_day_ends_at_office_closing() -> None:
    assert POLICY.due_on(date(2015, 7, 1)) == datetime(2015, 7, 1, 17, tzinfo=LONDON)


@pytest.mark.acceptance("navigation-4")
def test_fulfilled_task_has_outcome_and_no_deadline() -> None:
    task = a_task(status=Status.BEGUN)

    decision = closure.fulfil(task, FulfilTask(TaskOutcome.ADVICE_GIVEN), at("15:00"))

    assert (decision.state.status, decision.state.outcome, decision.state.ended_at) == (
        Status.FULFILLED,
        TaskOutcome.ADVICE_GIVEN,
        at("15:00"),
    )
    assert set(decision.cancels) == set(TaskDeadline)
    assert decision.events == [
        TaskFulfilled(
            kind=task.kind, source=task.source, source_id=task.source_id, outcome=TaskOutcome.ADVICE_GIVEN, action_id=task.action_id
        )
    ]


@pytest.mark.acceptance("navigation-4")
@pytest.mark.parametrize("reason", BlockReason)
def test_blocked_task_escalates_with_its_reason(reason: BlockReason) -> None:
    task = a_task(status=Status.BEGUN)

    decision = tasks.block(task, BlockTask(reason), at("15:00"), POLICY)

    assert (decision.state.status, decision.state.block_reason, decision.state.escalated_at) == (Status.BLOCKED, reason, at("15:00"))
    assert decision.events == [TaskBlocked(kind=task.kind, reason=reason), TaskEscalated(kind=task.kind, reason=reason.value)]


def test_blocked_task_escalates_again_while_it_stays_blocked() -> None:
    [first] = tasks.block(a_task(status=Status.BEGUN), BlockTask(BlockReason.FUNDING), at("15:00"), POLICY).deadlines
    blocked = a_task(status=Status.BLOCKED, block_reason=BlockReason.FUNDING)

    again = escalation.escalate_blocked(blocked, first.due_at, POLICY)

    assert first == Deadline(TaskDeadline.BLOCKED, at("15:00", date(2015, 3, 11)))
    assert again.events == [TaskEscalated(kind=blocked.kind, reason="funding")]
    assert list(again.deadlines) == [Deadline(TaskDeadline.BLOCKED, at("15:00", date(2015, 3, 18)))]
    assert TaskDeadline.BLOCKED in tasks.unblock(blocked).cancels
    assert TaskDeadline.BLOCKED in tasks.put_back(blocked, ReassignReason.ABSENCE, at("16:00"), POLICY).cancels


def test_blocked_task_keeps_overdue_deadline() -> None:
    assert TaskDeadline.OVERDUE not in tasks.block(a_task(status=Status.BEGUN), BlockTask(BlockReason.FUNDING), at("15:00"), POLICY).cancels


def test_unblocked_task_has_no_block_reason() -> None:
    unblocked = tasks.unblock(a_task(status=Status.BLOCKED, block_reason=BlockReason.FUNDING)).state

    assert (unblocked.status, unblocked.block_reason) == (Status.BEGUN, None)


@pytest.mark.acceptance("navigation-3")
@pytest.mark.parametrize("status", [Status.ASSIGNED, Status.ACKNOWLEDGED, Status.BEGUN, Status.BLOCKED])
def test_reassigned_task_keeps_due_time_and_needs_acknowledgement(status: Status) -> None:
    task = a_task(status=status, overdue_at=at("13:00"))

    decision = tasks.reassign(task, ReassignTask(OTHER, ReassignReason.CLOSER_TO_PERSON), at("15:00"), POLICY)

    assert (decision.state.status, decision.state.navigator_id) == (Status.ASSIGNED, OTHER)
    assert (decision.state.due_at, decision.state.overdue_at) == (task.due_at, task.overdue_at)
    assert TaskDeadline.OVERDUE not in decision.cancels
    assert decision.events == [TaskReassigned(from_navigator_id=NAVIGATOR, to_navigator_id=OTHER, reason="closer-to-person")]


def test_returned_task_waits_with_escalation_deadline() -> None:
    decision = tasks.put_back(a_task(status=Status.BEGUN), ReassignReason.ABSENCE, at("15:00"), POLICY)

    assert (decision.state.status, decision.state.navigator_id) == (Status.UNASSIGNED, None)
    assert [deadline.kind for deadline in decision.deadlines] == [TaskDeadline.ACKNOWLEDGEMENT]
    assert decision.events == [TaskReassigned(from_navigator_id=NAVIGATOR, to_navigator_id=None, reason="absence")]


@pytest.mark.parametrize(("status", "reason"), [(Status.UNASSIGNED, "no-navigator-available"), (Status.ASSIGNED, "not-acknowledged")])
def test_task_unassigned_or_unacknowledged_in_time_escalates(status: Status, reason: str) -> None:
    task = a_task(status=status)

    decision = escalation.escalate_unacknowledged(task, at("15:00"), POLICY)

    assert decision.state == replace(task, escalated_at=at("15:00"), escalation=EscalationReason(reason))
    assert decision.events == [TaskEscalated(kind=task.kind, reason=reason)]


@pytest.mark.parametrize("status", [Status.UNASSIGNED, Status.ASSIGNED])
def test_unacknowledged_task_escalates_again_each_working_day(status: Status) -> None:
    friday = at("15:00", date(2015, 3, 6))

    decision = escalation.escalate_unacknowledged(a_task(status=status), friday, POLICY)

    assert list(decision.deadlines) == [Deadline(TaskDeadline.ACKNOWLEDGEMENT, at("15:00", date(2015, 3, 9)))]


def test_urgent_unacknowledged_task_escalates_again_every_two_hours() -> None:
    saturday = at("15:00", date(2015, 3, 7))
    urgent = a_task(status=Status.UNASSIGNED, created_at=at("13:00", date(2015, 3, 7)), due_at=saturday)

    decision = escalation.escalate_unacknowledged(urgent, saturday, POLICY)

    assert list(decision.deadlines) == [Deadline(TaskDeadline.ACKNOWLEDGEMENT, at("17:00", date(2015, 3, 7)))]


@pytest.mark.parametrize("outcome", TaskOutcome)
def test_only_concern_found_stays_a_concern(outcome: TaskOutcome) -> None:
    decision = closure.fulfil(a_task(status=Status.BEGUN), FulfilTask(outcome), at("15:00"))

    is_concern = outcome in {TaskOutcome.CHECKED_CONCERN, TaskOutcome.UNABLE_TO_CONTACT}
    assert decision.state.is_concern is is_concern
    [event] = decision.events
    assert isinstance(event, TaskFulfilled)
    assert (event.is_concern, event.outcome) == (is_concern, outcome)


@pytest.mark.parametrize("concern", PERSON_CONCERNS)
def test_concern_stays_escalated_through_later_changes(concern: EscalationReason) -> None:
    task = a_task(status=Status.BEGUN)

    decision = escalation.escalate(task, EscalateTask(concern), at("15:00"))
    blocked = tasks.block(decision.state, BlockTask(BlockReason.FUNDING), at("16:00"), POLICY).state
    unblocked = tasks.unblock(blocked).state
    moved = due_time.reschedule(unblocked, RescheduleTask(at("12:00", date(2015, 3, 6)), RescheduleReason.PERSON_ASKED), at("16:00")).state

    assert decision.state == replace(task, escalation=concern, escalated_at=at("15:00"))
    assert decision.events == [TaskEscalated(kind=task.kind, reason=concern.value)]
    assert {(each.escalation, each.escalated_at) for each in (blocked, unblocked, moved)} == {(concern, at("15:00"))}


def test_escalation_clears_when_work_continues() -> None:
    late = escalation.escalate_unacknowledged(a_task(), at("15:00"), POLICY).state
    blocked = tasks.block(a_task(status=Status.BEGUN), BlockTask(BlockReason.FUNDING), at("15:00"), POLICY).state

    continued = [
        tasks.acknowledge(late).state,
        tasks.reassign(late, ReassignTask(OTHER, ReassignReason.WORKLOAD), at("16:00"), POLICY).state,
        tasks.unblock(blocked).state,
    ]

    assert {(task.escalation, task.escalated_at) for task in continued} == {(None, None)}


@pytest.mark.parametrize(("escalation", "day"), [(None, 10), (BlockReason.FUNDING, 13)])
def test_overdue_task_escalates_after_two_working_days(escalation: BlockReason | None, day: int) -> None:
    friday = at("17:00", date(2015, 3, 6))

    decision = due_time.mark_overdue(a_task(due_at=friday, escalation=escalation), friday + MICROSECOND, POLICY)

    assert list(decision.deadlines) == [Deadline(TaskDeadline.LONG_OVERDUE, at("17:00", date(2015, 3, day)))]


def test_reschedule_clears_only_long_overdue_escalation() -> None:
    command = RescheduleTask(at("12:00", date(2015, 3, 6)), RescheduleReason.SERVICE_DATE)
    overdue = due_time.escalate_long_overdue(a_task(), at("15:00"), POLICY).state
    blocked = a_task(status=Status.BLOCKED, escalation=BlockReason.FUNDING, escalated_at=at("15:00"))

    assert due_time.reschedule(overdue, command, at("15:00")).state.escalated_at is None
    assert due_time.reschedule(blocked, command, at("15:00")).state.escalation is BlockReason.FUNDING


@pytest.mark.parametrize(("moves", "days"), [(2, 1), (0, 15)], ids=["too often", "too far"])
def test_navigator_reschedules_within_limits(moves: int, days: int) -> None:
    command = RescheduleTask(at("15:00") + timedelta(days=days), RescheduleReason.PERSON_ASKED)

    with pytest.raises(RescheduleLimitExceeded):
        due_time.move(a_task(navigator_reschedules=moves), command, at("15:00"), POLICY)


def test_urgent_task_is_acknowledged_by_due_time() -> None:
    urgent = replace(a_work(), due_at=at("16:00"))
    task = tasks.create(urgent, at("14:00"), POLICY).state

    assert task.acknowledge_by == at("16:00")
    assert tasks.assign(task, AssignTask(OTHER), at("14:01"), POLICY).state.acknowledge_by == at("16:00")
    assert tasks.assign(task, AssignTask(OTHER), at("16:01"), POLICY).state.acknowledge_by == POLICY.acknowledge_by(at("16:01"))


@pytest.mark.acceptance("navigation-8")
def test_reschedule_clears_overdue_and_sets_deadline() -> None:
    task = a_task(overdue_at=at("13:00"))
    friday = at("12:00", date(2015, 3, 6))

    decision = due_time.reschedule(task, RescheduleTask(friday, RescheduleReason.SERVICE_DATE), at("15:00"))

    assert (decision.state.due_at, decision.state.overdue_at) == (friday, None)
    assert (list(decision.cancels), list(decision.deadlines)) == (
        [TaskDeadline.OVERDUE, TaskDeadline.LONG_OVERDUE],
        [Deadline(TaskDeadline.OVERDUE, friday + MICROSECOND)],
    )
    assert decision.events == [TaskRescheduled(from_due_at=task.due_at, due_at=friday, reason="service-date")]


@pytest.mark.parametrize("due_at", [at("15:00"), at("14:59")])
def test_due_time_in_past_is_refused(due_at: datetime) -> None:
    with pytest.raises(DueTimePassed):
        due_time.reschedule(a_task(), RescheduleTask(due_at, RescheduleReason.SERVICE_DATE), at("15:00"))


@pytest.mark.parametrize("reason", CancelReason)
def test_coordinator_states_only_own_reasons(reason: CancelReason) -> None:
    """Any other reason is a fact of the source, which states it itself."""
    task = a_task(status=Status.BEGUN)

    if reason in {CancelReason.CREATED_IN_ERROR, CancelReason.DUPLICATE, CancelReason.NO_LONGER_NEEDED}:
        decision = closure.cancel(task, CancelTask(reason), at("15:00"))
        assert decision.events == [
            TaskCancelled(kind=task.kind, source=task.source, source_id=task.source_id, reason=reason.value, action_id=task.action_id)
        ]
    else:
        with pytest.raises(CancelReasonNotYours) as refusal:
            closure.cancel(task, CancelTask(reason), at("15:00"))
        assert (refusal.value.code, refusal.value.field) == ("cancel-reason-of-source", "reason")


def test_cancelled_task_has_no_deadline() -> None:
    decision = closure.cancel(a_task(status=Status.BEGUN), CancelTask(CancelReason.DUPLICATE), at("15:00"))

    assert set(decision.cancels) == set(TaskDeadline)
    assert decision.state.ended_at == at("15:00")
