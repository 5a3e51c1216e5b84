"""A fast route responds like a route of FastAPI, and leaves every endpoint without a plain body to FastAPI."""

import json
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from httpx import ASGITransport, AsyncClient

from shared.web.fast_route import FastRoute
from shared.web.requests import RequestModel


class Parcel(RequestModel):
    weight: int


async def _caller(request: Request) -> str:
    return request.headers["x-caller"]


Caller = Annotated[str, Depends(_caller)]


async def _send(body: Parcel, caller: Caller) -> Response:
    return Response(json.dumps([body.weight, caller]))


async def _read(caller: Caller, limit: int = 1) -> Response:
    return Response(json.dumps([limit, caller]))


async def _refused(_: Request, invalid: Exception) -> Response:
    """The location of each error, and whether the body was invalid JSON."""
    assert isinstance(invalid, RequestValidationError)
    return Response(json.dumps([[*each["loc"], each["type"] == "json_invalid"] for each in invalid.errors()]), 422)


def _client(kind: Any) -> AsyncClient:
    router = APIRouter(route_class=kind) if kind else APIRouter()
    router.post("/parcels")(_send)
    router.get("/parcels")(_read)
    app = FastAPI()
    app.include_router(router)
    app.add_exception_handler(RequestValidationError, _refused)
    return AsyncClient(transport=ASGITransport(app), base_url="http://parcels", headers={"x-caller": "W07"})


JSON = {"content-type": "application/json"}
SENT = {
    "a parcel": (b'{"weight": 3}', JSON),
    "another kind of JSON": (b'{"weight": 3}', {"content-type": "application/merge-patch+json; charset=utf-8"}),
    "no body": (b"", JSON),
    "no number": (b'{"weight": "heavy"}', JSON),
    "an unknown field": (b'{"weight": 3, "colour": "red"}', JSON),
    "nothing of a parcel": (b"[]", JSON),
    "no JSON by its own word": (b'{"weight": 3}', {"content-type": "text/plain"}),
    "no word of what it is": (b'{"weight": 3}', {}),
}


@pytest.mark.parametrize("sent", SENT.values(), ids=SENT.keys())
async def test_fast_route_responds_like_the_framework(sent: tuple[bytes, dict[str, str]]) -> None:
    content, headers = sent
    async with _client(FastRoute) as fast, _client(None) as framework:
        ours, expected = [await each.post("/parcels", content=content, headers=headers) for each in (fast, framework)]

    assert (ours.status_code, ours.json()) == (expected.status_code, expected.json())


async def test_invalid_json_is_refused_at_its_position() -> None:
    async with _client(FastRoute) as fast:
        response = await fast.post("/parcels", content=b'{"weight": ', headers=JSON)

    assert response.json() == [["body", True]]


async def test_route_with_query_parameter_uses_the_framework() -> None:
    async with _client(FastRoute) as fast:
        assert (await fast.get("/parcels?limit=7")).json() == [7, "W07"]
        assert (await fast.get("/parcels?limit=many")).status_code == 422
