"""A referral comes in: who is it, what is known, does it join another. One transaction, queued per person."""

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from services.referrals.commands import ReceiveReferral
from services.referrals.domain import person as people
from services.referrals.domain import receiving
from services.referrals.domain.person import Person
from services.referrals.domain.receiving import Arrival
from services.referrals.domain.reference import reference_of
from services.referrals.domain.referral import Referral
from services.referrals.store import directory
from services.referrals.store.people import persons, queue_for
from services.referrals.store.referrals import in_hand_for, next_number, referrals
from services.referrals.store.tables import Tx
from shared.kernel.ids import PersonId, new_id


@dataclass(frozen=True, slots=True)
class Received:
    """What the referrer is answered with: the story of a known person comes back for confirmation (AC1).

    `joins` is the referral that a merged one is looked after with.
    """

    referral: Referral
    joins: Referral | None
    person: Person
    is_story_known: bool


async def receive_referral(command: ReceiveReferral, *, tx: Tx) -> Received:
    """The person is matched or registered, the story kept, the referral acknowledged or merged."""
    people.require_born(command.demographics, today(tx))
    referral_id = new_id()
    known, person_id, nhs_number = await _match(command, tx)
    practice = await directory.practice(tx, _practice_code(command, known), today(tx))
    locality = practice.locality if practice else tx.policy.locality_without_practice
    if known is None:
        registered = people.register(
            command, person_id=person_id, nhs_number=nhs_number, referral_id=referral_id, locality=locality, policy=tx.policy
        )
        person = await persons.save(tx, registered)
    else:
        heard = people.hear_again(known, command, referral_id=referral_id, locality=locality)
        person = known if heard is None else await persons.save(tx, heard)
    arrival = Arrival(
        referral_id=referral_id,
        reference=reference_of(await next_number(tx)),
        referrer_organisation=tx.actor.organisation,
        is_story_known=known is not None,
        is_practice_covered=practice is not None,
        joins=receiving.to_join(command, await in_hand_for(tx, person.id, command.reason), tx.now, tx.policy),
    )
    referral = await referrals.save(tx, receiving.receive(command, person, arrival, now=tx.now, policy=tx.policy))
    return Received(referral, arrival.joins, person, arrival.is_story_known)


def today(tx: Tx) -> date:
    """The day in London."""
    return tx.now.astimezone(ZoneInfo(tx.policy.timezone)).date()


async def _match(command: ReceiveReferral, tx: Tx) -> tuple[Person | None, PersonId, str | None]:
    """The known person, their id and number; a random id for somebody whose number is not verified (G11)."""
    nhs_number = people.claimed_number(command)
    if nhs_number is None:
        return None, _unverified(), None
    person_id = tx.secrets.pseudonym(nhs_number)
    await queue_for(tx, person_id)
    known = await persons.find(tx, person_id, lock=True)
    if known is not None and not people.is_same_person(known, command):
        return None, _unverified(), None
    return known, person_id, nhs_number


def _unverified() -> PersonId:
    return PersonId(new_id())


def _practice_code(command: ReceiveReferral, known: Person | None) -> str:
    if command.demographics is not None:
        return command.demographics.practice_code
    return known.practice_code if known else ""
