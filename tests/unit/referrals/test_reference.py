"""The reference that a referrer quotes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.referrals.domain.reference import ALPHABET, LARGEST_NUMBER, ReferenceMistyped, parse_reference, reference_of

NUMBERS = st.integers(min_value=1, max_value=LARGEST_NUMBER)


@given(NUMBERS)
def test_reference_is_recognised_in_any_spelling(number: int) -> None:
    reference = reference_of(number)

    assert parse_reference(reference) == reference
    assert parse_reference(reference.lower().replace("-", " ").replace("0", "o").replace("1", "l")) == reference
    assert parse_reference(reference.removeprefix("CPA-")) == reference


@given(NUMBERS, NUMBERS)
def test_different_numbers_give_different_references(one: int, other: int) -> None:
    assert (reference_of(one) == reference_of(other)) is (one == other)


def test_consecutive_references_look_different() -> None:
    references = [reference_of(number) for number in range(1, 1001)]

    assert len(set(references)) == 1000
    assert all(sum(a == b for a, b in zip(one[4:], two[4:], strict=True)) <= 4 for one, two in pairwise(references))


@given(NUMBERS, st.integers(min_value=0, max_value=7), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_detected(number: int, position: int, wrong: str) -> None:
    characters = list(_characters(reference_of(number)))
    is_same = characters[position] == wrong
    characters[position] = wrong

    assert _is_known("".join(characters)) is is_same


@given(NUMBERS, st.integers(min_value=0, max_value=7), st.integers(min_value=0, max_value=7))
def test_two_exchanged_characters_are_detected(number: int, one: int, other: int) -> None:
    characters = list(_characters(reference_of(number)))
    is_same = characters[one] == characters[other]
    characters[one], characters[other] = characters[other], characters[one]

    assert _is_known("".join(characters)) is is_same


@pytest.mark.parametrize("typed", ["", "CPA", "CPA-1234", "CPA-MQ3P-WD5JX", "CPA-MQ3P-WDUJ", "9990548609", "CPA-MQ3P-WD5\x00"])
def test_malformed_reference_is_refused(typed: str) -> None:
    with pytest.raises(ReferenceMistyped):
        parse_reference(typed)


def _characters(reference: str) -> str:
    return reference.removeprefix("CPA-").replace("-", "")


def _is_known(characters: str) -> bool:
    try:
        parse_reference(characters)
    except ReferenceMistyped:
        return False
    return True
