"""A person's record, and the end of all their tasks and home checks by death or move, reversed when that was a mistake.

A return makes the person living: new work stands again, and what has ended stays ended.

A merge and a separation only decide which ids are one person. The Community Point of Access publishes a death, a move and its reversal for
each of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.navigation.domain import home_check as home_checks
from services.navigation.domain.closure import REASON_OF
from services.navigation.domain.person_change import death_among, ended_by, ended_with, names_contact, with_care
from services.navigation.domain.task import Task
from services.navigation.domain.work import of_bereavement
from services.navigation.handlers.allocation import cancel_all, create_if_absent, origin_of, restore_all, with_new_id
from services.navigation.store import home_check
from services.navigation.store.projections import locality_of, project_person, record_of
from services.navigation.store.tables import CHANGES, MERGED, Tx, lock_allocation
from services.navigation.store.task import ended_tasks_about, open_tasks_about
from shared.contracts.codes import TaskKind
from shared.contracts.envelope import Envelope
from shared.contracts.navigation import CancelReason, TaskSource
from shared.contracts.persons import (
    PersonChange,
    PersonDeceased,
    PersonMerged,
    PersonMoved,
    PersonRecordRecorded,
    PersonRestored,
    PersonReturned,
    PersonSeparated,
    RecordedChange,
)
from shared.kernel.ids import PersonId
from shared.persistence.merged_persons import Merge

_CHANGES: Mapping[type[PersonDeceased | PersonMoved], PersonChange] = {PersonDeceased: PersonChange.DEATH, PersonMoved: PersonChange.MOVE}


async def prefetch_changes(batch: Sequence[tuple[PersonRecordRecorded, Envelope]], *, tx: Tx) -> None:
    """Reads the recorded changes of the people of a batch of records."""
    await lock_allocation(tx)
    await CHANGES.standing.prefetch(tx, [UUID(envelope.key) for _, envelope in batch])


async def on_person_record_recorded(event: PersonRecordRecorded, envelope: Envelope, *, tx: Tx) -> None:
    """Offers the bereaved the support that a death could not, because it arrived before their name; until the support would be due."""
    await lock_allocation(tx)  # a death that arrives at the same time sees this record, or is seen
    await project_person(tx, PersonId(UUID(envelope.key)), envelope.sequence, event)
    died_at = await _death_of(envelope, tx)
    if died_at and tx.now <= tx.policy.due_from(died_at):
        await _support_bereaved(died_at, envelope, tx)


async def on_person_gone(event: PersonDeceased | PersonMoved, envelope: Envelope, *, tx: Tx) -> None:
    """Ends all tasks and home checks of a person who died or moved away (navigation-5, mdt-10); a death offers support to the bereaved."""
    await lock_allocation(tx)
    person_id = PersonId(UUID(envelope.key))
    open_tasks = await open_tasks_about(tx, person_id)
    change = with_care(RecordedChange(_CHANGES[type(event)], event.recorded_at), open_tasks)
    if not await CHANGES.record(tx, person_id, change):
        return
    await _end_care(person_id, open_tasks, change, tx)
    if change.change is PersonChange.DEATH:
        await _support_bereaved(change.recorded_at, envelope, tx)


async def on_person_restored(event: PersonRestored, envelope: Envelope, *, tx: Tx) -> None:
    """Restores what the mistaken change ended, and ends the support of the bereaved."""
    await lock_allocation(tx)
    person_id, change = PersonId(UUID(envelope.key)), RecordedChange(event.mistaken, event.recorded_at)
    if not await CHANGES.reverse(tx, person_id, change, event.restored_at):
        return
    if change.change is PersonChange.DEATH:
        await _end_support(person_id, tx)
    ended = [task for task in await ended_tasks_about(tx, person_id) if ended_with(task, change.change, change.recorded_at, tx.policy)]
    await restore_all(await _without_successor(ended, person_id, tx), tx=tx)
    await _restore_home_checks(person_id, change, tx)


async def on_person_returned(event: PersonReturned, envelope: Envelope, *, tx: Tx) -> None:
    """No death or move until then ends work any longer; the family of a living person needs no support."""
    await lock_allocation(tx)
    person_id = PersonId(UUID(envelope.key))
    if await CHANGES.end(tx, person_id, event.recorded_at):
        await _end_support(person_id, tx)


async def on_person_merged(event: PersonMerged, envelope: Envelope, *, tx: Tx) -> None:
    await lock_allocation(tx)
    await MERGED.merge(tx, Merge(UUID(envelope.key), event.into, event.merged_at))


async def on_person_separated(event: PersonSeparated, envelope: Envelope, *, tx: Tx) -> None:
    """Offers support to the bereaved of a person who died: until now it was that of the other record."""
    await lock_allocation(tx)
    if not await MERGED.separate(tx, Merge(UUID(envelope.key), event.from_person, event.merged_at), event.separated_at):
        return
    if died_at := await _death_of(envelope, tx):
        await _support_bereaved(died_at, envelope, tx)


async def _end_care(person_id: PersonId, open_tasks: Sequence[Task], change: RecordedChange, tx: Tx) -> None:
    for check in await home_check.checks_under(tx, person_id):
        if home_checks.HOME_CHECK_OWNERS[check.status]:
            await home_check.save(tx, home_checks.end(check, change, tx.now))
    await cancel_all(ended_by(change, open_tasks, tx.policy), REASON_OF[change.change], tx=tx)


async def _end_support(person_id: PersonId, tx: Tx) -> None:
    support = [task for task in await open_tasks_about(tx, person_id) if _is_support(task)]
    await cancel_all(support, CancelReason.PERSON_RESTORED, tx=tx)


async def _death_of(envelope: Envelope, tx: Tx) -> datetime | None:
    """When the death of the person was recorded, if it holds."""
    return death_among(await CHANGES.standing.get(tx, UUID(envelope.key)))


async def _support_bereaved(died_at: datetime, envelope: Envelope, tx: Tx) -> None:
    """One task for the carer or family of a person, whichever of their ids the death arrives for; none without a contact.

    It is under the first id whose record names a contact, the surviving one before the others.
    """
    origin = origin_of(envelope, TaskSource.PERSON)
    survivor = await MERGED.survivor(tx, origin.person_id) or origin.person_id
    group = [PersonId(each) for each in await MERGED.group(tx, survivor)]
    under = [each for each in group if names_contact(await record_of(tx, each))]
    support = [task for each in group for task in await open_tasks_about(tx, each) if _is_support(task)]
    if under and not support:
        origin = replace(origin, person_id=under[0], source_id=survivor, happened_at=died_at)
        work = of_bereavement(origin, await locality_of(tx, origin.person_id), tx.now, tx.policy)
        await create_if_absent(await with_new_id(work, CancelReason.PERSON_RESTORED, tx=tx), tx=tx)


async def _without_successor(ended: Sequence[Task], person_id: PersonId, tx: Tx) -> list[Task]:
    """The tasks without those of a referral that has another task by now."""
    referrals = {task.source_id for task in await open_tasks_about(tx, person_id) if task.source is TaskSource.REFERRAL}
    return [task for task in ended if task.source_id not in referrals]


async def _restore_home_checks(person_id: PersonId, change: RecordedChange, tx: Tx) -> None:
    for check in await home_check.checks_under(tx, person_id):
        if home_checks.is_ended_by(check, change):
            await home_check.save(tx, home_checks.restore(check))


def _is_support(task: Task) -> bool:
    return task.kind is TaskKind.BEREAVEMENT_SUPPORT
