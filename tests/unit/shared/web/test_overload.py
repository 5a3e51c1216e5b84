"""Beyond capacity a request is refused at once; the others keep their latency."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from shared.web.overload import Admission, AdmissionSettings, OverloadMiddleware


class Stopwatch:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def a_busy_admission(watch: Stopwatch, rate: int) -> Admission:
    """An admission control that has ended `rate` requests in a second, and has 64 in progress."""
    admission = Admission(clock=watch)
    for _ in range(64 + rate):
        admission._in_progress += 1
    for _ in range(rate - 1):
        admission.leave()
    watch.seconds += 1.0
    admission.leave()
    return admission


def test_first_requests_are_always_admitted() -> None:
    admission = Admission()

    assert [admission.admit() for _ in range(65)] == [True] * 64 + [False]


def test_request_is_admitted_while_it_would_end_in_time() -> None:
    admission = a_busy_admission(Stopwatch(), rate=1000)

    admitted = sum(admission.admit() for _ in range(2000))

    assert 64 + admitted == pytest.approx(500, abs=2)


def test_place_is_free_again_after_a_request_ended() -> None:
    admission = a_busy_admission(Stopwatch(), rate=10)
    assert not admission.admit()

    for _ in range(10):
        admission.leave()

    assert admission.admit()


def test_quiet_second_does_not_lower_capacity() -> None:
    watch = Stopwatch()
    admission = a_busy_admission(watch, rate=1000)
    for _ in range(64):
        admission.leave()
    watch.seconds += 1.0
    admission.admit()
    admission.leave()

    assert admission.expected_seconds() == 0
    assert sum(admission.admit() for _ in range(600)) == pytest.approx(500, abs=2)


async def test_refusal_says_when_to_retry_and_health_is_exempt() -> None:
    async def respond(_: Request) -> PlainTextResponse:
        return PlainTextResponse("done")

    app = Starlette(routes=[Route("/parcels", respond), Route("/livez", respond)])
    closed = OverloadMiddleware(app, "test", exempt=("/livez",), settings=AdmissionSettings(always=0))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=closed), base_url="http://care.test") as http:
        refused, healthy = await http.get("/parcels"), await http.get("/livez")

    assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (503, "overloaded", "1")
    assert healthy.status_code == 200
