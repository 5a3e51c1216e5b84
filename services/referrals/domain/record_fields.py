"""The fields of a person's record that a referral may propose to change: how their values are compared, and those that were replaced.

Case, spaces, punctuation and accents make no difference between two values, nor does the form of a code or of a telephone number.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from itertools import product

from shared.contracts.persons import RecordField
from shared.kernel import normalisation
from shared.kernel.ids import PersonId
from shared.kernel.totality import total

#: Accents that are characters of their own after decomposition.
_ACCENTS = range(0x0300, 0x0370)
#: Punctuation, separators, and characters that a reader does not see.
_UNREAD = frozenset("PZC")
#: The signs that are typed for an apostrophe.
_APOSTROPHES = str.maketrans("", "", "'`\u00b4\u2018\u2019")
#: Shorter names that differ in one letter are often two names, such as `Joan` and `John`.
_COMPARED_LETTERS = 5
_COMPARED_NAMES = 3
#: Forms of one given name that neither begins with the other, a line for each name.
_FORMS = """
albert bert bertie
alexander alec alex sandy sasha xander
andrew drew
anthony tony
antonia toni
barbara babs
catherine katherine kathryn cathy kathy kate katie kitty kay
charles charlie chuck chas
christina tina
dorothy dot dotty dolly
edward edwin edmund ted teddy ned
eleanor ellen helen nell nellie nora
elizabeth eliza betty bess bessie beth betsy lisa liz lizzie libby
emily emma milly
florence flo flossie
frances francis frank fanny
gillian jill
harold henry harry hal
herbert bert
hubert bert
isabel isabella bella
jacqueline jackie
james jim jimmy jamie
jane janet jenny
john jack johnny jon
joseph joe
lawrence laurence larry
leonard len
margaret maggie madge marge peggy peg meg rita greta daisy
martha patty
mary molly polly minnie
matilda tilly
michael mick mike mickey
mohammed muhammad mohamed mohammad muhammed
patricia pat patsy tricia trish
patrick paddy
reginald reg rex
richard dick rick ricky dicky
robert bob bobby rob bert
sarah sally sadie
susan sue suzanne susie
theodore ted teddy
theresa teresa terry tess
thomas tom tommy
victoria vicky queenie
walter wally
william bill billy will liam
winifred freda
"""
_COUNTRY = re.compile(r"^\s*(\+|00)44\s*(\(0\))?\s*0?")
_DIGITS, _NHS_DIGITS = re.compile("[0-9]+"), re.compile("(?<![0-9])[0-9]{10}(?![0-9])")
_POSTCODE = re.compile(r"\b([a-z]{1,2}[0-9][a-z0-9]?) ?([0-9][a-z]{2})$")
#: Characters of a form in the index of a search, and the last digits of a telephone number, which no country code changes.
_INDEXED, _LAST_DIGITS = 500, 10


@dataclass(frozen=True, slots=True)
class ContactName:
    """The family contact whose detail a field is."""

    name: str
    relationship: str


@dataclass(frozen=True, slots=True)
class FormerValue:
    """A value that the record had until `until`, or `not given`.

    `source` is the organisation that sent its successor, which `replaced_by` confirmed, for the person's record `stated_for`.
    """

    field: RecordField
    contact: ContactName | None
    value: str
    until: datetime
    source: str
    replaced_by: str
    stated_for: PersonId | None = None


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


def search_form(field: RecordField, value: str) -> str:
    """The form by which a search finds the value: that of `is_equal`, without the words beside a telephone number."""
    form = _FORM[field](value)
    if field is RecordField.TELEPHONE and (number := _DIGITS.search(form)):
        return number[0][-_LAST_DIGITS:]
    return form[:_INDEXED]


def address_forms(address: str) -> tuple[str, str | None]:
    """The forms by which a search finds an address: its `search_form`, and the postcode at its end."""
    form = _address_form(address)
    found = _POSTCODE.search(form)
    return form[:_INDEXED], f"{found[1]} {found[2]}" if found else None


def number_form(typed: str) -> str | None:
    """The ten digits of an NHS number among other words, also with a wrong check digit."""
    found = _NHS_DIGITS.search(normalisation.nhs_digits(typed))
    return found[0] if found else None


def name_form(name: str) -> str:
    """`O'Brien`, `OBRIEN` and `O Brien` have one form. Signs alone are a form too."""
    plain = name.translate(_APOSTROPHES)
    if plain.isascii():
        return plain.translate(_ASCII_UNREAD).lower() or name
    return "".join(filter(_is_read, unicodedata.normalize("NFKD", plain).casefold())) or name


def is_given_name_alike(one: str, other: str) -> bool:
    """Whether two given names may be one person's: an initial, a short form, a second name or a slip of the keyboard; not a twin's.

    Three words of each count: a longer name would be many guesses in one.
    """
    first, second = _words_form(one).split(), _words_form(other).split()
    return any(_is_word_alike(*words) for words in product(first[:_COMPARED_NAMES], second[:_COMPARED_NAMES]))


def contact_form(name: str, relationship: str) -> tuple[str, str]:
    """Two contacts of one form are the same contact; words stay apart."""
    return _words_form(name), _words_form(relationship)


def is_placeholder(born_on: date) -> bool:
    """The first of January stands for an unknown birthday as well, as in 1900-01-01 and 1970-01-01."""
    return (born_on.month, born_on.day) == (1, 1)


def _is_word_alike(one: str, other: str) -> bool:
    is_short_form = one.startswith(other) or other.startswith(one) or bool(_FORMS_OF.get(one, set()) & _FORMS_OF.get(other, set()))
    return is_short_form or (min(len(one), len(other)) >= _COMPARED_LETTERS and _is_slip(one, other))


def _is_slip(one: str, other: str) -> bool:
    """Whether one letter is missing or wrong, or two neighbours are exchanged."""
    shorter, longer = sorted((one, other), key=len)
    at = next((at for at, letter in enumerate(shorter) if letter != longer[at]), len(shorter))
    if len(shorter) != len(longer):
        return shorter[at:] == longer[at + 1 :]
    exchanged = shorter[at : at + 2][::-1] + shorter[at + 2 :]
    return shorter[at + 1 :] == longer[at + 1 :] or longer[at:] == exchanged


def _words_form(text: str) -> str:
    joined = text.translate(_APOSTROPHES)
    if joined.isascii():
        return " ".join(joined.translate(_ASCII_SPACED).lower().split()) or text
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


_FORMS_OF: Mapping[str, AbstractSet[int]] = {
    name: {at for at, line in enumerate(_FORMS.splitlines()) if name in line.split()} for name in _FORMS.split()
}
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
