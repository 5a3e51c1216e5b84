"""Commands on a person's record."""

from services.referrals.commands import ReviseRecord
from services.referrals.domain import differences
from services.referrals.domain import person as people
from services.referrals.domain.directory import PracticeClosed
from services.referrals.domain.person import Person
from services.referrals.domain.record import Records
from services.referrals.handlers.discrepancies import confirm_practice, settle_discrepancies
from services.referrals.handlers.proposals import settle_proposals
from services.referrals.store import directory
from services.referrals.store.people import persons, records_of
from services.referrals.store.tables import Tx
from shared.kernel.ids import PersonId
from shared.kernel.target import Target


async def revise_record(target: Target, command: ReviseRecord, *, tx: Tx) -> Person:
    """Corrects the person's one record. That of a merged record is the surviving one; the preference holds for every record.

    Raises PracticeClosed, and as the rule does.
    """
    people.require_born(command.demographics, tx.policy.day_of(tx.now))
    own = await persons.load(tx, target.id, if_version=target.version)
    records = await records_of(tx, own.id)
    if not await _share(command, records, tx):
        await _revise(command, await persons.load(tx, records.group.survivor), own.id, tx)
    return (await records_of(tx, own.id)).as_one(await persons.load(tx, own.id))


async def _revise(command: ReviseRecord, person: Person, own: PersonId, tx: Tx) -> None:
    code = (command.demographics.practice_code if command.demographics else None) or person.practice_code
    today = tx.policy.day_of(tx.now)
    if code != person.practice_code and await directory.is_practice_closed(tx, code, today):
        raise PracticeClosed(f"The practice {code} is closed and has no successor.")
    practice = await directory.practice(tx, code, today)
    change = people.revise(person, command, locality=practice.locality if practice else None)
    source, replaced_by = tx.actor.organisation, tx.actor.id
    former = differences.keep_former(person, change, source=source, replaced_by=replaced_by, now=tx.now, stated_for=own)
    revised = await persons.save(tx, former)
    if command.demographics and command.demographics.practice_code:
        await confirm_practice(revised.id, code, tx=tx)
    await settle_proposals(person, revised, tx=tx)
    await settle_discrepancies(await persons.load(tx, revised.id), tx=tx)


async def _share(command: ReviseRecord, records: Records, tx: Tx) -> bool:
    """Records the preference at the merged records; returns whether this was all that the correction changes."""
    preference = ReviseRecord(sharing=command.sharing, sharing_stated_by=command.sharing_stated_by)
    differing = {each.id for each in records.stored if command.sharing not in {None, each.sharing}}
    for person_id in differing.intersection(records.group.merged):
        record = await persons.load(tx, person_id)
        await persons.save(tx, people.revise(record, preference, locality=record.locality))
    return bool(differing) and records.group.survivor not in differing and command == preference
