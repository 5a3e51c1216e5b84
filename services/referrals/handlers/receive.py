"""Referrals come in: who is it, what is known, does it join another. Those that come together share one transaction, each person once."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import cast
from uuid import UUID
from zoneinfo import ZoneInfo

from services.referrals.commands import ReceiveReferral
from services.referrals.domain import person as people
from services.referrals.domain import receiving
from services.referrals.domain.directory import Practice
from services.referrals.domain.person import Person
from services.referrals.domain.receiving import Arrival
from services.referrals.domain.reference import reference_of
from services.referrals.domain.referral import Referral
from services.referrals.store import directory
from services.referrals.store.people import lock_people, persons
from services.referrals.store.referrals import mergeable_for, next_numbers, referrals
from services.referrals.store.tables import Tx
from shared.kernel.decision import Decision
from shared.kernel.errors import DomainError
from shared.kernel.ids import PersonId, new_id
from shared.persistence.transaction import RequestContext


@dataclass(frozen=True, slots=True)
class Received:
    """What the referrer is answered with: the story of a known person comes back for confirmation (AC1).

    `joins` is the referral that a merged one is looked after with.
    """

    referral: Referral
    joins: Referral | None
    person: Person
    is_story_known: bool


@dataclass(frozen=True, slots=True)
class ReceiveRequest:
    """Somebody's referral; `nhs_number` is the verified one, without which the person gets a random id (G11)."""

    turn: RequestContext
    command: ReceiveReferral
    nhs_number: str | None

    @classmethod
    def by(cls, turn: RequestContext, command: ReceiveReferral) -> "ReceiveRequest":
        """Raises InvalidNhsNumber, NhsNumberMissing."""
        return cls(turn, command, people.claimed_nhs_number(command))

    @property
    def conflict_keys(self) -> Sequence[Hashable]:
        """What two that share a transaction must not have in common: the key, and the person."""
        key = (self.turn.actor.id, self.turn.idempotency_key and self.turn.idempotency_key.key)
        return (key,) if self.nhs_number is None else (key, self.nhs_number)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is already there, for all that came together."""

    ids: Mapping[str, PersonId]
    persons: Mapping[UUID, Person]
    practices: Mapping[str, Practice]
    in_hand: Mapping[UUID, Sequence[Referral]]
    numbers: Sequence[int]


@dataclass(frozen=True, slots=True)
class _Decided:
    """What comes of one: the person as they are now, what changes of them if anything, and the referral."""

    person: Person
    heard: Decision[Person] | None
    arrival: Arrival
    referral: Decision[Referral]


async def receive_referrals(asked: Sequence[ReceiveRequest], *, tx: Tx) -> list[Received | DomainError]:
    """Each person is matched or registered, the story kept, the referral acknowledged or merged. No two are about the same person.

    Gives for each what came of it, or the rule that says no to it.
    """
    known = await _known(asked, tx)
    outcomes = [_decide(each, number, known, tx) for each, number in zip(asked, known.numbers, strict=True)]
    decided = [(each.turn, outcome) for each, outcome in zip(asked, outcomes, strict=True) if isinstance(outcome, _Decided)]
    await persons.save_all(tx, [(turn, one.heard) for turn, one in decided if one.heard])
    saved = iter(await referrals.save_all(tx, [(turn, one.referral) for turn, one in decided]))
    return [_received(outcome, next(saved)) if isinstance(outcome, _Decided) else outcome for outcome in outcomes]


def today(tx: Tx) -> date:
    """The day in London."""
    return tx.now.astimezone(ZoneInfo(tx.policy.timezone)).date()


async def _known(asked: Sequence[ReceiveRequest], tx: Tx) -> _Known:
    """Locks the people before their referrals."""
    ids = {each.nhs_number: tx.secrets.pseudonym(each.nhs_number) for each in asked if each.nhs_number}
    await lock_people(tx, ids.values())
    known = await persons.lock_many(tx, ids.values())
    codes = {_practice_code(each.command, _before(each, ids, known)) for each in asked}
    practices = await directory.practices(tx, codes, today(tx))
    return _Known(ids, known, practices, await mergeable_for(tx, known), await next_numbers(tx, len(asked)))


def _before(asked: ReceiveRequest, ids: Mapping[str, PersonId], known: Mapping[UUID, Person]) -> Person | None:
    return known.get(ids[asked.nhs_number]) if asked.nhs_number else None


def _decide(asked: ReceiveRequest, number: int, known: _Known, tx: Tx) -> _Decided | DomainError:
    command, before = asked.command, _before(asked, known.ids, known.persons)
    try:
        people.require_born(command.demographics, today(tx))
        if before and not people.is_same_person(before, command):
            asked, before = replace(asked, nhs_number=None), None
        practice = known.practices.get(_practice_code(command, before))
        referral_id = new_id()
        heard = _hear(asked, before, practice, referral_id, known.ids, tx)
    except DomainError as refusal:
        return refusal
    person = heard.state if heard else cast("Person", before)
    arrival = Arrival(
        referral_id=referral_id,
        reference=reference_of(number),
        referrer_organisation=asked.turn.actor.organisation,
        is_story_known=before is not None,
        is_practice_covered=practice is not None,
        joins=receiving.to_join(command, known.in_hand.get(person.id, ()), tx.now, tx.policy),
    )
    return _Decided(person, heard, arrival, receiving.receive(command, person, arrival, now=tx.now, policy=tx.policy))


def _hear(
    asked: ReceiveRequest, before: Person | None, practice: Practice | None, referral_id: UUID, ids: Mapping[str, PersonId], tx: Tx
) -> Decision[Person] | None:
    """None when a known person's referral brought nothing new. Raises DemographicsMissing, StoryMissing."""
    locality = practice.locality if practice else tx.policy.locality_without_practice
    if before is not None:
        return people.update_from_referral(before, asked.command, referral_id=referral_id, locality=locality)
    return people.register(
        asked.command,
        person_id=ids[asked.nhs_number] if asked.nhs_number else PersonId(new_id()),
        nhs_number=asked.nhs_number,
        referral_id=referral_id,
        locality=locality,
        policy=tx.policy,
    )


def _received(decided: _Decided, referral: Referral) -> Received:
    return Received(referral, decided.arrival.joins, decided.person, decided.arrival.is_story_known)


def _practice_code(command: ReceiveReferral, known: Person | None) -> str:
    if command.demographics is not None:
        return command.demographics.practice_code
    return known.practice_code if known else ""
