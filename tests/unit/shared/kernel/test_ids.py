"""A pseudonym is the same for one person and for a population."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.ids import person_id, pseudonymiser

_NUMBERS = st.from_regex(r"[0-9]{10}", fullmatch=True)


@given(st.binary(min_size=1, max_size=100), st.lists(_NUMBERS, max_size=5))
def test_pseudonyms_of_many_equal_single_ones(secret: bytes, numbers: list[str]) -> None:
    assert [UUID(found) for found in pseudonymiser(secret)(numbers)] == [person_id(secret, number) for number in numbers]


@given(_NUMBERS)
def test_pseudonym_is_uuid_8_without_the_number(number: str) -> None:
    found = person_id(b"secret", number)

    assert (found.version, found.variant) == (8, "specified in RFC 4122")
    assert found != person_id(b"another", number)
