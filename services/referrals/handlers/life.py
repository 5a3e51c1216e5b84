"""Deaths, moves, their restoration and returns. A change of a life ends or reopens the person's referrals in the same transaction.

The person is locked before their life, and their referrals in the order of their ids, so that no two transactions deadlock.
"""

from collections.abc import Sequence
from uuid import UUID

from services.referrals.commands import RecordDeath, RecordMove, RecordReturn, RestorePerson
from services.referrals.domain import closure, discrepancies
from services.referrals.domain import life as domain
from services.referrals.domain.life import Life, Report
from services.referrals.domain.person import PersonNotFound
from services.referrals.domain.referral import Referral
from services.referrals.handlers.discrepancies import settle_opened
from services.referrals.store import directory
from services.referrals.store.identity import lock_groups
from services.referrals.store.life import (
    is_known,
    keep_ended_referrals,
    lives,
    lock_ended_referrals,
    lock_life,
    lock_open_referrals,
    lock_reported_referrals,
    mark_open_referrals,
    open_referral_ids,
    prefetch_lives,
    save_life,
)
from services.referrals.store.people import persons
from services.referrals.store.referrals import person_of, referrals
from services.referrals.store.tables import Tx
from shared.contracts.persons import PersonChange
from shared.kernel.decision import Decision
from shared.kernel.ids import PersonId
from shared.kernel.target import Target


async def record_death(target: Target, command: RecordDeath, *, tx: Tx) -> Life:
    """`target` is the person at the version of their life. Raises PersonNotFound, VersionConflict and the refusals of the rule."""
    life = await _load(target, tx)
    return await _end_care(domain.record_death(life, command, await _stated(life, tx), tx.policy), tx)


async def record_move(target: Target, command: RecordMove, *, tx: Tx) -> Life:
    """As `record_death`."""
    life = await _load(target, tx)
    return await _end_care(domain.record_move(life, command, await _stated(life, tx), tx.policy), tx)


async def restore_person(target: Target, command: RestorePerson, *, tx: Tx) -> Life:
    """Reopens every referral that ended because the person had died or moved away, unless an earlier move still holds."""
    life = await _load(target, tx)
    restored = await save_life(tx, domain.restore(life, command, restored_by=tx.actor.id, now=tx.now, policy=tx.policy))
    await _reopen_ended(restored, tx)
    await settle_opened(restored.person_id, tx=tx)
    return restored


async def record_return(target: Target, command: RecordReturn, *, tx: Tx) -> Life:
    """The person's open referrals contradict nothing any more; those that ended stay ended. Raises as `record_death`."""
    life = await _load(target, tx)
    report = await _stated(life, tx)
    decision = domain.record_return(life, command, returned_by=tx.actor.id, report=report, policy=tx.policy)
    returned = await save_life(tx, decision)
    await mark_open_referrals(tx, life.person_id, domain.contradiction(returned))
    await keep_ended_referrals(tx, life.person_id)
    return returned


async def restore_separated(decision: Decision[Life], *, tx: Tx) -> None:
    """Reopens what ended with a change that was stated for another person, whose record was merged with this one."""
    await _reopen_ended(await lives.save(tx, decision), tx)


async def record_report(person_id: PersonId, change: PersonChange, report: Report, *, tx: Tx) -> None:
    """Records a reported change once; one that a recorded change excludes changes nothing."""
    decision = domain.record_reported(await lock_life(tx, person_id), change, report)
    if decision:
        await _end_care(decision, tx)


async def record_end(referral: Referral, *, tx: Tx) -> None:
    """Records the death or the move for which a command has ended a referral, if any. The person is locked already."""
    change = closure.change_of(referral)
    if change:
        await record_report(referral.person_id, change, Report(tx.actor.organisation, referral.correlation_id, tx.now), tx=tx)


async def is_living(person_id: PersonId, *, tx: Tx) -> bool:
    """Whether no death and no move is recorded; none is recorded before the end of this transaction."""
    return domain.contradiction(await lock_life(tx, person_id)) is None


async def lock_care(person_id: PersonId, *, tx: Tx) -> Life:
    """Locks the person, their life and their open referrals, before any of these may end."""
    life = await lock_life(tx, person_id)
    await lock_open_referrals(tx, person_id)
    return life


async def lock_care_of(referral_id: UUID, *, tx: Tx) -> None:
    """The same for the person of a referral. Raises ReferralNotFound."""
    await lock_care(PersonId(await person_of(tx, referral_id)), tx=tx)


async def prefetch_people(people: Sequence[UUID], *, tx: Tx) -> list[UUID]:
    """Locks people whose change of life a batch reports, and reads their lives; the ids of their open referrals, for one prefetch."""
    records = [record for group in await lock_groups(tx, people) for record in group.ids]
    await prefetch_lives(tx, records)
    return await open_referral_ids(tx, records)


async def _load(target: Target, tx: Tx) -> Life:
    person_id = PersonId(target.id)
    if not await is_known(tx, person_id):
        raise PersonNotFound("No person has this id.")
    life = await lock_care(person_id, tx=tx)
    target.require(f"The life of the person {target.id}", life.version)
    return life


async def _stated(life: Life, tx: Tx) -> Report:
    """A statement by the caller, in the chain of the person's last referral."""
    person = await persons.find(tx, life.person_id)
    return Report(tx.actor.organisation, person.correlation_id if person else life.correlation_id, tx.now)


async def _end_care(decision: Decision[Life], tx: Tx) -> Life:
    life = await save_life(tx, decision)
    change = life.changes[-1].kind
    for referral in await lock_open_referrals(tx, life.person_id):
        await referrals.save(tx, closure.end_with(referral, change, tx.now, tx.policy))
    for reported in await lock_reported_referrals(tx, life.person_id):
        if confirmed := discrepancies.confirm_report(reported, change, tx.now):
            await referrals.save(tx, confirmed)
    return life


async def _reopen_ended(restored: Life, tx: Tx) -> None:
    await mark_open_referrals(tx, restored.person_id, domain.contradiction(restored))
    for referral in await lock_ended_referrals(tx, restored.person_id):
        if domain.is_reversed(restored, closure.change_of(referral)):
            await _reopen(referral, restored, tx)


async def _reopen(referral: Referral, life: Life, tx: Tx) -> None:
    code = referral.service_code
    service = await directory.service(tx, code, tx.policy.day_of(tx.now)) if code else None
    contradicts = domain.contradiction(life)
    await referrals.save(tx, closure.reopen(referral, service=service, contradicts=contradicts, now=tx.now, policy=tx.policy))
