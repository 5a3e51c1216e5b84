"""Cursors are opaque: a caller returns them unchanged in a URL, and no other text is one."""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.input_types import FIRST_INSTANT, LAST_INSTANT
from shared.web.pagination import decode_cursor, decode_sequence, encode, encode_cursor, encode_sequence
from shared.web.problems import HttpProblem

_FIRST, _LAST = (each.replace(tzinfo=None) + timedelta(days=days) for each, days in ((FIRST_INSTANT, 1), (LAST_INSTANT, -1)))
_INSTANTS = st.datetimes(min_value=_FIRST, max_value=_LAST, timezones=st.sampled_from([UTC, timezone(timedelta(hours=1))]))


@given(_INSTANTS, st.uuids(), st.integers(min_value=0, max_value=2**63 - 1))
def test_cursor_returns_unchanged_through_a_url(instant: datetime, last: UUID, sequence: int) -> None:
    cursors = encode_cursor(instant, last), encode_sequence(sequence)

    assert [quote(each, safe="") for each in cursors] == list(cursors)
    assert decode_cursor(cursors[0]) == (instant, last)
    assert decode_sequence(cursors[1]) == sequence


_ID = "0193a1f0-0000-7000-8000-000000000001"
_WHOLE = encode("2015-03-16T09:00:00+00:00", _ID)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "0",
        "-1",
        "x",
        "é",
        "\x00",
        "a" * 5000,
        f"{_WHOLE}==",
        f" {_WHOLE}",
        _WHOLE[:-4],
        f"{_WHOLE[:8]}+{_WHOLE[8:]}",
        f"!{_WHOLE}",
        encode("0001-01-01T00:00:00+14:00", _ID),
        encode("9999-12-31T23:59:59-14:00", _ID),
        encode("2015-03-16", _ID),
        encode("0", _ID),
        encode("2015-03-16T09:00:00", _ID),
        encode("2015-03-16T09:00:00Z", "1"),
        encode(_ID),
        encode("", ""),
        encode("2015", "03", "16"),
        urlsafe_b64encode(b"\xff \xfe").decode(),
    ],
)
@pytest.mark.parametrize("read", [decode_cursor, decode_sequence])
def test_other_text_is_no_cursor(read: Callable[[str], Any], text: str) -> None:
    with pytest.raises(HttpProblem) as refusal:
        read(text)

    assert (refusal.value.status, refusal.value.code) == (400, "cursor-malformed")


@pytest.mark.parametrize("sequence", ["-1", "1.5", "²", "9223372036854775808", "1" * 30, "1 2"])
def test_sequence_outside_the_database_is_no_cursor(sequence: str) -> None:
    with pytest.raises(HttpProblem):
        decode_sequence(encode(sequence))
