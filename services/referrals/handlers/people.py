"""Commands on a person's record."""

from services.referrals.commands import ReviseRecord
from services.referrals.domain import differences
from services.referrals.domain import person as people
from services.referrals.domain.person import Person
from services.referrals.handlers.discrepancies import settle_discrepancies
from services.referrals.handlers.proposals import settle_proposals
from services.referrals.store import directory
from services.referrals.store.people import persons
from services.referrals.store.tables import Tx
from shared.kernel.target import Target


async def revise_record(target: Target, command: ReviseRecord, *, tx: Tx) -> Person:
    people.require_born(command.demographics, tx.policy.day_of(tx.now))
    person = await persons.load(tx, target.id, if_version=target.version)
    code = (command.demographics.practice_code if command.demographics else None) or person.practice_code
    practice = await directory.practice(tx, code, tx.policy.day_of(tx.now))
    change = people.revise(person, command, locality=practice.locality if practice else None)
    former = differences.keep_former(person, change, source=tx.actor.organisation, replaced_by=tx.actor.id, now=tx.now)
    revised = await persons.save(tx, former)
    await settle_proposals(person, revised, tx=tx)
    await settle_discrepancies(revised, tx=tx)
    return revised
