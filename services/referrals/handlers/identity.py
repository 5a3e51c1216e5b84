"""Verification of a person's identity, merges and separations of records, and the deadline of tracing.

A merge changes no row of a person, beside a doubt about the practice: the one record is published under every id. Merges and separations
wait for each other; each locks its record before the surviving one, and both before their referrals.
"""

from collections.abc import Sequence
from uuid import UUID

from services.referrals.commands import MergePerson, SeparatePerson, VerifyIdentity
from services.referrals.domain import closure
from services.referrals.domain import identity as domain
from services.referrals.domain import life as lives
from services.referrals.domain.identity import Candidate, Identity
from services.referrals.domain.life import Restoration
from services.referrals.domain.person import Person, PersonNotFound
from services.referrals.domain.record import Group, group_of
from services.referrals.handlers.discrepancies import settle_discrepancies, share_doubts
from services.referrals.handlers.life import restore_separated
from services.referrals.handlers.proposals import separate_proposals
from services.referrals.store.identity import find_identity, identities, lock_group, lock_merges
from services.referrals.store.life import find_life
from services.referrals.store.people import persons, records_of
from services.referrals.store.referrals import joined_across, referrals
from services.referrals.store.tables import Tx
from shared.contracts.persons import PersonChange
from shared.kernel.ids import PersonId
from shared.kernel.nhs_number import parse_nhs_number
from shared.kernel.target import Target
from shared.persistence.deadlines import DueDeadline

_MERGED_ELSEWHERE = "The record was merged into another one."


async def verify_identity(target: Target, command: VerifyIdentity, *, tx: Tx) -> Identity:
    """Merges the record into the one of the number, which is registered when no referral has named it.

    A repeated command returns the present identity. Raises PersonNotFound, InvalidNhsNumber, BirthdayDiffers and as `merge` does.
    """
    nhs_number = parse_nhs_number(command.nhs_number)
    survivor_id = tx.secrets.pseudonym(nhs_number)
    identity, group = await _load(target, survivor_id, tx)
    if domain.is_merged(identity, group.survivor):
        return _unchanged(identity, tx)
    target.require(f"The identity of the person {target.id}", identity.version)
    own = await persons.load(tx, identity.person_id)
    known = await persons.find(tx, survivor_id, lock=True) or await persons.save(tx, domain.register(nhs_number, survivor_id, own))
    domain.require_same_birthday(own, (await records_of(tx, survivor_id)).as_one(known))
    return await _merge(identity, VerifyIdentity, group, tx)


async def merge_person(target: Target, command: MergePerson, *, tx: Tx) -> Identity:
    """Merges the record into another one, or into the one that survives of it. A repeated command returns the present identity.

    Raises PersonNotFound, VersionConflict and as `domain.merge` does.
    """
    identity, group = await _load(target, PersonId(command.into), tx)
    if domain.is_merged(identity, group.survivor):
        return _unchanged(identity, tx)
    target.require(f"The identity of the person {target.id}", identity.version)
    return await _merge(identity, MergePerson, group, tx)


async def separate_person(target: Target, command: SeparatePerson, *, tx: Tx) -> Identity:
    """Each record has its own life and its own referrals again. Raises PersonNotFound, VersionConflict, IllegalTransition."""
    await lock_merges(tx)
    before = await lock_group(tx, target.id)
    identity = await _existing(target.id, tx)
    target.require(f"The identity of the person {target.id}", identity.version)
    own = await persons.load(tx, identity.person_id)
    separated = await identities.save(tx, domain.separate(identity, command, own, actor=tx.actor, now=tx.now, policy=tx.policy))
    await _leave(identity, before, command.reason, tx)
    await _restore_lives(Group(own.id), command.reason, tx)
    await persons.publish(tx, Group(own.id))
    await settle_discrepancies(own, tx=tx, is_separated=True)
    return separated


async def prefetch_identities(due: Sequence[DueDeadline], *, tx: Tx) -> None:
    """Locks the identities of a batch of deadlines by one statement."""
    await identities.prefetch(tx, [deadline.subject for deadline in due])


async def on_tracing_due(deadline: DueDeadline, *, tx: Tx) -> None:
    """Reminds the Community Point of Access, and repeats this until the person is traced."""
    identity = await identities.load(tx, deadline.subject)
    await identities.save(tx, domain.mark_overdue(identity, tx.now, tx.policy))


async def _load(target: Target, into: PersonId, tx: Tx) -> tuple[Identity, Group]:
    """The identity of the record, and the group of the other one, both locked."""
    await lock_merges(tx)
    await lock_group(tx, target.id)
    group = await lock_group(tx, into)
    return await _existing(target.id, tx), group


async def _existing(person_id: UUID, tx: Tx) -> Identity:
    if await persons.find(tx, person_id) is None:
        raise PersonNotFound("No person has this id.")
    return await find_identity(tx, PersonId(person_id))


async def _merge(identity: Identity, command: type, other: Group, tx: Tx) -> Identity:
    own = await persons.load(tx, identity.person_id)
    before = (await records_of(tx, own.id)).group
    candidates = await _candidate(own, before, tx), await _candidate(await _survivor(other, tx), other, tx)
    merged = await identities.save(tx, domain.merge(identity, *candidates, command, tx.actor, tx.now))
    await _leave(identity, before, _MERGED_ELSEWHERE, tx)
    await share_doubts(own.id, other.ids, tx=tx)
    await persons.publish(tx, group_of(other.survivor, [*other.merged, own.id]))
    await settle_discrepancies(await persons.load(tx, own.id), tx=tx)
    return merged


async def _leave(identity: Identity, before: Group, reason: str, tx: Tx) -> None:
    """The records that a merged one leaves have their own life and their own referrals again; no referral stays joined across."""
    if identity.merge is None:
        return
    own, left = identity.person_id, group_of(before.survivor, [each for each in before.merged if each != identity.person_id])
    await _restore_lives(left, reason, tx)
    for people, others in (([own], left.ids), (left.ids, [own])):
        for referral in await joined_across(tx, people, others):
            await referrals.save(tx, closure.separate(referral, tx.now, tx.policy))
    await persons.publish(tx, left)
    await settle_discrepancies(await persons.load(tx, left.survivor), tx=tx, is_separated=True)
    await separate_proposals(own, left.survivor, identity.merge.merged_at, tx=tx)


async def _candidate(record: Person, group: Group, tx: Tx) -> Candidate:
    return Candidate(record, group, await find_life(tx, record.id))


async def _survivor(group: Group, tx: Tx) -> Person:
    """The one record of the other person."""
    survivor = await persons.load(tx, group.survivor)
    return (await records_of(tx, survivor.id)).as_one(survivor)


async def _restore_lives(group: Group, reason: str, tx: Tx) -> None:
    """Reverses the death or the move that was stated for the other person."""
    for person_id in group.ids:
        life = await find_life(tx, person_id)
        decision = lives.separate(life, group.ids, lambda change: _mistake(change, reason, tx))
        if decision:
            await restore_separated(decision, tx=tx)


def _mistake(change: PersonChange, reason: str, tx: Tx) -> Restoration:
    return Restoration(change, tx.now, tx.actor.id, reason)


def _unchanged(identity: Identity, tx: Tx) -> Identity:
    """The present identity. The response concerns a person, so it is audited."""
    tx.audit(identity.person_id)
    return identity
