"""Faults of open referrals that a change of the person's record ends, or begins; and judgements of a practice, each such a change.

A judgement is the same for each record of the person, whichever practice it names. The group is locked.
"""

from collections.abc import Callable, Collection
from functools import partial
from uuid import UUID

from services.referrals.domain import discrepancies, registration, routing
from services.referrals.domain.attribution import as_sent
from services.referrals.domain.person import Person
from services.referrals.domain.practice_doubt import PracticeDoubt
from services.referrals.domain.referral import Referral, is_with_receiver
from services.referrals.store import directory
from services.referrals.store.people import persons, records_of
from services.referrals.store.referrals import open_about, referrals
from services.referrals.store.tables import Tx
from shared.kernel.decision import Decision

_Judge = Callable[[Person], Decision[Person] | None]


async def settle_discrepancies(person: Person, *, tx: Tx, is_separated: bool = False, sent_as: UUID | None = None) -> None:
    """Ends the faults of the person's open referrals that their one record has no longer; marks a lost practice. The person is locked.

    A referral of an unverified person is identified once the person is. After a separation the faults of the record are open again.
    `sent_as` is the referral whose referrer changed the record, if one did.
    No referral stays with a practice as the person's GP that a triager doubts.
    """
    records = await records_of(tx, person.id)
    one = records.as_one(person)
    same = await _same(one.practice_code, tx)
    for referral in await open_about(tx, records.group.ids):
        settled = await _saved(referral, discrepancies.settle(referral, one, tx.now), sent_as, tx)
        marked = await _saved(settled, discrepancies.follow_practice(settled, one, tx.now, tx.policy, same), sent_as, tx)
        followed = await _saved(marked, discrepancies.follow_identity(marked, one), sent_as, tx)
        if is_separated:
            followed = await _saved(followed, discrepancies.open_again(followed, one, tx.now, tx.policy), sent_as, tx)
        if is_with_receiver(followed) and await is_gp_doubted(followed, followed.receiver_organisation, one, tx=tx):
            await referrals.save(tx, routing.take_from_doubted(followed, tx.now, tx.policy))


async def settle_opened(person_id: UUID, *, tx: Tx) -> None:
    """Referrals of the person are open again: their record may have changed since they ended. The person is locked."""
    person = await persons.find(tx, person_id, lock=True)
    if person:
        await settle_discrepancies(person, tx=tx)


async def is_gp_doubted(referral: Referral, practice: str | None, person: Person | None, *, tx: Tx) -> bool:
    """Whether the referral is for the person's GP, and a triager doubts this practice. `person` is their one record, if there is one."""
    if person is None or practice is None or not person.practice_doubts:
        return False
    service = await directory.service(tx, referral.service_code or "", tx.policy.day_of(tx.now))
    is_gp = service is None or service.organisation is None
    return is_gp and registration.is_doubted_as_gp(person, await _same(practice, tx))


async def judge_practice(person_id: UUID, *, is_confirmed: bool | None, tx: Tx) -> None:
    """After the triage of a referral by the practice of this record. Without a statement a doubt stays as it is."""
    person = await persons.load(tx, person_id)
    records, same = await records_of(tx, person_id), await _same(person.practice_code, tx)
    if is_confirmed is False:
        doubt = PracticeDoubt(person.practice_code, tx.now, tx.actor.id)
        await _judge(records.group.ids, partial(registration.doubt_practice, doubt=doubt, same=same), tx)
    elif is_confirmed or not registration.is_doubted(records.as_one(person), same):
        await _judge(records.group.ids, partial(registration.confirm_practice, same=same), tx)
    await settle_discrepancies(await persons.load(tx, person_id), tx=tx)


async def confirm_practice(person_id: UUID, code: str, *, tx: Tx) -> None:
    """Staff have recorded the practice: each record of the person leaves it in doubt no longer."""
    records, same = await records_of(tx, person_id), await _same(code, tx)
    await _judge(records.group.ids, partial(registration.confirm_practice, same=same), tx)


async def share_doubts(own: UUID, others: Collection[UUID], *, tx: Tx) -> None:
    """The doubts of a record hold for those with which it was merged, and theirs for it: a merge confirms no practice."""
    of_own = (await persons.load(tx, own)).practice_doubts
    of_others = [doubt for each in others for doubt in (await persons.load(tx, each)).practice_doubts]
    for people, doubts in ((others, of_own), ([own], of_others)):
        for doubt in doubts:
            same = await _same(doubt.practice_code, tx)
            await _judge(people, partial(registration.doubt_practice, doubt=doubt, same=same), tx)


async def _judge(people: Collection[UUID], judge: _Judge, tx: Tx) -> None:
    for person_id in people:
        decision = judge(await persons.load(tx, person_id))
        if decision:
            await persons.save(tx, decision)


async def _same(code: str, tx: Tx) -> frozenset[str]:
    return await directory.same_practice(tx, code, tx.policy.day_of(tx.now))


async def _saved(referral: Referral, decision: Decision[Referral] | None, sent_as: UUID | None, tx: Tx) -> Referral:
    if decision is None:
        return referral
    return await referrals.save(tx, as_sent(decision, sent_as) if sent_as else decision)
