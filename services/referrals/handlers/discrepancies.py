"""Faults of urgent referrals that a change of the person's record ends."""

from services.referrals.domain import discrepancies
from services.referrals.domain.person import Person
from services.referrals.store.referrals import referrals, with_discrepancies
from services.referrals.store.tables import Tx


async def settle_discrepancies(person: Person, *, tx: Tx) -> None:
    """Ends the faults of the person's open referrals that their record no longer has. The person is locked."""
    for referral in await with_discrepancies(tx, person.id):
        decision = discrepancies.settle(referral, person, tx.now)
        if decision:
            await referrals.save(tx, decision)
