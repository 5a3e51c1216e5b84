"""Cursors of pages: the place of the last item, as a text that callers hand back unread."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from shared.web.problems import HttpRefusal

#: An instant and the id that tells apart what shares it.
Place = tuple[datetime, UUID]


def cursor(instant: datetime, last: UUID) -> str:
    return urlsafe_b64encode(f"{instant.isoformat()} {last}".encode()).decode().rstrip("=")


def place(text: str) -> Place:
    """Raises HttpRefusal 400 cursor-malformed."""
    try:
        instant, last = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split(" ")
        found = datetime.fromisoformat(instant), UUID(last)
    except ValueError as problem:
        raise _malformed() from problem
    if found[0].tzinfo is None:
        raise _malformed()
    return found


def _malformed() -> HttpRefusal:
    advice = "Send `next` of the page before, unchanged, or nothing for the first page."
    return HttpRefusal(HTTPStatus.BAD_REQUEST, "cursor-malformed", "This is no cursor of this list.", advice)
