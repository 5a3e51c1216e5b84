"""The roster: registration and availability of navigators."""

from typing import assert_never

from services.navigation.commands import DeclareAvailability, RegisterNavigator
from services.navigation.domain import navigator as domain
from services.navigation.domain.access import require_employer, require_own
from services.navigation.domain.navigator import Navigator, Presence, id_of
from services.navigation.domain.repetition import is_declared
from services.navigation.handlers.allocation import allocate_queue, reallocate
from services.navigation.store.navigator import navigators, save
from services.navigation.store.tables import Tx, lock_allocation
from services.navigation.store.task import open_tasks_of
from shared.contracts.navigation import ReassignReason
from shared.kernel.errors import VersionConflict
from shared.persistence.deadlines import DueDeadline


async def register_navigator(code: str, command: RegisterNavigator, version: int, *, tx: Tx) -> Navigator:
    """Registers a navigator (`version` 0), or moves them to another locality or role. Idempotent.

    Raises StaffCodeTaken, also for a repetition; VersionConflict when the registration differs and `version` is stale.
    """
    await lock_allocation(tx)
    registered = await navigators.find(tx, id_of(code), lock=True)
    if registered is not None:
        require_employer(tx.actor, registered.organisation)
    if registered is None:
        decision = domain.register(code, command, tx.actor.organisation)
    elif (registered.locality, registered.role) == (command.locality, command.role):
        return registered
    else:
        decision = domain.move(await navigators.load(tx, registered.id, if_version=version), command)
    navigator = await save(tx, decision)
    await allocate_queue(tx=tx)
    return navigator


async def declare_availability(code: str, command: DeclareAvailability, version: int, *, tx: Tx) -> Navigator:
    """Reallocates the tasks of a navigator who goes away (navigation-3), or allocates the queue when one comes back.

    A repeated command returns the present navigator. Raises FeedAccessDenied first, also for an unknown code, then the refusals of the
    navigator's state.
    """
    await lock_allocation(tx)
    registered = await navigators.find(tx, id_of(code))
    require_own(tx.actor, [registered.professional] if registered else [], "The availability")
    navigator = await navigators.load(tx, id_of(code))
    require_employer(tx.actor, navigator.organisation)
    if is_declared(navigator, command):
        return navigator
    if navigator.version != version:
        raise VersionConflict(f"The navigator {navigator.id}", version, navigator.version)
    declared: Navigator = await save(tx, domain.declare_availability(navigator, command, tx.now, tx.policy))
    match declared.presence:
        case Presence.AWAY:
            for task in await open_tasks_of(tx, declared.code):
                await reallocate(task, ReassignReason.ABSENCE, tx=tx)
        case Presence.AVAILABLE:
            await allocate_queue(tx=tx)
        case _:
            assert_never(declared.presence)
    return declared


async def on_return(deadline: DueDeadline, *, tx: Tx) -> None:
    await lock_allocation(tx)
    navigator = await navigators.load(tx, deadline.subject)
    await save(tx, domain.return_to_work(navigator))
    await allocate_queue(tx=tx)


async def on_return_unknown(deadline: DueDeadline, *, tx: Tx) -> None:
    await lock_allocation(tx)
    navigator = await navigators.load(tx, deadline.subject)
    await save(tx, domain.ask_return(navigator, tx.now, tx.policy))
