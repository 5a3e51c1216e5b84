"""Routes have one name in logs and metrics, and a refused method receives all methods of its path."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from shared.web import problems


def _routers() -> APIRouter:
    """A router inside another, as the contexts have them."""
    parcels, inner, actions = APIRouter(prefix="/parcels"), APIRouter(prefix="/sent"), APIRouter(prefix="/{parcel_id:uuid}")

    @inner.get("")
    @inner.post("")
    async def collection() -> None: ...

    @inner.get("/{code}")
    async def one(code: str) -> str:
        return code

    @actions.post("/acceptance")
    async def accept(parcel_id: UUID) -> None: ...

    @actions.delete("/acceptance")
    async def withdraw(parcel_id: UUID) -> None: ...

    inner.include_router(actions)
    parcels.include_router(inner)
    return parcels


def _app() -> FastAPI:
    app = FastAPI()
    app.include_router(_routers())
    problems.install(app)
    return app


def _client(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://care.test/parcels")


ACCEPTANCE = "/sent/0193a1f0-0000-7000-8000-000000000001/acceptance"


@pytest.mark.parametrize(("path", "allowed"), [("/sent", "GET, POST"), ("/sent/x", "GET"), (ACCEPTANCE, "DELETE, POST")])
async def test_refused_method_receives_all_methods_of_the_path(path: str, allowed: str) -> None:
    async with _client(_app()) as http:
        response = await http.patch(path)

    assert (response.status_code, response.json()["code"]) == (405, "method-not-allowed")
    assert response.headers["allow"] == allowed
