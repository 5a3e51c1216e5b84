"""Death and move of a person: they end the tasks; a mistaken one restores them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.navigation.domain import closure, home_check, person_change
from services.navigation.domain.task import OPEN, Status, Task, TaskDeadline
from services.navigation.domain.work import Work, WorkSource, of_bereavement
from shared.contracts.codes import Locality, TaskKind
from shared.contracts.navigation import CancelReason, EscalationReason, TaskCancelled, TaskOutcome, TaskRestored, TaskSource
from shared.contracts.persons import PersonChange, RecordedChange, SharingPreference
from shared.kernel.decision import Deadline
from shared.kernel.errors import IllegalTransition
from shared.kernel.ids import PersonId, new_id
from tests.builders.navigation import LOUISE, NAVIGATOR, POLICY, a_task, at, mr_dales_record

NOW = at("15:00")
RECORDED = at("14:00")
DEATH = RecordedChange(PersonChange.DEATH, RECORDED)
MICROSECOND = timedelta(microseconds=1)


def a_gone_task(**changes: object) -> Task:
    """A task that ended with the person's death."""
    fields = {"status": Status.CANCELLED, "cancel_reason": CancelReason.PERSON_DIED, "navigator_id": NAVIGATOR, "ended_at": RECORDED}
    return a_task(**(fields | changes))


@pytest.mark.parametrize("status", OPEN)
def test_cancellation_names_source_and_action(status: Status) -> None:
    task = a_task(status=status)

    decision = closure.end(task, CancelReason.PERSON_DIED, NOW)

    assert decision.events == [
        TaskCancelled(kind=task.kind, source=task.source, source_id=task.source_id, reason="person-died", action_id=task.action_id)
    ]
    assert (decision.state.status, decision.state.ended_at, set(decision.cancels)) == (Status.CANCELLED, NOW, set(TaskDeadline))


def test_restored_task_waits_with_deadlines_again() -> None:
    task = a_gone_task(block_reason="funding", escalation=EscalationReason.LONG_OVERDUE, escalated_at=RECORDED)

    decision = closure.restore(task, NOW, POLICY)

    restored = decision.state
    assert (restored.status, restored.navigator_id, restored.cancel_reason, restored.ended_at) == (Status.UNASSIGNED, None, None, None)
    assert (restored.block_reason, restored.escalation, restored.due_at) == (None, None, task.due_at)
    assert decision.events == [TaskRestored(due_at=task.due_at)]
    assert list(decision.deadlines) == [
        Deadline(TaskDeadline.ACKNOWLEDGEMENT, POLICY.acknowledge_by(NOW)),
        Deadline(TaskDeadline.OVERDUE, task.due_at + MICROSECOND),
    ]


def test_restored_task_is_not_due_in_the_past() -> None:
    restored = closure.restore(a_gone_task(due_at=RECORDED, overdue_at=RECORDED), NOW, POLICY).state

    assert (restored.due_at, restored.overdue_at) == (POLICY.due_from(NOW), None)


def test_restored_task_keeps_a_concern() -> None:
    concerned = a_gone_task(escalation=EscalationReason.SAFETY_CONCERN, escalated_at=RECORDED)

    assert closure.restore(concerned, NOW, POLICY).state.escalation is EscalationReason.SAFETY_CONCERN


def test_task_with_another_end_is_not_restored() -> None:
    for ended in (
        a_task(status=Status.FULFILLED, outcome=TaskOutcome.ARRANGED),
        a_task(status=Status.CANCELLED, cancel_reason=CancelReason.CREATED_IN_ERROR),
        a_task(status=Status.BEGUN),
    ):
        with pytest.raises(IllegalTransition):
            closure.restore(ended, NOW, POLICY)


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (a_gone_task(), True),
        (a_gone_task(ended_at=RECORDED - timedelta(days=1)), True),
        (a_gone_task(ended_at=RECORDED - timedelta(days=1, seconds=1)), False),
        (a_gone_task(cancel_reason=CancelReason.PERSON_MOVED_AWAY), False),
        (a_gone_task(cancel_reason=CancelReason.DUPLICATE), False),
        (a_gone_task(status=Status.FULFILLED, cancel_reason=None, outcome=TaskOutcome.PERSON_DIED), True),
        (a_gone_task(status=Status.FULFILLED, cancel_reason=None, outcome=TaskOutcome.ARRANGED), False),
        (a_task(), False),
    ],
    ids=["by it", "reported the day before", "long before", "by a move", "by a coordinator", "reported it", "arranged", "open"],
)
def test_mistake_restores_what_ended_with_it(task: Task, *, expected: bool) -> None:
    assert person_change.ended_with(task, PersonChange.DEATH, RECORDED, POLICY) is expected


def a_work(source: TaskSource, happened_at: object) -> Work:
    origin = WorkSource(PersonId(new_id()), new_id(), source, new_id(), 1, happened_at)  # type: ignore[arg-type]
    return Work(
        task_id=new_id(),
        person_id=origin.person_id,
        correlation_id=origin.correlation_id,
        kind=TaskKind.CARE_COORDINATION,
        source=source,
        source_id=origin.source_id,
        role=a_task().role,
        locality=Locality.WEST,
        due_at=NOW,
        happened_at=origin.happened_at,
    )


@pytest.mark.parametrize(
    ("source", "after", "expected"),
    [
        (TaskSource.MDT, timedelta(), CancelReason.PERSON_DIED),
        (TaskSource.MDT, timedelta(days=1), CancelReason.PERSON_DIED),
        (TaskSource.MDT, timedelta(days=30), CancelReason.PERSON_DIED),
        (TaskSource.REFERRAL, timedelta(), CancelReason.PERSON_DIED),
        (TaskSource.REFERRAL, timedelta(seconds=1), None),
        (TaskSource.PERSON, timedelta(), None),
    ],
)
def test_change_ends_work_that_crossed_with_it(source: TaskSource, after: timedelta, expected: CancelReason | None) -> None:
    assert person_change.end_of([DEATH], a_work(source, RECORDED + after), POLICY) is expected


@pytest.mark.parametrize(("after", "expected"), [(timedelta(days=1), CancelReason.PERSON_MOVED_AWAY), (timedelta(days=1, seconds=1), None)])
def test_work_that_began_long_after_a_move_stands(after: timedelta, expected: CancelReason | None) -> None:
    move = RecordedChange(PersonChange.MOVE, RECORDED)

    assert person_change.end_of([move], a_work(TaskSource.MDT, RECORDED + after), POLICY) is expected


@pytest.mark.parametrize(
    ("change", "source", "after", "expected"),
    [
        (PersonChange.DEATH, TaskSource.MDT, timedelta(hours=2), None),
        (PersonChange.DEATH, TaskSource.MDT, timedelta(hours=2) - MICROSECOND, CancelReason.PERSON_DIED),
        (PersonChange.MOVE, TaskSource.LEAD, timedelta(hours=2), None),
        (PersonChange.MOVE, TaskSource.LEAD, timedelta(hours=2) - MICROSECOND, CancelReason.PERSON_MOVED_AWAY),
        (PersonChange.DEATH, TaskSource.REFERRAL, timedelta(), CancelReason.PERSON_DIED),
        (PersonChange.DEATH, TaskSource.REFERRAL, MICROSECOND, None),
    ],
)
def test_change_ends_work_until_care_began_again(
    change: PersonChange, source: TaskSource, after: timedelta, expected: CancelReason | None
) -> None:
    recorded = RecordedChange(change, RECORDED, care_from=RECORDED + timedelta(hours=2))

    assert person_change.end_of([recorded], a_work(source, RECORDED + after), POLICY) is expected


def test_late_change_ends_what_an_earlier_one_would_have() -> None:
    referral, before = (a_task(source=TaskSource.REFERRAL, happened_at=RECORDED + after) for after in (timedelta(hours=2), timedelta()))
    plan, later_plan = (a_task(happened_at=RECORDED + after) for after in (timedelta(hours=1), timedelta(hours=2)))
    unknown, support = a_task(), a_task(source=TaskSource.PERSON, happened_at=RECORDED)
    tasks = [referral, before, plan, later_plan, unknown, support]

    change = person_change.with_care(DEATH, tasks)

    assert change.care_from == RECORDED + timedelta(hours=2)
    assert person_change.ended_by(change, tasks, POLICY) == [before, plan, unknown]


def test_no_care_follows_without_a_later_referral() -> None:
    tasks = [a_task(source=TaskSource.REFERRAL, happened_at=RECORDED), a_task(happened_at=RECORDED + timedelta(hours=1))]

    assert person_change.with_care(DEATH, tasks) == DEATH


@pytest.mark.parametrize(("after", "expected"), [(timedelta(minutes=59), True), (timedelta(hours=1), False)])
def test_change_is_in_force_until_care_began_again(after: timedelta, *, expected: bool) -> None:
    death = replace(DEATH, care_from=RECORDED + timedelta(hours=1))

    assert person_change.are_in_force([death], RECORDED + after) is expected
    assert person_change.death_among([death]) is None
    assert person_change.death_among([DEATH]) == RECORDED


def test_living_person_has_all_work() -> None:
    assert person_change.end_of([], a_work(TaskSource.MDT, RECORDED), POLICY) is None


def test_death_comes_before_a_move_as_reason() -> None:
    move = RecordedChange(PersonChange.MOVE, RECORDED - timedelta(hours=1))

    assert person_change.end_of([move, DEATH], a_work(TaskSource.MDT, RECORDED), POLICY) is CancelReason.PERSON_DIED


def test_bereaved_contact_gets_support() -> None:
    origin = WorkSource(PersonId(new_id()), new_id(), TaskSource.PERSON, new_id(), 3, RECORDED)

    work = of_bereavement(origin, Locality.WEST, NOW, POLICY)

    assert (work.kind, work.source, work.due_at) == (TaskKind.BEREAVEMENT_SUPPORT, TaskSource.PERSON, POLICY.due_from(NOW))


def test_support_is_one_task_for_each_recorded_death() -> None:
    first = WorkSource(PersonId(new_id()), new_id(), TaskSource.PERSON, new_id(), 3, RECORDED)
    under_another_id = replace(first, person_id=PersonId(new_id()), correlation_id=new_id(), occasion=7)
    second = replace(first, happened_at=NOW)

    ids = [of_bereavement(origin, None, NOW, POLICY).task_id for origin in (first, under_another_id, second)]

    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("sharing", "contacts", "expected"),
    [
        (SharingPreference.DIRECT_CARE, (LOUISE,), True),
        (SharingPreference.RESTRICTED, (LOUISE,), True),
        (SharingPreference.WITHHELD, (LOUISE,), False),
        (SharingPreference.DIRECT_CARE, (), False),
    ],
)
def test_support_needs_a_contact_that_may_be_shown(sharing: SharingPreference, contacts: tuple[object, ...], *, expected: bool) -> None:
    record = mr_dales_record(sharing=sharing)
    record = record.model_copy(update={"story": record.story.model_copy(update={"contacts": contacts})})

    assert person_change.names_contact(record) is expected


def test_person_without_record_names_no_contact() -> None:
    assert not person_change.names_contact(None)


def test_forgotten_home_check_is_expected_again() -> None:
    check = home_check.expect(PersonId(new_id()), RECORDED.date(), RECORDED, POLICY).state

    forgotten = home_check.end(check, DEATH, NOW)
    restored = home_check.restore(forgotten.state)

    assert (forgotten.state.status, list(forgotten.cancels)) == (home_check.Status.CANCELLED, list(home_check.HomeCheckDeadline))
    assert (restored.state.status, restored.state.ended_at) == (home_check.Status.EXPECTED, None)
    assert list(restored.deadlines) == [Deadline(home_check.HomeCheckDeadline.DUE, check.due_at)]


@pytest.mark.parametrize(
    ("mistaken", "expected"),
    [
        (DEATH, True),
        (RecordedChange(PersonChange.DEATH, RECORDED + timedelta(minutes=1)), False),
        (RecordedChange(PersonChange.MOVE, RECORDED), False),
    ],
    ids=["this death", "a later death", "a move"],
)
def test_home_check_is_restored_with_the_change_ending_it(mistaken: RecordedChange, *, expected: bool) -> None:
    check = home_check.expect(PersonId(new_id()), RECORDED.date(), RECORDED, POLICY).state

    assert home_check.is_ended_by(home_check.end(check, DEATH, NOW).state, mistaken) is expected
    assert not home_check.is_ended_by(check, mistaken)
