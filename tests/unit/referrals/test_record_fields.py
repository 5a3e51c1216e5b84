"""The comparison of values of a person's record."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.referrals.domain.record_fields import (
    ATTRIBUTE,
    OF_PERSON,
    address_forms,
    is_equal,
    is_given_name_alike,
    is_placeholder,
    number_form,
    search_form,
)
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


@given(st.sampled_from(OF_PERSON), st.text(max_size=600), st.text(max_size=40))
def test_search_finds_every_equal_value(field: RecordField, one: str, other: str) -> None:
    forms = search_form(field, one), search_form(field, other)

    assert not is_equal(field, one, other) or forms[0] == forms[1]
    assert max(map(len, forms)) <= 500


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("020 7946 0999, after six", "020 7946 0999"),
        ("Home: +44 20 7946 0999", "02079460999"),
        ("020 7946 0999 ext 5", "0044 (0)20 7946 0999"),
    ],
)
def test_search_sets_words_beside_a_telephone_number_aside(one: str, other: str) -> None:
    assert search_form(_TELEPHONE, one) == search_form(_TELEPHONE, other)


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("943 476 5919", "9434765919"),
        ("943\u2013476\u20135919", "9434765919"),
        ("943\u200b4765919 (not sure)", "9434765919"),
        ("NHS no. 943-476-5919, born 1932", "9434765919"),
        ("943 476 591", None),
        ("943 476 59190", None),
        ("not known", None),
    ],
)
def test_number_is_found_among_other_words(typed: str, number: str | None) -> None:
    assert number_form(typed) == number


@pytest.mark.parametrize("address", ["12 Oakleigh Road, London N20 9AA", "12 Oakleigh Road n209aa.", "N20 9AA", "London n20-9aa"])
def test_postcode_is_found_at_the_end_of_an_address(address: str) -> None:
    assert address_forms(address)[1] == "n20 9aa"


def test_address_without_postcode_has_none() -> None:
    assert address_forms("12 Oakleigh Road")[1] is None


@pytest.mark.parametrize(
    ("day", "expected"), [(date(1900, 1, 1), True), (date(1970, 1, 1), True), (date(1940, 1, 1), True), (date(1940, 1, 2), False)]
)
def test_first_of_january_is_a_placeholder(day: date, *, expected: bool) -> None:
    assert is_placeholder(day) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("William", "Bill", True),
        ("Elizabeth", "Betty", True),
        ("Margaret", "Peggy", True),
        ("Mohammed", "Muhammad", True),
        ("Mary Ann", "Ann", True),
        ("Maryann", "Mary-Ann", True),
        ("J", "Joan", True),
        ("Stephen", "Stehpen", True),
        ("Zoë", "Zoe", True),
        ("Joan", "John", False),
        ("Carl", "Colin", False),
        ("Peter", "Paul", False),
        ("Mary Ann", "Ruth", False),
        ("?", "Colin", False),
        ("Ann Mary Ruth Colin", "Colin", False),
        ("A B C D E F G H", "Hazel", False),
    ],
)
def test_short_forms_and_slips_are_one_given_name(one: str, other: str, *, expected: bool) -> None:
    assert is_given_name_alike(one, other) is is_given_name_alike(other, one) is expected
