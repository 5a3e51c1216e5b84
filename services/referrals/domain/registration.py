"""The practice at which a person is registered: that of the record, whether others than itself have stated it, and its locality.

A practice that alone says so reads no more than what it sent (docs/adr/0048). Pure.
"""

from collections.abc import Collection
from dataclasses import replace

from services.referrals.commands import Demographics
from services.referrals.domain.person import Person, recorded_again, recorded_value
from shared.contracts.codes import Locality
from shared.contracts.persons import RecordField
from shared.contracts.practices import UNKNOWN_PRACTICE
from shared.kernel.decision import Decision


def practice_after(person: Person | None, demographics: Demographics | None) -> str:
    """The practice of the record after a referral; blank without one. A referral never replaces a recorded practice."""
    recorded = recorded_value(person, RecordField.PRACTICE_CODE) if person else None
    return recorded or (demographics.practice_code if demographics else None) or ""


def is_confirmed_by(referrer: str, same: Collection[str]) -> bool:
    """Whether the referrer is another organisation than the practice that it states. `same` has the codes that stand for that today."""
    return referrer not in same


def confirm_practice(person: Person) -> Decision[Person]:
    """The record after a triage that believes the practice."""
    return recorded_again(replace(person, is_practice_confirmed=True))


def follow_practice(person: Person, locality: Locality | None) -> Decision[Person] | None:
    """The record with the locality of the practice of today; None when it has that locality already."""
    return None if person.locality is locality else recorded_again(replace(person, locality=locality))


def lacks_practice(person: Person) -> bool:
    """Whether the record names a practice that stands for none today. A record without a practice lacks demographics."""
    return person.locality is None and person.practice_code != UNKNOWN_PRACTICE
