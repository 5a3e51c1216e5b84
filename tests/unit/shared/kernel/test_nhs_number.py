"""One rule validates single NHS numbers and whole populations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.nhs_number import InvalidNhsNumber, are_plainly_valid, parse_nhs_number

#: Strings of ten characters, mostly digits; many are valid numbers.
_BODIES = st.integers(min_value=0, max_value=999_999_999).map("{:09}".format)
_HIGH_BODIES = st.integers(min_value=400_000_000, max_value=999_999_999).map(str)
_TEXTS = st.one_of(st.text(alphabet="0123456789 -٣x", min_size=8, max_size=12), _BODIES.map(lambda body: body + _check_digit(body)))


def _check_digit(body: str) -> str:
    check = -sum(int(digit) * weight for digit, weight in zip(body, range(10, 1, -1), strict=True)) % 11
    return str(check % 10)


def _parsed(text: str) -> str | None:
    try:
        return parse_nhs_number(text)
    except InvalidNhsNumber:
        return None


#: No-break, thin, figure, narrow and ideographic spaces; zero-width characters; tab and line end; dashes; marks of order and direction.
_SEPARATORS = [*" -\u00a0\u2009\u2007\u202f\u3000\u200b\u200d\u2060\t\n\r\u2010\u2011\u2013\u2014\u2212\ufeff\u200e\u200f\u202c"]


@pytest.mark.parametrize("separator", ["", *_SEPARATORS])
def test_number_may_contain_spaces_dashes_and_invisible_characters(separator: str) -> None:
    assert parse_nhs_number(f"{separator}999{separator}054{separator}8609{separator}") == "9990548609"


@pytest.mark.parametrize(
    "text",
    ["999.054.8609", "９９９ ０５４ ８６０９", "NHS 999 054 8609", "nhs no: 999 054 8609", "NHS Number:9990548609", "NHS No. 999-054-8609"],
)
def test_number_may_be_wide_dotted_or_after_its_name(text: str) -> None:
    assert parse_nhs_number(text) == "9990548609"


@pytest.mark.parametrize(
    "text",
    [
        "9990548600",
        "NHS No.",
        "HNS 999 054 8609",
        "+999 054 8609",
        "999054860",
        "99905486099",
        "9999999999",
        "4444444444",
        "",
        "nine",
        "٩٩٩٠٥٤٨٦٠٩",
        "9990548609 (not sure)",
    ],
)
def test_invalid_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidNhsNumber) as refusal:
        parse_nhs_number(text)

    assert not text or text not in refusal.value.detail


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("943 476 591", "The NHS number does not have ten digits."),
        ("943 476 591O", "The NHS number does not have ten digits."),
        ("943 476 5918", "The check digit of the NHS number is wrong: at least one of the ten digits is mistyped."),
        ("999 999 9999", "No person can have this NHS number, although its check digit is correct."),
    ],
)
def test_refusal_names_the_fault(text: str, fault: str) -> None:
    with pytest.raises(InvalidNhsNumber) as refusal:
        parse_nhs_number(text)

    assert refusal.value.detail == fault


@given(st.lists(_TEXTS, min_size=1, max_size=6))
def test_plain_validity_requires_normalised_numbers(texts: list[str]) -> None:
    if are_plainly_valid(texts):
        assert [_parsed(text) for text in texts] == texts


@given(st.lists(_HIGH_BODIES.map(lambda body: body + _check_digit(body)), min_size=1, max_size=20))
def test_normalised_numbers_are_plainly_valid(texts: list[str]) -> None:
    assert are_plainly_valid(texts) == (None not in map(_parsed, texts))
