"""Creates, saves, allocates, ends and restores tasks. The caller has taken the allocation lock (`store.tables.lock_allocation`)."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from services.navigation.commands import AssignTask, ReassignTask
from services.navigation.domain import closure
from services.navigation.domain import task as domain
from services.navigation.domain.assignment import choose
from services.navigation.domain.feed import entries_for
from services.navigation.domain.person_change import are_in_force, end_of
from services.navigation.domain.task import Task
from services.navigation.domain.work import Work, WorkSource
from services.navigation.store import feed
from services.navigation.store.navigator import candidates, update_caseloads
from services.navigation.store.tables import CHANGES, Tx
from services.navigation.store.task import ended_tasks_from, first_waiting, tasks
from shared.contracts.codes import NAVIGATOR_ROLES
from shared.contracts.envelope import Envelope
from shared.contracts.navigation import CancelReason, ReassignReason, TaskSource
from shared.kernel.decision import Decision
from shared.kernel.ids import PersonId, derived_id


def origin_of(envelope: Envelope, source: TaskSource) -> WorkSource:
    """The origin of the work of an event."""
    person_id, source_id = PersonId(UUID(envelope.key)), UUID(envelope.subject)
    return WorkSource(person_id, envelope.correlation_id, source, source_id, envelope.sequence, envelope.time)


async def save_task(before: Task | None, decision: Decision[Task], *, tx: Tx) -> Task:
    """Saves a decision about a task and appends to the feeds that it concerns."""
    after = await tasks.save(tx, decision)
    update_caseloads(tx, before, after)
    await feed.append(tx, entries_for(before, after))
    return after


async def with_new_id(work: Work, withdrawn: CancelReason, *, tx: Tx) -> Work:
    """A new id for work whose task ended for this reason, and which is wanted again. A task with another end is not repeated."""
    task = await tasks.find(tx, work.task_id)
    while task is not None and task.cancel_reason is withdrawn:
        work = replace(work, task_id=derived_id(work.task_id, "again"))
        task = await tasks.find(tx, work.task_id)
    return work


async def create_if_absent(work: Work, *, tx: Tx) -> None:
    """Creates and allocates the task of this work, unless it exists.

    The task of a person who died or moved away in between ends at once, and is restored when that was a mistake.
    """
    if await tasks.find(tx, work.task_id) is not None:
        return
    task = await save_task(None, domain.create(work, tx.now, tx.policy), tx=tx)
    reason = end_of(await CHANGES.standing.get(tx, work.person_id), work, tx.policy)
    if reason is None:
        await allocate(task, tx=tx)
    else:
        await save_task(task, closure.end(task, reason, tx.now), tx=tx)


async def allocate(task: Task, *, tx: Tx) -> Task:
    """Assigns the task to the best fitting navigator; without one it stays in the queue."""
    chosen = choose(task, await candidates(tx, task.role), tx.policy)
    if chosen is None:
        return task
    return await save_task(task, domain.assign(task, AssignTask(chosen.navigator.code), tx.now, tx.policy), tx=tx)


async def allocate_queue(*, tx: Tx) -> None:
    """Allocates the queue, the soonest due task first, until no navigator fits."""
    for role in sorted(NAVIGATOR_ROLES):
        task = await first_waiting(tx, role)
        while task is not None and (await allocate(task, tx=tx)).navigator_id is not None:
            task = await first_waiting(tx, role)


async def reallocate(task: Task, reason: ReassignReason, *, tx: Tx) -> None:
    """Reassigns the task to the best fitting other navigator; without one returns it to the queue."""
    chosen = choose(task, await candidates(tx, task.role), tx.policy)
    if chosen is None:
        decision = domain.put_back(task, reason, tx.now, tx.policy)
    else:
        decision = domain.reassign(task, ReassignTask(chosen.navigator.code, reason), tx.now, tx.policy)
    await save_task(task, decision, tx=tx)


async def cancel_all(open_tasks: Sequence[Task], reason: CancelReason, *, tx: Tx) -> None:
    """Ends tasks whose source ended, or whose person died or moved away."""
    for task in open_tasks:
        await save_task(task, closure.end(task, reason, tx.now), tx=tx)
    if open_tasks:
        await allocate_queue(tx=tx)


async def restore_all(ended_tasks: Sequence[Task], *, tx: Tx) -> None:
    """Restores and allocates tasks whose end was a mistake."""
    for task in ended_tasks:
        await allocate(await save_task(task, closure.restore(task, tx.now, tx.policy), tx=tx), tx=tx)


async def restore_from(origin: WorkSource, *, tx: Tx) -> None:
    """Restores the tasks of a plan or referral that is open again. While the person's change holds, the person's event does so later."""
    if not are_in_force(await CHANGES.standing.get(tx, origin.person_id), origin.happened_at):
        ended = await ended_tasks_from(tx, origin.source, origin.source_id)
        await restore_all([task for task in ended if closure.change_that_ended(task)], tx=tx)
