"""The likeness of two records: a score with its reasons, for a member of staff. No record is merged because of its score (G11).

Twins share a birthday, a family name and an address; a married person changes the family name; a typist transposes digits. The first of
January stands for an unknown birthday as well, so it counts for nothing. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from services.referrals.domain.person import Person
from services.referrals.domain.record_fields import ATTRIBUTE, is_placeholder, name_form, number_form, search_form
from services.referrals.domain.story import NOT_GIVEN
from shared.contracts.persons import RecordField
from shared.kernel.totality import total

_LOWEST, _HIGHEST = 0, 100
_DAY_DIGITS = "%Y%m%d"


class Reason(StrEnum):
    """Each reason compares two given values. `possible-twin` and `different-number` speak against one person."""

    SAME_NUMBER = "same-number"
    TRANSPOSED_NUMBER = "transposed-number"
    SAME_BIRTHDAY_AND_NAME = "same-birthday-and-name"
    TRANSPOSED_BIRTHDAY = "transposed-birthday"
    SAME_NAME = "same-name"
    CHANGED_FAMILY_NAME = "changed-family-name"
    SAME_ADDRESS = "same-address"
    SAME_TELEPHONE = "same-telephone"
    POSSIBLE_TWIN = "possible-twin"
    DIFFERENT_NUMBER = "different-number"


#: Points of each reason.
_POINTS: Mapping[Reason, int] = total(
    Reason,
    {
        Reason.SAME_NUMBER: 60,
        Reason.TRANSPOSED_NUMBER: 35,
        Reason.SAME_BIRTHDAY_AND_NAME: 40,
        Reason.TRANSPOSED_BIRTHDAY: 25,
        Reason.SAME_NAME: 10,
        Reason.CHANGED_FAMILY_NAME: 20,
        Reason.SAME_ADDRESS: 20,
        Reason.SAME_TELEPHONE: 20,
        Reason.POSSIBLE_TWIN: -30,
        Reason.DIFFERENT_NUMBER: -25,
    },
)


@dataclass(frozen=True, slots=True)
class Likeness:
    """`score` is from 0 to 100. `reasons` are in the order of their enumeration."""

    score: int
    reasons: tuple[Reason, ...]


def likeness(one: Person, other: Person) -> Likeness:
    """Compares two records; symmetrical."""
    found = {*_of_numbers(one, other), *_of_names(one, other), *_of_contact(one, other)}
    score = sum(_POINTS[reason] for reason in found)
    return Likeness(min(max(score, _LOWEST), _HIGHEST), tuple(reason for reason in Reason if reason in found))


def number_of(person: Person) -> str | None:
    """The digits of the verified number, or of the one that was typed."""
    return person.nhs_number or number_form(person.number_as_typed or "")


def transpositions(digits: str) -> frozenset[str]:
    """The texts with two neighbouring, different characters exchanged."""
    pairs = range(len(digits) - 1)
    swapped = (digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :] for at in pairs)
    return frozenset(swapped) - {digits}


def mistyped_birthdays(born_on: date) -> frozenset[date]:
    """The days that result from transposed digits, or from day and month exchanged. Without the day itself and placeholders."""
    written = born_on.strftime(_DAY_DIGITS)
    year, month, day = written[:4], written[4:6], written[6:]
    days = (_day(digits) for digits in {*transpositions(written), year + day + month})
    return frozenset(each for each in days if each is not None and not is_placeholder(each)) - {born_on}


def birthday_of(person: Person) -> date | None:
    """The date of birth, unless it is a placeholder."""
    return None if person.born_on is None or is_placeholder(person.born_on) else person.born_on


def _of_numbers(one: Person, other: Person) -> Iterator[Reason]:
    numbers = number_of(one), number_of(other)
    if numbers[0] is None or numbers[1] is None:
        return
    if numbers[0] == numbers[1]:
        yield Reason.SAME_NUMBER
    elif numbers[1] in transpositions(numbers[0]):
        yield Reason.TRANSPOSED_NUMBER
    elif one.nhs_number is not None and other.nhs_number is not None:
        yield Reason.DIFFERENT_NUMBER


def _of_names(one: Person, other: Person) -> Iterator[Reason]:
    is_given_same, is_family_same = _is_same(one, other, RecordField.GIVEN_NAME), _is_same(one, other, RecordField.FAMILY_NAME)
    birthdays = birthday_of(one), birthday_of(other)
    is_name_same = is_given_same is True and is_family_same is True
    if birthdays[0] is None or birthdays[1] is None:
        if is_name_same:
            yield Reason.SAME_NAME
    elif birthdays[0] == birthdays[1]:
        yield from _of_same_birthday(is_given_same=is_given_same, is_family_same=is_family_same)
    elif is_name_same and birthdays[1] in mistyped_birthdays(birthdays[0]):
        yield Reason.TRANSPOSED_BIRTHDAY


def _of_same_birthday(*, is_given_same: bool | None, is_family_same: bool | None) -> Iterator[Reason]:
    match is_given_same, is_family_same:
        case True, True:
            yield Reason.SAME_BIRTHDAY_AND_NAME
        case True, False:
            yield Reason.CHANGED_FAMILY_NAME
        case False, True:
            yield Reason.POSSIBLE_TWIN
        case _:
            return


def _of_contact(one: Person, other: Person) -> Iterator[Reason]:
    if _is_same(one, other, RecordField.ADDRESS):
        yield Reason.SAME_ADDRESS
    if _is_same(one, other, RecordField.TELEPHONE):
        yield Reason.SAME_TELEPHONE


def _is_same(one: Person, other: Person, field: RecordField) -> bool | None:
    """None when one of the records lacks the value."""
    values = [getattr(person, ATTRIBUTE[field]) for person in (one, other)]
    if any(value is None or value == NOT_GIVEN or not name_form(value) for value in values):
        return None
    forms = {search_form(field, value) for value in values}
    return len(forms) == 1


def _day(digits: str) -> date | None:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
