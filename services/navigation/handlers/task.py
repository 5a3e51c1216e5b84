"""Commands of a task by its navigator or a coordinator, and its deadlines. A repeated command returns the present task (D7)."""

from collections.abc import Callable, Sequence

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
from services.navigation.domain import task as domain
from services.navigation.domain.access import COORDINATE, require_involved, require_own
from services.navigation.domain.assignment import require_fit
from services.navigation.domain.navigator import id_of
from services.navigation.domain.repetition import is_repeated
from services.navigation.domain.task import Task
from services.navigation.handlers.allocation import allocate_queue, save_task
from services.navigation.store.navigator import candidate, navigators
from services.navigation.store.tables import Tx, lock_allocation
from services.navigation.store.task import tasks
from shared.kernel.decision import Decision
from shared.kernel.target import Target
from shared.persistence.deadlines import DueDeadline


async def assign_task(target: Target, command: AssignTask, *, tx: Tx) -> Task:
    task = await _authorised_task(target, tx)
    if is_repeated(task, command, target.version):
        return _unchanged(task, tx)
    target.require(f"The task {target.id}", task.version)
    require_fit(task, await candidate(tx, command.navigator_id), tx.policy)
    return await save_task(task, domain.assign(task, command, tx.now, tx.policy), tx=tx)


async def acknowledge_task(target: Target, *, tx: Tx) -> Task:
    return await _change(target, AcknowledgeTask(), domain.acknowledge, tx)


async def start_task(target: Target, *, tx: Tx) -> Task:
    return await _change(target, StartTask(), domain.start, tx)


async def unblock_task(target: Target, *, tx: Tx) -> Task:
    return await _change(target, UnblockTask(), domain.unblock, tx)


async def block_task(target: Target, command: BlockTask, *, tx: Tx) -> Task:
    return await _change(target, command, lambda task: domain.block(task, command, tx.now, tx.policy), tx, makes_room=True)


async def escalate_task(target: Target, command: EscalateTask, *, tx: Tx) -> Task:
    return await _change(target, command, lambda task: escalation.escalate(task, command, tx.now), tx)


async def fulfil_task(target: Target, command: FulfilTask, *, tx: Tx) -> Task:
    return await _change(target, command, lambda task: closure.fulfil(task, command, tx.now), tx, makes_room=True)


async def reassign_task(target: Target, command: ReassignTask, *, tx: Tx) -> Task:
    task = await _authorised_task(target, tx)
    if is_repeated(task, command, target.version):
        return _unchanged(task, tx)
    target.require(f"The task {target.id}", task.version)
    decision = domain.reassign(task, command, tx.now, tx.policy)
    require_fit(task, await candidate(tx, command.navigator_id), tx.policy)
    reassigned = await save_task(task, decision, tx=tx)
    await allocate_queue(tx=tx)
    return reassigned


async def reschedule_task(target: Target, command: RescheduleTask, *, tx: Tx) -> Task:
    """A navigator reschedules within limits of number and days; a coordinator within the period of planning."""
    change = due_time.set_by_coordinator if COORDINATE in tx.actor.scopes else due_time.move

    def rescheduled(task: Task) -> Decision[Task]:
        return change(task, command, tx.now, tx.policy)

    return await _change(target, command, rescheduled, tx)


async def cancel_task(target: Target, command: CancelTask, *, tx: Tx) -> Task:
    return await _change(target, command, lambda task: closure.cancel(task, command, tx.now), tx, makes_room=True)


async def prefetch_deadlines(batch: Sequence[DueDeadline], *, tx: Tx) -> None:
    await lock_allocation(tx)
    await tasks.prefetch(tx, [deadline.subject for deadline in batch])


async def on_acknowledgement(deadline: DueDeadline, *, tx: Tx) -> None:
    await lock_allocation(tx)
    task = await tasks.load(tx, deadline.subject)
    await save_task(task, escalation.escalate_unacknowledged(task, tx.now, tx.policy), tx=tx)


async def on_blocked(deadline: DueDeadline, *, tx: Tx) -> None:
    await lock_allocation(tx)
    task = await tasks.load(tx, deadline.subject)
    await save_task(task, escalation.escalate_blocked(task, tx.now, tx.policy), tx=tx)


async def on_overdue(deadline: DueDeadline, *, tx: Tx) -> None:
    await lock_allocation(tx)
    task = await tasks.load(tx, deadline.subject)
    await save_task(task, due_time.mark_overdue(task, deadline.due_at, tx.policy), tx=tx)


async def on_long_overdue(deadline: DueDeadline, *, tx: Tx) -> None:
    await lock_allocation(tx)
    task = await tasks.load(tx, deadline.subject)
    await save_task(task, due_time.escalate_long_overdue(task, tx.now, tx.policy), tx=tx)


async def _change(target: Target, command: object, decide: Callable[[Task], Decision[Task]], tx: Tx, *, makes_room: bool = False) -> Task:
    """Saves the decision, unless the command is repeated. `makes_room`: the caseload of the navigator shrinks.

    Raises as `_authorised_task` does, VersionConflict, and the refusals of the decision.
    """
    task = await _authorised_task(target, tx)
    if is_repeated(task, command, target.version):
        return _unchanged(task, tx)
    target.require(f"The task {target.id}", task.version)
    changed = await save_task(task, decide(task), tx=tx)
    if makes_room:
        await allocate_queue(tx=tx)
    return changed


def _unchanged(task: Task, tx: Tx) -> Task:
    """The present task. The response shows its person, which is audited."""
    tx.audit(task.id)
    return task


async def _authorised_task(target: Target, tx: Tx) -> Task:
    """The task, locked. Raises FeedAccessDenied and OrganisationNotInvolved unless it is the caller's or they coordinate it."""
    await lock_allocation(tx)
    task = await tasks.load(tx, target.id)
    navigator = await navigators.find(tx, id_of(task.navigator_id)) if task.navigator_id else None
    holders = [navigator.professional] if navigator else []
    require_involved(tx.actor, tx.policy.organisation, [holder.organisation for holder in holders])
    require_own(tx.actor, holders, "The task")
    return task
