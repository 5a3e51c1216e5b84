"""A request that the framework would misread is refused, whichever kind of route reads it."""

from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Response
from httpx import ASGITransport, AsyncClient

from shared.web import problems
from shared.web.fast_route import FastRoute
from shared.web.requests import RequestModel

KINDS = pytest.mark.parametrize("kind", [FastRoute, FastRoute.__base__], ids=["fast", "framework"])
JSON = {"content-type": "application/json"}


class Contents(RequestModel):
    note: str


class Parcel(RequestModel):
    weight: int
    contents: Contents | None = None
    codes: tuple[Contents, ...] = ()


async def _page(cursor: str | None = None) -> str | None:
    return cursor


async def _send(body: Parcel) -> Response:
    return Response(str(body.weight))


async def _list(page: str | None = Depends(_page), status: str = "open") -> list[str | None]:
    return [page, status]


def _client(kind: Any) -> AsyncClient:
    router = APIRouter(route_class=kind)
    router.post("/parcels")(_send)
    router.get("/parcels")(_list)
    app = FastAPI()
    app.router.routes.extend(router.routes)
    problems.install(app)
    return AsyncClient(transport=ASGITransport(app), base_url="http://parcels")


@KINDS
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"weight": 1, "weight": 2}', "weight"),
        ('{"weight": 1, "weight": 1}', "weight"),
        (r'{"weight": 1, "\u0077eight": 2}', "weight"),
        ('{"weight": 1, "contents": {"note": "a", "note": "b"}}', "note"),
        ('{"weight": 1, "codes": [{"note": "a"}, {"note": "a", "note": "b"}]}', "note"),
    ],
)
async def test_repeated_field_is_refused(kind: Any, body: str, field: str) -> None:
    async with _client(kind) as http:
        response = await http.post("/parcels", content=body, headers=JSON)

    problem = response.json()
    assert (response.status_code, problem["code"], problem["errors"]) == (400, "malformed-request", [])
    assert problem["detail"] == f"The field {field} occurs more than once in an object of the body."


@KINDS
async def test_field_of_two_objects_is_not_repeated(kind: Any) -> None:
    async with _client(kind) as http:
        response = await http.post("/parcels", json={"weight": 1, "contents": {"note": "a"}, "codes": [{"note": "a"}, {"note": "a"}]})

    assert response.status_code == 200


@KINDS
async def test_invalid_json_has_no_errors_of_fields(kind: Any) -> None:
    async with _client(kind) as http:
        response = await http.post("/parcels", content='{"weight": ', headers=JSON)

    problem = response.json()
    assert (response.status_code, problem["code"], problem["errors"]) == (400, "malformed-request", [])
    assert problem["detail"] == "The body is not valid JSON."


@KINDS
@pytest.mark.parametrize("parts", [r"\ud800", r"\udc00", r"a\ud800b", r"\udc00\ud800"])
async def test_half_of_a_surrogate_pair_is_named(kind: Any, parts: str) -> None:
    async with _client(kind) as http:
        response = await http.post("/parcels", content=f'{{"weight": 1, "contents": {{"note": "{parts}"}}}}', headers=JSON)

    sentence = "The string contains half of a surrogate pair, such as \\ud800, which is no character."
    assert (response.status_code, response.json()["code"]) == (422, "validation-failed")
    assert response.json()["errors"] == [{"field": "body.contents.note", "problem": sentence}]


@KINDS
@pytest.mark.parametrize("body", [r'{"weight": 1, "\ud800": 1}', r'{"weight": 1, "\ud800": 1, "\ud800": 2}'])
async def test_half_of_a_surrogate_pair_as_field_is_refused(kind: Any, body: str) -> None:
    async with _client(kind) as http:
        response = await http.post("/parcels", content=body, headers=JSON)

    assert response.status_code in {400, 422}
    assert response.headers["content-type"] == "application/problem+json"


@KINDS
async def test_unknown_parameter_is_refused_with_the_permitted_ones(kind: Any) -> None:
    async with _client(kind) as http:
        listed = await http.get("/parcels?statsu=closed")
        sent = await http.post("/parcels?dry_run=true", json={"weight": 1})

    assert [(each.status_code, each.json()["code"]) for each in (listed, sent)] == [(422, "validation-failed")] * 2
    assert listed.json()["errors"] == [
        {"field": "query.statsu", "problem": "The parameter is unknown. The nearest is status. Permitted: status, cursor."}
    ]
    assert sent.json()["errors"] == [{"field": "query.?", "problem": "The parameter is unknown. Permitted: none."}]


@KINDS
async def test_repeated_parameter_is_refused(kind: Any) -> None:
    async with _client(kind) as http:
        response = await http.get("/parcels?status=open&status=closed")

    assert response.status_code == 422
    assert response.json()["errors"] == [{"field": "query.status", "problem": "The parameter occurs more than once."}]


@KINDS
async def test_declared_parameters_are_accepted(kind: Any) -> None:
    async with _client(kind) as http:
        response = await http.get("/parcels?status=closed&cursor=a")

    assert response.json() == ["a", "closed"]
