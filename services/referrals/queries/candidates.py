"""The search for persons, and the records that may be about the same person. A person with several records is found once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.referrals.domain.likeness import Likeness, Reason, birthday_of, likeness, mistyped_birthdays, number_of, transpositions
from services.referrals.domain.person import Person
from services.referrals.domain.record import Group
from services.referrals.store import search
from services.referrals.store.identity import find_group
from services.referrals.store.people import find_people, get_person
from services.referrals.store.person_repository import forms_of
from services.referrals.store.search import Traits
from services.referrals.store.tables import Tx
from shared.kernel import normalisation
from shared.kernel.nhs_number import InvalidNhsNumber, parse_nhs_number
from shared.persistence.transaction import NOTHING_FOUND

#: Records that are compared for each candidate that is shown.
_COMPARED = 10


@dataclass(frozen=True, slots=True)
class Criterion:
    """One way to find a person. A family name comes with a date of birth."""

    nhs_number: str | None = None
    family_name: str | None = None
    born_on: date | None = None
    postcode: str | None = None
    address: str | None = None
    telephone: str | None = None


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """The one record of a person under the id of the surviving record, and the ids of all."""

    person: Person
    group: Group


@dataclass(frozen=True, slots=True)
class Candidate:
    found: FoundPerson
    likeness: Likeness


async def search_people(tx: Tx, criterion: Criterion) -> tuple[list[FoundPerson], bool]:
    """The persons found, and whether more records match than one response shows. Raises InvalidNhsNumber."""
    limit = tx.policy.search_limit
    searched = tx.secrets.pseudonym(_audited(criterion))
    ids = await _ids(tx, criterion, limit + 1)
    found = [FoundPerson(*each) for each in await find_people(tx, ids[:limit])]
    tx.audit(searched, refusal=None if found else NOTHING_FOUND)
    tx.audit_all({each.person.id for each in found} - {searched})
    return found, len(ids) > limit


async def candidates(tx: Tx, person_id: UUID) -> list[Candidate]:
    """The persons whose records resemble this one, the most similar first. Raises PersonNotFound."""
    person, group = await get_person(tx, person_id), await find_group(tx, person_id)
    limit = tx.policy.search_limit
    ids = await search.alike(tx, _traits(person, tx), group.ids, limit=limit * _COMPARED)
    compared = [Candidate(FoundPerson(*each), likeness(person, each[0])) for each in await find_people(tx, ids)]
    shown = sorted((each for each in compared if each.likeness.reasons), key=_rank)[:limit]
    for each in shown:
        tx.audit(each.found.person.id)
    return shown


def _rank(candidate: Candidate) -> tuple[int, UUID]:
    return -candidate.likeness.score, candidate.found.person.id


async def _ids(tx: Tx, criterion: Criterion, limit: int) -> Sequence[UUID]:
    match criterion:
        case Criterion(nhs_number=str(typed)):
            number = parse_nhs_number(typed)
            return await search.by_number(tx, tx.secrets.pseudonym(number), number, limit=limit)
        case Criterion(family_name=str(name), born_on=date() as born_on):
            return await search.by_name(tx, name, born_on, limit=limit)
        case Criterion(postcode=str(postcode)):
            return await search.by_postcode(tx, normalisation.postcode(postcode), limit=limit)
        case Criterion(address=str(address)):
            return await search.by_address(tx, address, limit=limit)
        case Criterion(telephone=str(telephone)):
            return await search.by_telephone(tx, telephone, limit=limit)
        case _:
            return []


def _audited(criterion: Criterion) -> str:
    """The text whose pseudonym is the subject of the audit entry: that of the person for a number, as before every other read."""
    if criterion.nhs_number is not None:
        return parse_nhs_number(criterion.nhs_number)
    stated = (criterion.family_name, criterion.born_on, criterion.postcode, criterion.address, criterion.telephone)
    return "search " + " ".join(normalisation.line(str(value)).casefold() for value in stated if value is not None)


def _traits(person: Person, tx: Tx) -> Traits:
    number, born_on = number_of(person), birthday_of(person)
    numbers = {number, *transpositions(number)} if number else set()
    return Traits(
        ids=[tx.secrets.pseudonym(each) for each in numbers if _is_valid(each)],
        numbers=sorted(numbers),
        born_on=born_on,
        birthdays=[born_on, *mistyped_birthdays(born_on)] if born_on else [],
        forms=forms_of(person),
    )


def _is_valid(number: str) -> bool:
    try:
        parse_nhs_number(number)
    except InvalidNhsNumber:
        return False
    return True


__all__ = ["Candidate", "Criterion", "FoundPerson", "Reason", "candidates", "search_people"]
