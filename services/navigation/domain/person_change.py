"""Death and move of a person: what they end here, and what a mistaken one restores (G39).

The change is a fact about the person, decided once in referrals. Events of other topics may cross with it.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from services.navigation.domain.access import is_shared
from services.navigation.domain.closure import REASON_OF, change_that_ended
from services.navigation.domain.policy import Policy
from services.navigation.domain.task import Task
from services.navigation.domain.work import Work
from shared.contracts.navigation import CancelReason, TaskSource
from shared.contracts.persons import PersonChange, PersonRecordRecorded, RecordedChange
from shared.kernel.errors import RuleBroken


class PersonDied(RuleBroken):
    """The person has died."""

    code = "person-died"
    advice = "If the record of the death is a mistake, ask the Community Point of Access to reverse it first."


def with_care(change: RecordedChange, open_tasks: Iterable[Task]) -> RecordedChange:
    """The change as it holds when it arrives after the task of a referral that was routed in spite of it."""
    routed = (task.happened_at for task in open_tasks if task.source is TaskSource.REFERRAL and task.happened_at)
    return replace(change, care_from=min((at for at in routed if at > change.recorded_at), default=None))


def ended_by(change: RecordedChange, open_tasks: Iterable[Task], policy: Policy) -> list[Task]:
    """The tasks that the change ends when it arrives: the same that it would have ended before them."""
    return [task for task in open_tasks if _crossed(change, task, policy)]


def end_of(changes: Iterable[RecordedChange], work: Work, policy: Policy) -> CancelReason | None:
    """The reason that ends new work: it crossed with a recorded change. None: the work stands.

    A referral that was routed after the change stands, and so does work that began after it. After a move, so does work that began
    long after the move: the person is here again. After a death no other work stands; a service that began it had not heard of the death.
    """
    crossed = {each.change for each in changes if _crossed(each, work, policy)}
    return next((reason for change, reason in REASON_OF.items() if change in crossed), None)


def ended_with(task: Task, mistaken: PersonChange, recorded_at: datetime, policy: Policy) -> bool:
    """Whether the mistaken change ended the task. A task or plan may have ended shortly before the change was recorded for all."""
    since = recorded_at - policy.change_recorded_within
    return change_that_ended(task) is mistaken and task.ended_at is not None and task.ended_at >= since


def names_contact(record: PersonRecordRecorded | None) -> bool:
    """Whether the record names a relative or friend whom a navigator may see."""
    return record is not None and bool(record.story.contacts) and is_shared(record.sharing)


def are_in_force(changes: Iterable[RecordedChange], at: datetime | None) -> bool:
    """Whether one of the changes that hold ends care of this time: none began before, in spite of it."""
    return any(_is_in_force(each, at) for each in changes)


def death_among(changes: Iterable[RecordedChange]) -> datetime | None:
    """When the death was recorded, if one is among the changes that hold, and no care began in spite of it."""
    return next((each.recorded_at for each in changes if each.change is PersonChange.DEATH and each.care_from is None), None)


def require_alive(changes: Iterable[RecordedChange]) -> None:
    """Raises PersonDied."""
    if death_among(changes):
        raise PersonDied("The person's death is recorded.")


def _crossed(change: RecordedChange, work: Work | Task, policy: Policy) -> bool:
    if work.source is TaskSource.PERSON:  # support for the bereaved
        return False
    if work.source is TaskSource.REFERRAL:
        return work.happened_at is None or work.happened_at <= change.recorded_at
    if not _is_in_force(change, work.happened_at):
        return False
    is_death = change.change is PersonChange.DEATH
    return is_death or work.happened_at is None or work.happened_at <= change.recorded_at + policy.change_recorded_within


def _is_in_force(change: RecordedChange, at: datetime | None) -> bool:
    return change.care_from is None or at is None or at < change.care_from
