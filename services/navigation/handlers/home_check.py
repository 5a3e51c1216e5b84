"""Home checks: expected after a discharge, cancelled by staff, and due on their day."""

from datetime import date
from uuid import UUID

from services.navigation.commands import CancelHomeCheck
from services.navigation.domain import home_check as domain
from services.navigation.domain import work
from services.navigation.domain.home_check import HomeCheck, HomeCheckNotFound, Status
from services.navigation.domain.person_change import require_alive
from services.navigation.domain.work import WorkSource
from services.navigation.handlers.allocation import create_if_absent
from services.navigation.store import home_check as store
from services.navigation.store.projections import locality_of
from services.navigation.store.tables import CHANGES, MERGED, Tx, lock_allocation
from shared.contracts.navigation import TaskSource
from shared.kernel.ids import PersonId
from shared.kernel.target import Target
from shared.persistence.deadlines import DueDeadline


async def expect_home_check(person_id: PersonId, discharged_on: date, *, tx: Tx) -> HomeCheck:
    """Idempotent: one check for each discharge, also under another id of the person.

    Raises DischargeInFuture, HomeCheckInPast, PersonDied.
    """
    await lock_allocation(tx)
    require_alive(await CHANGES.standing.get(tx, person_id))
    expected = domain.expect(person_id, discharged_on, tx.now, tx.policy)
    live = [check for check in await store.checks_after(tx, person_id, discharged_on) if check.status is not Status.CANCELLED]
    if live:
        return live[0]
    cancelled = await store.find(tx, expected.state.id)
    return await store.save(tx, domain.expect_again(cancelled) if cancelled else expected)


async def cancel_home_check(person_id: UUID, target: Target, command: CancelHomeCheck, *, tx: Tx) -> HomeCheck:
    """A repeated command returns the present check. Raises HomeCheckNotFound, VersionConflict, IllegalTransition, CancelReasonNotYours."""
    await lock_allocation(tx)
    check = await store.load(tx, target.id)
    if check.person_id not in await MERGED.group(tx, person_id):
        raise HomeCheckNotFound(f"No home check of this person has the id {target.id}.")
    if domain.is_repeated(check, command):
        return check
    target.require(f"The home check {check.id}", check.version)
    return await store.save(tx, domain.cancel(check, command, tx.now))


async def on_home_check(deadline: DueDeadline, *, tx: Tx) -> None:
    await lock_allocation(tx)
    check = await store.save(tx, domain.fall_due(await store.load(tx, deadline.subject), tx.now))
    origin = WorkSource(check.person_id, deadline.correlation_id, TaskSource.HOSPITAL_DISCHARGE, check.id, 1, tx.now)
    locality = await locality_of(tx, check.person_id)
    await create_if_absent(work.of_home_check(origin, locality, tx.now, tx.policy), tx=tx)
