"""Safeguarding concerns: the accounts that arrive from all services, the council's commands, and their deadlines.

The handlers lock no person and no referral: a concern delays no care. Its events are those of the product, so that their headers do not
show who raised it.
"""

from uuid import UUID

from services.referrals.commands import AcknowledgeConcern, CloseConcern
from services.referrals.domain import safeguarding as domain
from services.referrals.domain.safeguarding import Account, Concern, ConcernDeadline
from services.referrals.store.identity import find_group
from services.referrals.store.safeguarding import add_account, concerns, lock_concerns, open_concern, readable_concern
from services.referrals.store.tables import Tx
from shared.contracts.envelope import Envelope
from shared.contracts.safeguarding import RAISING, AccountGiven
from shared.kernel.ids import PersonId, new_id
from shared.kernel.target import Target
from shared.persistence.deadlines import DueDeadline
from shared.persistence.transaction import RequestContext


async def receive_account(account: Account, person_id: UUID, *, tx: Tx) -> None:
    """Opens a concern, or adds the account to the open one of its kind. Both take the same statements and write as many rows."""
    group = await find_group(tx, person_id)
    await lock_concerns(tx, group.survivor)
    waiting = await open_concern(tx, group.ids, account.kind)
    decision = (
        domain.add_account(waiting, account, tx.policy)
        if waiting
        else domain.raise_concern(new_id(), PersonId(person_id), account, tx.policy)
    )
    with tx.acting_as(RequestContext.of_system(RAISING, tx.cause.event_id, tx.cause.traceparent)):
        concern = await concerns.save(tx, decision)
    await add_account(tx, concern.id, account)


async def give_account(account_id: UUID, given: AccountGiven, *, tx: Tx) -> None:
    """An account of this context's own staff. It waits for no broker."""
    await receive_account(Account.of(account_id, "referrals", given), given.person_id, tx=tx)


async def on_account_given(event: AccountGiven, envelope: Envelope, *, tx: Tx) -> None:
    """An account from another service; the sender's id of it is the reference of the receipt."""
    service = envelope.type.partition(".")[0]
    await receive_account(Account.of(UUID(envelope.subject), service, event), event.person_id, tx=tx)


async def acknowledge_concern(target: Target, *, tx: Tx) -> Concern:
    """Raises ConcernNotFound, VersionConflict, IllegalTransition."""
    concern = await _load(target, AcknowledgeConcern, tx)
    return await concerns.save(tx, domain.acknowledge(concern, acknowledged_by=_who(tx), now=tx.now, policy=tx.policy))


async def close_concern(target: Target, command: CloseConcern, *, tx: Tx) -> Concern:
    """Raises ConcernNotFound, CouncilDecides, VersionConflict, IllegalTransition."""
    concern = await _load(target, CloseConcern, tx)
    return await concerns.save(tx, domain.close(concern, command, closed_by=_who(tx), now=tx.now))


async def on_due(deadline: DueDeadline, *, tx: Tx) -> None:
    """Escalates or reminds, and repeats this until the council has acted."""
    concern = await concerns.load(tx, deadline.subject)
    decision = domain.mark_overdue(concern, ConcernDeadline(deadline.kind), tx.now, tx.policy)
    if decision:
        await concerns.save(tx, decision)


async def _load(target: Target, command: type, tx: Tx) -> Concern:
    domain.require_permitted(tx.actor, command, tx.policy)
    concern = await readable_concern(tx, target.id, lock=True)
    target.require(f"The safeguarding concern {target.id}", concern.version)
    return concern


def _who(tx: Tx) -> str:
    return f"{tx.actor.organisation} {tx.actor.id}"
