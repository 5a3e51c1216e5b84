"""The likeness of two records, with its reasons."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.referrals.domain.likeness import Reason, likeness, mistyped_birthdays, transpositions
from services.referrals.domain.story import NOT_GIVEN
from tests.builders.referrals import DALE, OTHER_PERSON, a_person

ADDRESS = "12 Oakleigh Road, London N20 9AA"
#: A record without a verified number, as an urgent referral leaves it.
UNVERIFIED: dict[str, Any] = {"nhs_number": None, "address": ADDRESS, "telephone": "020 7946 0101"}
ELSEWHERE: dict[str, Any] = {"address": "3 High Road, London N12 8AA", "telephone": "020 7946 0999"}

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], int, tuple[Reason, ...]]] = {
    "same number as typed": (
        {**UNVERIFIED, "number_as_typed": "999 054 8609", "born_on": None, "given_name": NOT_GIVEN},
        ELSEWHERE,
        60,
        (Reason.SAME_NUMBER,),
    ),
    "transposed digits of the number": (
        {**UNVERIFIED, "number_as_typed": "9990546809"},
        ELSEWHERE,
        75,
        (Reason.TRANSPOSED_NUMBER, Reason.SAME_BIRTHDAY_AND_NAME),
    ),
    "same birthday and name": (UNVERIFIED, ELSEWHERE, 40, (Reason.SAME_BIRTHDAY_AND_NAME,)),
    "same birthday, name in another writing": (
        {**UNVERIFIED, "given_name": "COLIN", "family_name": "D'ale"},
        {**ELSEWHERE, "family_name": "D ALE"},
        40,
        (Reason.SAME_BIRTHDAY_AND_NAME,),
    ),
    "same address and telephone": (
        {**UNVERIFIED, "given_name": NOT_GIVEN, "family_name": NOT_GIVEN, "born_on": None},
        {"address": "12 oakleigh road London N20 9AA", "telephone": "+44 20 7946 0101"},
        40,
        (Reason.SAME_ADDRESS, Reason.SAME_TELEPHONE),
    ),
    "twin at the same address": (
        {**UNVERIFIED, "given_name": "Peter"},
        {"address": ADDRESS, "telephone": "020 7946 0101"},
        10,
        (Reason.SAME_ADDRESS, Reason.SAME_TELEPHONE, Reason.POSSIBLE_TWIN),
    ),
    "twin elsewhere": ({**UNVERIFIED, "given_name": "Peter"}, ELSEWHERE, 0, (Reason.POSSIBLE_TWIN,)),
    "changed family name": (
        {**UNVERIFIED, "given_name": "Ann", "family_name": "Smith"},
        {"given_name": "Ann", "family_name": "Jones", "address": ADDRESS},
        40,
        (Reason.CHANGED_FAMILY_NAME, Reason.SAME_ADDRESS),
    ),
    "day and month exchanged": ({**UNVERIFIED, "born_on": date(1932, 2, 5)}, ELSEWHERE, 25, (Reason.TRANSPOSED_BIRTHDAY,)),
    "digits of the year transposed": ({**UNVERIFIED, "born_on": date(1923, 5, 2)}, ELSEWHERE, 25, (Reason.TRANSPOSED_BIRTHDAY,)),
    "another birthday": ({**UNVERIFIED, "born_on": date(1940, 7, 9)}, ELSEWHERE, 0, ()),
    "placeholder birthday in both": (
        {**UNVERIFIED, "born_on": date(1900, 1, 1)},
        {**ELSEWHERE, "born_on": date(1900, 1, 1)},
        10,
        (Reason.SAME_NAME,),
    ),
    "placeholder birthday in one": ({**UNVERIFIED, "born_on": date(1970, 1, 1)}, ELSEWHERE, 10, (Reason.SAME_NAME,)),
    "placeholder birthday of twins": (
        {**UNVERIFIED, "born_on": date(1932, 1, 1), "given_name": "Peter"},
        {**ELSEWHERE, "born_on": date(1932, 1, 1)},
        0,
        (),
    ),
    "two verified numbers of one person": (
        {"nhs_number": OTHER_PERSON, "address": ADDRESS},
        {"address": ADDRESS},
        35,
        (Reason.SAME_BIRTHDAY_AND_NAME, Reason.SAME_ADDRESS, Reason.DIFFERENT_NUMBER),
    ),
    "nothing is known": (
        {**UNVERIFIED, "given_name": NOT_GIVEN, "family_name": NOT_GIVEN, "born_on": None, "address": NOT_GIVEN, "telephone": None},
        {"given_name": NOT_GIVEN, "family_name": NOT_GIVEN, "born_on": None, "address": NOT_GIVEN},
        0,
        (),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("one", "other", "score", "reasons"), CASES.values(), ids=CASES)
def test_likeness_has_score_and_reasons(one: dict[str, Any], other: dict[str, Any], score: int, reasons: tuple[Reason, ...]) -> None:
    found = likeness(a_person(**one), a_person(**other))

    assert (found.score, found.reasons) == (score, reasons)
    assert likeness(a_person(**other), a_person(**one)) == found


def test_twin_scores_below_a_changed_name() -> None:
    known = a_person(given_name="Ann", address=ADDRESS)

    twin = likeness(a_person(nhs_number=None, given_name="Mary", address=ADDRESS), known)
    married = likeness(a_person(nhs_number=None, given_name="Ann", family_name="Brown", address=ADDRESS), known)

    assert twin.score < married.score


def test_each_pair_of_neighbouring_digits_is_transposed_once() -> None:
    assert transpositions("1123") == {"1213", "1132"}
    assert len(transpositions(DALE)) == 7


@given(st.dates(min_value=date(1880, 1, 2)))
def test_mistyped_birthdays_are_other_real_days(born_on: date) -> None:
    others = mistyped_birthdays(born_on)

    assert born_on not in others
    assert not any((each.month, each.day) == (1, 1) for each in others)
