"""Commands on a person's record."""

from services.referrals.commands import ReviseRecord
from services.referrals.domain import discrepancies
from services.referrals.domain import person as people
from services.referrals.domain.person import Person
from services.referrals.store import directory
from services.referrals.store.people import persons
from services.referrals.store.referrals import referrals, with_discrepancies
from services.referrals.store.tables import Tx
from shared.kernel.target import Target


async def revise_record(target: Target, command: ReviseRecord, *, tx: Tx) -> Person:
    people.require_born(command.demographics, tx.policy.day_of(tx.now))
    person = await persons.load(tx, target.id, if_version=target.version)
    code = (command.demographics.practice_code if command.demographics else None) or person.practice_code
    practice = await directory.practice(tx, code, tx.policy.day_of(tx.now))
    locality = practice.locality if practice else tx.policy.locality_without_practice
    revised = await persons.save(tx, people.revise(person, command, locality=locality))
    await settle_discrepancies(revised, tx=tx)
    return revised


async def settle_discrepancies(person: Person, *, tx: Tx) -> None:
    """Ends the faults of the person's open referrals that their record no longer has. The person is locked."""
    for referral in await with_discrepancies(tx, person.id):
        decision = discrepancies.settle(referral, person, tx.now)
        if decision:
            await referrals.save(tx, decision)
