"""Care plans: their actions become tasks, which follow revisions, end with the plan, and are restored with it."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.navigation.commands import RescheduleTask
from services.navigation.domain import due_time
from services.navigation.domain.task import Task
from services.navigation.domain.work import Work, WorkSource, of_plan
from services.navigation.handlers.allocation import cancel_all, create_if_absent, origin_of, restore_from, save_task, with_new_id
from services.navigation.store.projections import locality_of, project_plan, set_plan_in_force
from services.navigation.store.tables import CHANGES, Tx, lock_allocation
from services.navigation.store.task import open_tasks_from, tasks
from shared.contracts.care_plans import CarePlanAgreed, CarePlanClosed, CarePlanReopened, CarePlanRevised
from shared.contracts.envelope import Envelope
from shared.contracts.mdt import CaseCloseReason
from shared.contracts.navigation import CancelReason, RescheduleReason, TaskSource
from shared.kernel.totality import total

#: The reason with which the tasks of a closed plan end.
_CLOSURES: Mapping[CaseCloseReason, CancelReason] = total(
    CaseCloseReason,
    {
        CaseCloseReason.DIED: CancelReason.PERSON_DIED,
        CaseCloseReason.MOVED_AWAY: CancelReason.PERSON_MOVED_AWAY,
        CaseCloseReason.DECLINED_BY_PERSON: CancelReason.CARE_PLAN_CLOSED,
        CaseCloseReason.NEEDS_MET: CancelReason.CARE_PLAN_CLOSED,
        CaseCloseReason.REFERRAL_WITHDRAWN: CancelReason.CARE_PLAN_CLOSED,
        CaseCloseReason.DUPLICATE: CancelReason.CARE_PLAN_CLOSED,
    },
)
#: The reason of a closed plan is an open code.
_BY_CODE = {code.value: reason for code, reason in _CLOSURES.items()}


async def prefetch_plans(batch: Sequence[tuple[CarePlanAgreed | CarePlanRevised, Envelope]], *, tx: Tx) -> None:
    """Reads the existing tasks of a batch of plans, and the recorded changes of their people."""
    await lock_allocation(tx)
    plans = [(origin_of(envelope, TaskSource.CARE_PLAN), event) for event, envelope in batch]
    works = [work for origin, event in plans for work in of_plan(origin, event.actions, event.locality, tx.policy)]
    await tasks.prefetch(tx, [work.task_id for work in works])
    await CHANGES.standing.prefetch(tx, [work.person_id for work in works])


async def on_care_plan_agreed(event: CarePlanAgreed | CarePlanRevised, envelope: Envelope, *, tx: Tx) -> None:
    """Creates one task for each action of a navigator, however often the event arrives (navigation-1)."""
    await lock_allocation(tx)
    origin = origin_of(envelope, TaskSource.CARE_PLAN)
    await project_plan(tx, origin.person_id, origin.source_id, envelope.sequence, event.preferred_place_of_care)
    for work in await _work_of_plan(origin, event, tx):
        await create_if_absent(work, tx=tx)


async def on_care_plan_revised(event: CarePlanRevised, envelope: Envelope, *, tx: Tx) -> None:
    """Cancels tasks of removed actions, reschedules tasks with a new due day, creates tasks for new actions."""
    await lock_allocation(tx)
    origin = origin_of(envelope, TaskSource.CARE_PLAN)
    planned = {work.task_id: work for work in await _work_of_plan(origin, event, tx)}
    open_tasks = await open_tasks_from(tx, TaskSource.CARE_PLAN, origin.source_id)
    for task in open_tasks:
        if task.id in planned:
            await _follow(task, planned[task.id], tx)
    await cancel_all([task for task in open_tasks if task.id not in planned], CancelReason.CARE_PLAN_REVISED, tx=tx)
    await on_care_plan_agreed(event, envelope, tx=tx)


async def on_care_plan_closed(event: CarePlanClosed, envelope: Envelope, *, tx: Tx) -> None:
    """Ends the tasks of the plan; after a death or move with the reason that a mistake restores."""
    await lock_allocation(tx)
    care_plan_id = UUID(envelope.subject)
    await set_plan_in_force(tx, care_plan_id, is_in_force=False)
    reason = _BY_CODE.get(event.reason, CancelReason.CARE_PLAN_CLOSED)
    await cancel_all(await open_tasks_from(tx, TaskSource.CARE_PLAN, care_plan_id), reason, tx=tx)


async def on_care_plan_reopened(_: CarePlanReopened, envelope: Envelope, *, tx: Tx) -> None:
    """Restores the tasks that a close of the plan ended after the person's own event had restored the others."""
    await lock_allocation(tx)
    origin = origin_of(envelope, TaskSource.CARE_PLAN)
    await set_plan_in_force(tx, origin.source_id, is_in_force=True)
    await restore_from(origin, tx=tx)


async def _work_of_plan(origin: WorkSource, event: CarePlanAgreed | CarePlanRevised, tx: Tx) -> list[Work]:
    locality = event.locality or await locality_of(tx, origin.person_id)
    planned = of_plan(origin, event.actions, locality, tx.policy)
    return [await with_new_id(work, CancelReason.CARE_PLAN_REVISED, tx=tx) for work in planned]


async def _follow(task: Task, work: Work, tx: Tx) -> None:
    """Reschedules the task to the plan's due day, unless that day has passed."""
    if task.due_at != work.due_at and work.due_at > tx.now:
        command = RescheduleTask(work.due_at, RescheduleReason.CARE_PLAN_REVISED)
        await save_task(task, due_time.reschedule(task, command, tx.now), tx=tx)
