"""Commands of a task by its navigator or a coordinator, and its deadlines."""

from collections.abc import Sequence

from services.navigation.commands import AssignTask, BlockTask, CancelTask, EscalateTask, FulfilTask, ReassignTask, RescheduleTask
from services.navigation.domain import due_time
from services.navigation.domain import task as domain
from services.navigation.domain.access import COORDINATE, require_involved, require_own
from services.navigation.domain.assignment import require_fit
from services.navigation.domain.navigator import id_of
from services.navigation.domain.task import Task
from services.navigation.handlers.allocation import allocate_queue, save_task
from services.navigation.store.navigator import candidate, navigators
from services.navigation.store.tables import Tx, lock_allocation
from services.navigation.store.task import tasks
from shared.kernel.target import Target
from shared.persistence.deadlines import DueDeadline


async def assign_task(target: Target, command: AssignTask, *, tx: Tx) -> Task:
    task = await _authorised_task(target, tx)
    require_fit(task, await candidate(tx, command.navigator_id), tx.policy)
    return await save_task(task, domain.assign(task, command, tx.now, tx.policy), tx=tx)


async def acknowledge_task(target: Target, *, tx: Tx) -> Task:
    task = await _authorised_task(target, tx)
    return await save_task(task, domain.acknowledge(task), tx=tx)


async def start_task(target: Target, *, tx: Tx) -> Task:
    task = await _authorised_task(target, tx)
    return await save_task(task, domain.start(task), tx=tx)


async def unblock_task(target: Target, *, tx: Tx) -> Task:
    task = await _authorised_task(target, tx)
    return await save_task(task, domain.unblock(task), tx=tx)


async def block_task(target: Target, command: BlockTask, *, tx: Tx) -> Task:
    task = await _authorised_task(target, tx)
    blocked = await save_task(task, domain.block(task, command, tx.now), tx=tx)
    await allocate_queue(tx=tx)
    return blocked


async def escalate_task(target: Target, command: EscalateTask, *, tx: Tx) -> Task:
    task = await _authorised_task(target, tx)
    return await save_task(task, domain.escalate(task, command, tx.now), tx=tx)


async def fulfil_task(target: Target, command: FulfilTask, *, tx: Tx) -> Task:
    task = await _authorised_task(target, tx)
    fulfilled = await save_task(task, domain.fulfil(task, command, tx.now), tx=tx)
    await allocate_queue(tx=tx)
    return fulfilled


async def reassign_task(target: Target, command: ReassignTask, *, tx: Tx) -> Task:
    task = await _authorised_task(target, tx)
    decision = domain.reassign(task, command, tx.now, tx.policy)
    require_fit(task, await candidate(tx, command.navigator_id), tx.policy)
    reassigned = await save_task(task, decision, tx=tx)
    await allocate_queue(tx=tx)
    return reassigned


async def reschedule_task(target: Target, command: RescheduleTask, *, tx: Tx) -> Task:
    """A navigator reschedules within the limits of the policy; a coordinator without limits."""
    task = await _authorised_task(target, tx)
    is_coordinator = COORDINATE in tx.actor.scopes
    decision = due_time.reschedule(task, command, tx.now) if is_coordinator else due_time.move(task, command, tx.now, tx.policy)
    return await save_task(task, decision, tx=tx)


async def cancel_task(target: Target, command: CancelTask, *, tx: Tx) -> Task:
    task = await _authorised_task(target, tx)
    cancelled = await save_task(task, domain.cancel(task, command, tx.now), tx=tx)
    await allocate_queue(tx=tx)
    return cancelled


async def prefetch_deadlines(batch: Sequence[DueDeadline], *, tx: Tx) -> None:
    await lock_allocation(tx)
    await tasks.prefetch(tx, [deadline.subject for deadline in batch])


async def on_acknowledgement(deadline: DueDeadline, *, tx: Tx) -> None:
    await lock_allocation(tx)
    task = await tasks.load(tx, deadline.subject)
    await save_task(task, domain.escalate_unacknowledged(task, tx.now), tx=tx)


async def on_overdue(deadline: DueDeadline, *, tx: Tx) -> None:
    await lock_allocation(tx)
    task = await tasks.load(tx, deadline.subject)
    await save_task(task, due_time.mark_overdue(task, deadline.due_at, tx.policy), tx=tx)


async def on_long_overdue(deadline: DueDeadline, *, tx: Tx) -> None:
    await lock_allocation(tx)
    task = await tasks.load(tx, deadline.subject)
    await save_task(task, due_time.escalate_long_overdue(task, tx.now, tx.policy), tx=tx)


async def _authorised_task(target: Target, tx: Tx) -> Task:
    """The task, locked. Raises FeedAccessDenied and OrganisationNotInvolved unless it is the caller's or they coordinate it."""
    await lock_allocation(tx)
    task = await tasks.load(tx, target.id, if_version=target.version)
    navigator = await navigators.find(tx, id_of(task.navigator_id)) if task.navigator_id else None
    require_involved(tx.actor, tx.policy.organisation, [navigator.organisation if navigator else None])
    require_own(tx.actor, [task.navigator_id])
    return task
