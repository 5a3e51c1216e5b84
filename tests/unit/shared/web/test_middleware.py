"""A request's log lines name the cause of its failure and the code of its problem."""

import asyncio

import httpx
from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse
from structlog.testing import capture_logs

from shared.kernel.errors import NotFound
from shared.web import problems
from shared.web.middleware import HeadMiddleware, ObservabilityMiddleware, TimeoutMiddleware

router = APIRouter(prefix="/parcels")


@router.get("/slow")
async def _wait() -> None:
    await asyncio.Event().wait()


@router.get("/absent")
async def _find_none() -> None:
    raise NotFound("No parcel has this id.")


@router.get("/changes", response_class=StreamingResponse)
async def _follow() -> StreamingResponse:
    return StreamingResponse(iter(["a parcel"]))


@router.get("/present")
async def _find() -> str:
    return "a parcel"


def _client() -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(router)
    problems.install(app)
    app.add_middleware(HeadMiddleware)
    app.add_middleware(TimeoutMiddleware, within=0.05)
    app.add_middleware(ObservabilityMiddleware, context="parcels")
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://care.test/parcels")


async def test_timeout_names_its_limit_and_its_cause() -> None:
    async with _client() as http:
        with capture_logs() as lines:
            late = await http.get("/slow")

    assert late.json()["detail"] == "The request took longer than 0.05 seconds."
    assert late.json()["advice"] == "Repeat the request unchanged; Idempotency-Key and If-Match prevent a second effect."
    assert [(each["problem"], each["log_level"]) for each in lines if each["event"] == "request.unavailable"] == [("TimeoutError", "error")]


async def test_completed_request_is_logged_with_its_problem_code() -> None:
    async with _client() as http:
        with capture_logs() as lines:
            for path in ("/slow", "/absent", "/nowhere", "/present"):
                await http.get(path)

    completed = [(each["status"], each.get("code")) for each in lines if each["event"] == "request.completed"]
    assert completed == [(503, "temporarily-unavailable"), (404, "not-found"), (404, "not-found"), (200, None)]


async def test_head_is_answered_as_get_without_body() -> None:
    async with _client() as http:
        with capture_logs() as lines:
            got, head = await http.get("/present"), await http.head("/present")
            absent, stream = await http.head("/absent"), await http.head("/changes")

    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", got.headers["content-length"])
    assert (absent.status_code, absent.content) == (404, b"")
    assert (stream.status_code, stream.headers["allow"]) == (405, "GET")
    completed = [(each["method"], each["route"], each.get("code")) for each in lines if each["event"] == "request.completed"]
    assert completed[1:3] == [("HEAD", "/parcels/present", None), ("HEAD", "/parcels/absent", "not-found")]
