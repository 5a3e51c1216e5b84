"""The fields of a person's record that a referral may propose to change: how their values are compared, and those that were replaced.

Case, spaces, punctuation and accents make no difference between two values, nor does the form of a code or of a telephone number.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from shared.contracts.persons import RecordField
from shared.kernel import normalisation
from shared.kernel.totality import total

#: Accents that are characters of their own after decomposition.
_ACCENTS = range(0x0300, 0x0370)
#: Punctuation, separators, and characters that a reader does not see.
_UNREAD = frozenset("PZC")
#: The signs that are typed for an apostrophe.
_APOSTROPHES = str.maketrans("", "", "'`\u00b4\u2018\u2019")
_COUNTRY = re.compile(r"^\s*(\+|00)44\s*(\(0\))?\s*0?")


@dataclass(frozen=True, slots=True)
class ContactName:
    """The family contact whose detail a field is."""

    name: str
    relationship: str


@dataclass(frozen=True, slots=True)
class FormerValue:
    """A value that the record had until `until`. `source` is the organisation that sent its successor, which `replaced_by` confirmed."""

    field: RecordField
    contact: ContactName | None
    value: str
    until: datetime
    source: str
    replaced_by: str


#: The attribute of the record, or of the family contact.
ATTRIBUTE: Mapping[RecordField, str] = total(
    RecordField,
    {
        RecordField.GIVEN_NAME: "given_name",
        RecordField.FAMILY_NAME: "family_name",
        RecordField.BORN_ON: "born_on",
        RecordField.ADDRESS: "address",
        RecordField.TELEPHONE: "telephone",
        RecordField.PRACTICE_CODE: "practice_code",
        RecordField.RESIDENCE: "residence",
        RecordField.CONTACT_TELEPHONE: "telephone",
        RecordField.CONTACT_LIVES_IN: "lives_in",
    },
)
IS_OF_CONTACT: Mapping[RecordField, bool] = total(
    RecordField,
    {
        RecordField.GIVEN_NAME: False,
        RecordField.FAMILY_NAME: False,
        RecordField.BORN_ON: False,
        RecordField.ADDRESS: False,
        RecordField.TELEPHONE: False,
        RecordField.PRACTICE_CODE: False,
        RecordField.RESIDENCE: False,
        RecordField.CONTACT_TELEPHONE: True,
        RecordField.CONTACT_LIVES_IN: True,
    },
)
OF_PERSON = tuple(field for field, is_of_contact in IS_OF_CONTACT.items() if not is_of_contact)
OF_CONTACT = tuple(field for field, is_of_contact in IS_OF_CONTACT.items() if is_of_contact)


def is_equal(field: RecordField, one: str, other: str) -> bool:
    """Whether two values of the field mean the same."""
    return one == other or _FORM[field](one) == _FORM[field](other)


def name_form(name: str) -> str:
    """`O'Brien`, `OBRIEN` and `O Brien` have one form. Signs alone are a form too."""
    plain = name.translate(_APOSTROPHES)
    if plain.isascii():
        return plain.translate(_ASCII_UNREAD).lower() or name
    return "".join(filter(_is_read, unicodedata.normalize("NFKD", plain).casefold())) or name


def contact_form(name: str, relationship: str) -> tuple[str, str]:
    """Two contacts of one form are the same contact; words stay apart."""
    return _words_form(name), _words_form(relationship)


def is_placeholder(born_on: date) -> bool:
    """The first of January stands for an unknown birthday as well, as in 1900-01-01 and 1970-01-01."""
    return (born_on.month, born_on.day) == (1, 1)


def _words_form(text: str) -> str:
    joined = text.translate(_APOSTROPHES)
    if joined.isascii():
        spaced = joined.translate(_ASCII_SPACED)
    else:
        spaced = "".join(each if _is_read(each) or ord(each) in _ACCENTS else " " for each in joined)
    return " ".join(map(name_form, spaced.split())) or text


def _address_form(address: str) -> str:
    """Words stay apart: `Flat 1, 23 High Road` is not `Flat 12, 3 High Road`."""
    return _words_form(normalisation.address(address))


def _telephone_form(telephone: str) -> str:
    return name_form(_COUNTRY.sub("0", telephone))


@cache
def _is_read(character: str) -> bool:
    return ord(character) not in _ACCENTS and unicodedata.category(character)[0] not in _UNREAD


_ASCII = [chr(point) for point in range(128) if not _is_read(chr(point))]
_ASCII_UNREAD, _ASCII_SPACED = str.maketrans("", "", "".join(_ASCII)), str.maketrans(dict.fromkeys(_ASCII, " "))
_FORM: Mapping[RecordField, Callable[[str], str]] = total(
    RecordField,
    {
        RecordField.GIVEN_NAME: name_form,
        RecordField.FAMILY_NAME: name_form,
        RecordField.BORN_ON: str.strip,
        RecordField.ADDRESS: _address_form,
        RecordField.TELEPHONE: _telephone_form,
        RecordField.PRACTICE_CODE: normalisation.ods_code,
        RecordField.RESIDENCE: normalisation.ods_code,
        RecordField.CONTACT_TELEPHONE: _telephone_form,
        RecordField.CONTACT_LIVES_IN: _address_form,
    },
)
