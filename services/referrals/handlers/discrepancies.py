"""Faults of open referrals that a change of the person's record ends, or begins."""

from services.referrals.domain import discrepancies
from services.referrals.domain.person import Person
from services.referrals.domain.referral import Referral
from services.referrals.store import directory
from services.referrals.store.people import records_of
from services.referrals.store.referrals import open_about, referrals
from services.referrals.store.tables import Tx
from shared.kernel.decision import Decision


async def settle_discrepancies(person: Person, *, tx: Tx, is_separated: bool = False) -> None:
    """Ends the faults of the person's open referrals that their one record has no longer; marks a lost practice. The person is locked.

    A referral of an unverified person is identified once the person is. After a separation the faults of the record are open again.
    """
    records = await records_of(tx, person.id)
    one = records.as_one(person)
    same = await directory.same_practice(tx, one.practice_code, tx.policy.day_of(tx.now))
    for referral in await open_about(tx, records.group.ids):
        settled = await _saved(referral, discrepancies.settle(referral, one, tx.now), tx)
        marked = await _saved(settled, discrepancies.follow_practice(settled, one, tx.now, tx.policy, same), tx)
        followed = await _saved(marked, discrepancies.follow_identity(marked, one), tx)
        if is_separated:
            await _saved(followed, discrepancies.open_again(followed, one, tx.now, tx.policy), tx)


async def _saved(referral: Referral, decision: Decision[Referral] | None, tx: Tx) -> Referral:
    return await referrals.save(tx, decision) if decision else referral
