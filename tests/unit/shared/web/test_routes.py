"""Routes have one name in logs and metrics, and a refused method receives all methods of its path."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from shared.web import problems
from shared.web.app import create_app
from shared.web.auth import Tokens
from shared.web.middleware import ObservabilityMiddleware
from shared.web.overload import AdmissionSettings, OverloadMiddleware
from shared.web.routes import joined
from shared.web.signing_keys import SigningKeys


def _routers() -> APIRouter:
    """Two routers as one, as the contexts have them."""
    inner, actions = APIRouter(prefix="/parcels/sent"), APIRouter(prefix="/parcels/sent/{parcel_id:uuid}")

    @inner.get("")
    @inner.post("")
    async def collection() -> None: ...

    @inner.get("/{code}")
    async def one(code: str) -> str:
        return code

    @inner.get("/{code}/changes", response_class=StreamingResponse)
    async def follow(code: str) -> StreamingResponse:
        return StreamingResponse(iter([code]))

    @actions.post("/acceptance")
    async def accept(parcel_id: UUID) -> None: ...

    @actions.delete("/acceptance")
    async def withdraw(parcel_id: UUID) -> None: ...

    return joined("/parcels", inner, actions)


def _app() -> FastAPI:
    app = FastAPI()
    app.router.routes.extend(_routers().routes)
    problems.install(app)
    return app


def _client(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://care.test/parcels")


ACCEPTANCE = "/sent/0193a1f0-0000-7000-8000-000000000001/acceptance"


@pytest.mark.parametrize(
    ("path", "allowed"), [("/sent", "GET, HEAD, POST"), ("/sent/x", "GET, HEAD"), ("/sent/x/changes", "GET"), (ACCEPTANCE, "DELETE, POST")]
)
async def test_refused_method_receives_all_methods_of_the_path(path: str, allowed: str) -> None:
    async with _client(_app()) as http:
        response = await http.request("PATCH", path)

    assert (response.status_code, response.json()["code"]) == (405, "method-not-allowed")
    assert response.headers["allow"] == allowed


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", "/sent", "/parcels/sent"),
        ("GET", "/sent/x", "/parcels/sent/{code}"),
        ("POST", ACCEPTANCE, "/parcels/sent/{parcel_id}/acceptance"),
        ("PATCH", ACCEPTANCE, "/parcels/sent/{parcel_id}/acceptance"),
        ("GET", "/lost/x", "unknown"),
    ],
)
@pytest.mark.parametrize("slots", [64, 0], ids=["admitted", "rejected"])
async def test_route_has_its_prefix_and_no_types(slots: int, method: str, path: str, route: str) -> None:
    app, context = _app(), f"{method} {path} {slots}"
    app.add_middleware(OverloadMiddleware, context=context, settings=AdmissionSettings(always=slots, longest=0))
    app.add_middleware(ObservabilityMiddleware, context=context)
    async with _client(app) as http:
        with capture_logs() as lines:
            response = await http.request(method, path)

    assert [each["route"] for each in lines if each["event"] == "request.completed"] == [route]
    labels = {"context": context, "route": route, "status": str(response.status_code)}
    assert REGISTRY.get_sample_value("care_http_request_duration_seconds_count", labels) == 1
    assert (response.status_code == 503) is (slots == 0)


def test_router_that_accepts_unknown_parameters_is_refused() -> None:
    async def open_database() -> Any:
        raise AssertionError("no server runs the application")

    tokens = Tokens(SigningKeys(), issuer="care", audience="care", max_lifetime=timedelta(hours=1))
    with pytest.raises(TypeError, match="accept unknown parameters"):
        create_app(context="parcels", title="Parcels", router=_routers(), open_database=open_database, tokens=tokens)


def test_router_without_the_prefix_is_refused() -> None:
    with pytest.raises(ValueError, match="/sent"):
        joined("/parcels", APIRouter(prefix="/sent"))
