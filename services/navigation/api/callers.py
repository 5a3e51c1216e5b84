"""Who calls, and which page of a list they want."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Path, Query
from pydantic import Field

from services.navigation.domain.access import COORDINATE, WORK
from services.navigation.queries.task import BEGINNING, Place
from shared.kernel.actor import Actor
from shared.web.problems import HttpRefusal
from shared.web.request import requires

#: A navigator, or somebody who coordinates them.
Staff = Annotated[Actor, requires(WORK, COORDINATE)]
Coordinator = Annotated[Actor, requires(COORDINATE)]

_CODE = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
NavigatorCode = Annotated[str, Path(pattern=_CODE, description="A staff code")]
NavigatorName = Annotated[str, Field(pattern=_CODE, description="A staff code")]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(description="`next` of the page before", max_length=100)]


def place_of(cursor: str | None) -> Place:
    """Raises HttpRefusal 400 with the code cursor-malformed."""
    if cursor is None:
        return BEGINNING
    due_at, _, task_id = cursor.partition("~")
    try:
        return datetime.fromisoformat(due_at), UUID(task_id)
    except ValueError as problem:
        advice = "Send `next` of the page before, unchanged, or nothing for the first page."
        raise HttpRefusal(HTTPStatus.BAD_REQUEST, "cursor-malformed", "This is no cursor of this list.", advice) from problem


def cursor_at(place: Place) -> str:
    return f"{place[0].strftime('%Y-%m-%dT%H:%M:%S.%fZ')}~{place[1]}"
