"""Requests and approvals for the erasure of a person, for `care erase`, which then erases the words in every context."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.referrals.domain import erasure as domain
from services.referrals.domain.erasure import Erasure, ErasureNotFound
from services.referrals.store import erasures
from services.referrals.store.identity import lock_group
from services.referrals.store.people import persons
from services.referrals.store.tables import Tx
from shared.kernel.ids import PersonId


async def request_erasure(erasure_id: UUID, person_id: PersonId, reason: str, *, tx: Tx) -> Erasure:
    """The actor of the transaction requests it. Changes nothing of the person. Raises PersonNotFound."""
    person = await persons.load(tx, person_id)
    erasure = Erasure(erasure_id, person.id, reason, tx.request.caller, tx.now)
    await erasures.add(tx, erasure)
    tx.audit(person.id)
    return erasure


async def read_erasure(person_id: PersonId, erasure_id: UUID, *, tx: Tx) -> Erasure:
    """The request that the actor may approve. Raises ErasureNotFound."""
    erasure = await _existing(person_id, erasure_id, tx)
    tx.audit(erasure.person_id)
    return erasure


async def approve_erasure(person_id: PersonId, erasure_id: UUID, *, tx: Tx) -> tuple[Erasure, Mapping[PersonId, int]]:
    """The actor of the transaction approves it; the records under all ids of the person lose their words.

    Returns the sequence of each published record from which on there are no earlier words. Raises as `domain.approve`, ErasureNotFound.
    """
    erasure = domain.approve(await _existing(person_id, erasure_id, tx), tx.actor, tx.request.caller, tx.now)
    await erasures.update(tx, erasure)
    group = await lock_group(tx, person_id)
    for each in group.ids:
        await persons.save(tx, domain.erase(await persons.load(tx, each), tx.now))
        tx.audit(each)
    return erasure, {each: (await persons.load(tx, each)).version for each in group.ids}


async def certify_erasure(erasure: Erasure, certificate: Mapping[str, Any], *, tx: Tx) -> None:
    """Completes the erasure: no one can carry it out again."""
    await erasures.update(tx, domain.certified(await _existing(erasure.person_id, erasure.id, tx), certificate))


async def _existing(person_id: PersonId, erasure_id: UUID, tx: Tx) -> Erasure:
    erasure = await erasures.find(tx, erasure_id, person_id)
    if erasure is None:
        raise ErasureNotFound("No request for an erasure of this person has this id.")
    return erasure
