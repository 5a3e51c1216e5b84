"""Faults of open referrals that a change of the person's record ends, or begins."""

from services.referrals.domain import discrepancies
from services.referrals.domain import person as people
from services.referrals.domain.person import Person
from services.referrals.store.people import records_of
from services.referrals.store.referrals import open_about, referrals, with_discrepancies
from services.referrals.store.tables import Tx


async def settle_discrepancies(person: Person, *, tx: Tx) -> None:
    """Ends the faults of the person's open referrals that their one record has no longer; marks a lost practice. The person is locked."""
    records = await records_of(tx, person.id)
    one = records.as_one(person)
    for referral in await with_discrepancies(tx, records.group.ids):
        decision = discrepancies.settle(referral, one, tx.now)
        if decision:
            await referrals.save(tx, decision)
    for referral in await open_about(tx, records.group.ids) if people.lacks_practice(one) else ():
        decision = discrepancies.follow_practice(referral, one, tx.now, tx.policy)
        if decision:
            await referrals.save(tx, decision)
