"""An invalid request receives a plain sentence for each field, whichever kind of route reads it."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import APIRouter, FastAPI, Response
from httpx import ASGITransport, AsyncClient
from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from shared.web import problems
from shared.web.fast_route import FastRoute
from shared.web.requests import RequestModel


class Size(StrEnum):
    LARGE = "large"
    SMALL = "small"


def _printable(text: str) -> str:
    if "\0" in text:
        raise ValueError("the string must not contain the character NUL")
    return text


class Contents(RequestModel):
    note: Annotated[str, StringConstraints(min_length=1, max_length=5), AfterValidator(_printable)]


class Parcel(RequestModel):
    person_id: UUID
    contents: Contents
    size: Size = Size.LARGE
    weight: Annotated[int, Field(ge=1, le=9)] = 1
    is_urgent: bool = False
    sent_on: Annotated[date, Field(ge=date(1890, 1, 1))] = date(2015, 3, 16)
    sent_at: AwareDatetime | None = None
    code: Annotated[str, Field(pattern="^[a-z]+$")] = "a"
    codes: Annotated[tuple[str, ...], Field(min_length=1, max_length=2)] = ("a",)
    more: tuple[Contents, ...] | None = None


FIELDS = "person_id, contents, size, weight, is_urgent, sent_on, sent_at, code, codes, more"
VALID = {"person_id": "0193a1f0-0000-7000-8000-000000000001", "contents": {"note": "book"}}
CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "missing": ({"contents": {}}, "contents.note", "The field is required."),
    "unknown": ({"personId": "x"}, "personId", f"The field is unknown. The nearest is person_id. Permitted: {FIELDS}."),
    "unlike any": ({"remark": "x"}, "?", f"The field is unknown. Permitted: {FIELDS}."),
    "a number as a name": ({"person_9990548609": "x"}, "?", f"The field is unknown. Permitted: {FIELDS}."),
    "unknown inside": ({"contents": {"note": "book", "page": 1}}, "contents.?", "The field is unknown. Permitted: note."),
    "unknown in a list": (
        {"more": [{"note": "book"}, {"note": "book", "notes": ""}]},
        "more.1.notes",
        "The field is unknown. The nearest is note. Permitted: note.",
    ),
    "UUID": ({"person_id": "M"}, "person_id", "The value must be a UUID."),
    "text": ({"contents": {"note": 1}}, "contents.note", "The value must be a string."),
    "too short": ({"contents": {"note": ""}}, "contents.note", "The string is too short; the minimum length is 1."),
    "too long": ({"contents": {"note": "a book"}}, "contents.note", "The string is too long; the maximum length is 5."),
    "NUL": ({"contents": {"note": "\0"}}, "contents.note", "The string must not contain the character NUL."),
    "object": ({"contents": []}, "contents", "The value must be a JSON object."),
    "choice": ({"size": "huge"}, "size", "The value must be 'large' or 'small'."),
    "number": ({"weight": "heavy"}, "weight", "The value must be a whole number."),
    "fraction": ({"weight": 1.5}, "weight", "The value must be a whole number."),
    "low": ({"weight": 0}, "weight", "The lowest permitted value is 1."),
    "high": ({"weight": 10}, "weight", "The highest permitted value is 9."),
    "boolean": ({"is_urgent": "perhaps"}, "is_urgent", "The value must be true or false."),
    "date": ({"sent_on": "yesterday"}, "sent_on", "The value must be a date such as 2015-03-16."),
    "early date": ({"sent_on": "1800-01-01"}, "sent_on", "The lowest permitted value is 1890-01-01."),
    "time": ({"sent_at": "noon"}, "sent_at", "The value must be a date and time with an offset, such as 2015-03-16T09:00:00Z."),
    "local time": (
        {"sent_at": "2015-03-16T09:00:00"},
        "sent_at",
        "The value must be a date and time with an offset, such as 2015-03-16T09:00:00Z.",
    ),
    "list": ({"codes": "a"}, "codes", "The value must be a list."),
    "empty list": ({"codes": []}, "codes", "The list is too short; the minimum length is 1."),
    "long list": ({"codes": ["a", "b", "c"]}, "codes", "The list is too long; the maximum length is 2."),
    "pattern": ({"code": "A"}, "code", "The string must match the pattern '^[a-z]+$'."),
}


async def _send(body: Parcel) -> Response:
    return Response(str(body.person_id))


def _client(kind: Any) -> AsyncClient:
    router = APIRouter(route_class=kind)
    router.post("/parcels")(_send)
    app = FastAPI()
    app.include_router(router)
    problems.install(app)
    return AsyncClient(transport=ASGITransport(app), base_url="http://parcels")


@pytest.mark.parametrize("kind", [FastRoute, FastRoute.__base__], ids=["fast", "framework"])
@pytest.mark.parametrize("name", CASES)
async def test_invalid_field_is_described_in_a_plain_sentence(name: str, kind: Any) -> None:
    changes, field, sentence = CASES[name]
    async with _client(kind) as http:
        response = await http.post("/parcels", json={**VALID, **changes})

    assert response.status_code == 422
    assert response.json()["errors"] == [{"field": f"body.{field}", "problem": sentence}]


class Batch(RequestModel):
    codes: Annotated[tuple[Annotated[str, Field(pattern="^[a-z]+$")], ...], Field(min_length=1, max_length=2)]
    notes: Annotated[tuple[str, ...], Field(min_length=1)]


@pytest.mark.parametrize("kind", [FastRoute, FastRoute.__base__], ids=["fast", "framework"])
async def test_list_with_invalid_item_is_not_too_short(kind: Any) -> None:
    """Pydantic compares the number of valid items with the minimum."""

    async def send(body: Batch) -> Response:
        return Response(str(len(body.codes)))

    router, app = APIRouter(route_class=kind), FastAPI()
    router.post("/batches")(send)
    app.include_router(router)
    problems.install(app)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://parcels") as http:
        response = await http.post("/batches", json={"codes": ["A"], "notes": []})

    assert response.json()["errors"] == [
        {"field": "body.codes.0", "problem": "The string must match the pattern '^[a-z]+$'."},
        {"field": "body.notes", "problem": "The list is too short; the minimum length is 1."},
    ]


async def test_query_parameter_is_described_in_a_plain_sentence() -> None:
    app = FastAPI()
    problems.install(app)

    @app.get("/parcels")
    async def read(limit: int) -> int:
        return limit

    async with AsyncClient(transport=ASGITransport(app), base_url="http://parcels") as http:
        response = await http.get("/parcels?limit=many")

    assert response.json()["errors"] == [{"field": "query.limit", "problem": "The value must be a whole number."}]
