"""The practice at which a person is registered: that of the record, whether others than itself have stated it, and its locality.

A practice that alone says so reads no more than what it sent (docs/adr/0048). Pure.
"""

from collections.abc import Collection
from dataclasses import replace

from services.referrals.commands import Demographics
from services.referrals.domain.person import Person, recorded_again, recorded_value
from services.referrals.domain.practice_doubt import PracticeDoubt
from shared.contracts.codes import Locality
from shared.contracts.persons import RecordField
from shared.contracts.practices import UNKNOWN_PRACTICE
from shared.kernel.decision import Decision


def practice_after(person: Person | None, demographics: Demographics | None) -> str:
    """The practice of the record after a referral; blank without one. A referral never replaces a recorded practice."""
    recorded = recorded_value(person, RecordField.PRACTICE_CODE) if person else None
    return recorded or (demographics.practice_code if demographics else None) or ""


def is_confirmed_by(referrer: str, before: Person | None, same: Collection[str]) -> bool:
    """Whether the referrer is another organisation than the practice that it states, which no triager doubts.

    `before` is the record of a known person. `same` has the codes that stand for the practice today, also in what follows.
    """
    return referrer not in same and not (before and is_doubted(before, same))


def is_doubted(person: Person, same: Collection[str]) -> bool:
    """Whether a triager doubts the practice. Only an explicit confirmation ends that."""
    return any(doubt.practice_code in same for doubt in person.practice_doubts)


def is_doubted_as_gp(person: Person, same: Collection[str]) -> bool:
    """Whether the practice receives no referral as the person's GP: it is doubted, and not the confirmed one of the record."""
    is_confirmed = person.is_practice_confirmed and person.practice_code in same
    return is_doubted(person, same) and not is_confirmed


def confirm_practice(person: Person, same: Collection[str]) -> Decision[Person] | None:
    """The record after a triage that believes the practice, or after staff recorded it: a doubt ends. None without a change."""
    is_confirmed = person.is_practice_confirmed or person.practice_code in same
    confirmed = replace(person, is_practice_confirmed=is_confirmed, practice_doubts=_other_doubts(person, same))
    return None if confirmed == person else recorded_again(confirmed)


def doubt_practice(person: Person, doubt: PracticeDoubt, same: Collection[str]) -> Decision[Person] | None:
    """The record with the doubt about a practice, which it may name later; None for one that is doubted already."""
    if is_doubted(person, same):
        return None
    is_confirmed = person.is_practice_confirmed and person.practice_code not in same
    return recorded_again(replace(person, is_practice_confirmed=is_confirmed, practice_doubts=(*person.practice_doubts, doubt)))


def _other_doubts(person: Person, same: Collection[str]) -> tuple[PracticeDoubt, ...]:
    return tuple(doubt for doubt in person.practice_doubts if doubt.practice_code not in same)


def follow_practice(person: Person, locality: Locality | None) -> Decision[Person] | None:
    """The record with the locality of the practice of today; None when it has that locality already."""
    return None if person.locality is locality else recorded_again(replace(person, locality=locality))


def lacks_practice(person: Person) -> bool:
    """Whether the record names a practice that stands for none today. A record without a practice lacks demographics."""
    return person.locality is None and person.practice_code != UNKNOWN_PRACTICE
