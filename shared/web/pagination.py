"""Cursors of pages: the position of the last item, as an opaque text that callers return."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from pydantic import TypeAdapter

from shared.contracts.input_types import Instant
from shared.web.problems import HttpProblem

#: An instant, and an id that orders entries of the same instant.
Position = tuple[datetime, UUID]

_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)
_ALPHABET = re.compile("[A-Za-z0-9_-]+")


def encode_cursor(instant: datetime, last: UUID) -> str:
    return encode(instant.isoformat(), last)


def decode_cursor(text: str) -> Position:
    """Raises HttpProblem 400 cursor-malformed."""
    instant, last = decode(text)
    try:
        return _INSTANT.validate_python(instant), UUID(last)
    except ValueError as problem:
        raise malformed() from problem


def encode_sequence(sequence: int) -> str:
    """The cursor of a feed that is ordered by a sequence number."""
    return encode(sequence)


def decode_sequence(text: str) -> int:
    """Raises HttpProblem 400 cursor-malformed."""
    [digits] = decode(text, parts=1)
    if not re.fullmatch(r"[0-9]{1,19}", digits) or int(digits) >= 2**63:
        raise malformed()
    return int(digits)


def encode(*parts: object) -> str:
    """The cursor of a list that is not ordered by time."""
    return urlsafe_b64encode(" ".join(map(str, parts)).encode()).decode().rstrip("=")


def decode(text: str, parts: int = 2) -> list[str]:
    """The content of a cursor. Raises HttpProblem 400 cursor-malformed."""
    if not _ALPHABET.fullmatch(text):  # the decoder skips other characters
        raise malformed()
    try:
        found = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split(" ")
    except ValueError as problem:
        raise malformed() from problem
    if len(found) != parts:
        raise malformed()
    return found


def malformed() -> HttpProblem:
    advice = "Send `next` of the previous page unchanged; omit it for the first page."
    return HttpProblem(HTTPStatus.BAD_REQUEST, "cursor-malformed", "The cursor does not belong to this list.", advice)
