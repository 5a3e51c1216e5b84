"""Typed values have one normal form, and normalising a normal form changes nothing."""

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel import normalisation

FORMS = (
    normalisation.text,
    normalisation.line,
    normalisation.nhs_digits,
    normalisation.code,
    normalisation.ods_code,
    normalisation.service_code,
    normalisation.telephone,
    normalisation.address,
)
#: Letters beside the characters that each form treats in a special way.
_ODD = st.sampled_from(" \t\n\r\x00\x0b\x1f\x85\xa0\xad\u0301\u0131\u200b\u200d\u200e\u2009\u2013\u2028\u202e\u2212\u3000\u3164\ufeff")
_TYPED = st.lists(
    st.one_of(_ODD, st.sampled_from(["NHS", "no", ":", ".", "９", *"aZßé09-, "]), st.characters(exclude_categories=["Cs"])), max_size=20
).map("".join)


@pytest.mark.parametrize("form", FORMS)
@given(typed=_TYPED)
def test_normal_form_stays(form: Callable[[str], str], typed: str) -> None:
    assert form(form(typed)) == form(typed)


@given(typed=_TYPED)
def test_text_is_trimmed_nfc_without_controls(typed: str) -> None:
    found = normalisation.text(typed)

    assert found == found.strip()
    assert unicodedata.is_normalized("NFC", found)
    assert {each for each in found if unicodedata.category(each) == "Cc"} <= {"\n", "\t"}
    assert not {"\u202e", "\u2066", "\u200b", "\ufeff"} & set(found)


@given(typed=_TYPED)
def test_line_has_single_spaces_only(typed: str) -> None:
    found = normalisation.line(typed)

    assert [each for each in found if each.isspace() and each != " "] == []
    assert "  " not in found


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("  fell at night \r\nagain ", "fell at night \nagain"),
        ("cafe\u0301", "café"),
        ("a\x00b\x1bc", "abc"),
        ("\ufeffMr Dale\u200b", "Mr Dale"),
        ("\u202eelaD", "elaD"),
        ("\u2028first\u2029second", "first\nsecond"),
        (" \u00a0\u200b\u3164\u2800\ufeff\u200d ", ""),
        ("نام\u200cها", "نام\u200cها"),
        ("👩\u200d⚕️", "👩\u200d⚕️"),
    ],
)
def test_text_keeps_what_a_reader_sees(typed: str, text: str) -> None:
    assert normalisation.text(typed) == text


@pytest.mark.parametrize("typed", ["w07", " W07 ", "W07\u200b", "\ufeffW07", "W07\u00a0", "w\u00ad07"])
def test_practice_code_has_one_form(typed: str) -> None:
    assert normalisation.ods_code(typed) == "W07"


@pytest.mark.parametrize(("typed", "code"), [("District\u2013Nursing", "district-nursing"), (" district-nursing\t", "district-nursing")])
def test_service_code_has_one_form(typed: str, code: str) -> None:
    assert normalisation.service_code(typed) == code


@pytest.mark.parametrize("typed", ["wı7", "ſ07", "ß07"])
def test_letter_of_another_alphabet_becomes_no_capital(typed: str) -> None:
    assert not normalisation.ods_code(typed).isascii()


@pytest.mark.parametrize(
    ("typed", "telephone"),
    [
        ("0163\u00a0296\u20130000", "0163 296-0000"),
        ("+44 (0)163 296 0000 ext. 2", "+44 (0)163 296 0000 ext. 2"),
        ("0163 296 0000,\nafter six", "0163 296 0000, after six"),
    ],
)
def test_telephone_keeps_words_and_has_plain_signs(typed: str, telephone: str) -> None:
    assert normalisation.telephone(typed) == telephone


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("12 Oakleigh Road\nnw971aa", "12 Oakleigh Road NW97 1AA"),
        ("12 Oakleigh Road, NW97  1AA", "12 Oakleigh Road, NW97 1AA"),
        ("Flat 3b, Oakleigh Road", "Flat 3b, Oakleigh Road"),
        ("no fixed abode", "no fixed abode"),
    ],
)
def test_address_ends_with_plain_postcode(typed: str, address: str) -> None:
    assert normalisation.address(typed) == address
