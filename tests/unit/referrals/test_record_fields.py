"""The comparison of values of a person's record."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.referrals.domain.record_fields import ATTRIBUTE, is_equal, is_placeholder
from shared.contracts.persons import RecordField

_NAME, _ADDRESS, _TELEPHONE, _CODE = RecordField.FAMILY_NAME, RecordField.ADDRESS, RecordField.TELEPHONE, RecordField.PRACTICE_CODE


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        (_NAME, "O'Brien", "OBRIEN"),
        (_NAME, "O\u2019Brien", "o brien"),
        (_NAME, "Smith-Jones", "Smith Jones"),
        (_NAME, "Müller", "Muller"),
        (_NAME, "O`Brien", "O'Brien"),
        (_NAME, "Straße", "STRASSE"),
        (_ADDRESS, "12 St. Mary's Road, London NW97 1AA", "12 st marys road london nw971aa"),
        (_ADDRESS, "Flat 1, 23 High Road", "Flat 1 / 23 High Road"),
        (_TELEPHONE, "+44 (0)20 7946 0999", "020 7946 0999"),
        (_TELEPHONE, "0044 20 79460999", "02079460999"),
        (_CODE, "w07", "W07"),
        (RecordField.CONTACT_TELEPHONE, "020-7946-0999", "020 7946 0999"),
        (RecordField.CONTACT_LIVES_IN, "East  Finchley", "east finchley"),
    ],
)
def test_spelling_makes_no_difference(field: RecordField, one: str, other: str) -> None:
    assert is_equal(field, one, other)
    assert is_equal(field, other, one)


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        (_NAME, "Dale", "Dane"),
        (_NAME, "\u0930\u093e\u092e", "\u0930\u0940\u092e"),
        (_ADDRESS, "Flat 1, 23 High Road", "Flat 12, 3 High Road"),
        (_TELEPHONE, "020 7946 0999", "020 7946 0998"),
        (_CODE, "W07", "W70"),
        (_NAME, "?", "-"),
        (RecordField.CONTACT_LIVES_IN, "?", "-"),
        (RecordField.BORN_ON, "1932-05-02", "1932-02-05"),
    ],
)
def test_other_value_is_a_difference(field: RecordField, one: str, other: str) -> None:
    assert not is_equal(field, one, other)


@given(st.sampled_from(list(ATTRIBUTE)), st.text(max_size=40), st.text(max_size=40))
def test_comparison_accepts_every_text(field: RecordField, one: str, other: str) -> None:
    assert is_equal(field, one, one)
    assert is_equal(field, one, other) is is_equal(field, other, one)


@pytest.mark.parametrize(
    ("day", "expected"), [(date(1900, 1, 1), True), (date(1970, 1, 1), True), (date(1940, 1, 1), True), (date(1940, 1, 2), False)]
)
def test_first_of_january_is_a_placeholder(day: date, *, expected: bool) -> None:
    assert is_placeholder(day) is expected
