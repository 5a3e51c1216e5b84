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


def admit(admission: Admission, count: int) -> int:
    return sum(admission.admit() for _ in range(count))


def a_busy_admission(watch: Stopwatch, rate: int) -> Admission:
    """An admission control that has ended `rate` requests in a second, and has 64 in progress."""
    admission = Admission(clock=watch)
    admit(admission, 65 + rate)
    watch.seconds += 1.0
    admission.leave()  # a window with a queue begins
    for _ in range(rate - 1):
        admission.leave()
    watch.seconds += 1.0
    admission.leave()
    return admission


def test_every_request_is_admitted_until_capacity_was_measured() -> None:
    assert admit(Admission(), 1000) == 1000


def test_request_is_admitted_while_it_would_end_in_time() -> None:
    admission = a_busy_admission(Stopwatch(), rate=1000)

    assert 64 + admit(admission, 2000) == pytest.approx(500, abs=2)


def test_slot_is_free_again_after_a_request_ended() -> None:
    admission = a_busy_admission(Stopwatch(), rate=10)
    assert not admission.admit()

    for _ in range(10):
        admission.leave()

    assert admission.admit()


def test_requests_are_refused_while_none_ends() -> None:
    watch = Stopwatch()
    admission = Admission(clock=watch)
    admit(admission, 64)
    watch.seconds += 1.0
    admission.admit()
    watch.seconds += 1.0

    assert not admission.admit()


def test_pause_before_a_burst_does_not_lower_capacity() -> None:
    watch = Stopwatch()
    admission = a_busy_admission(watch, rate=400)
    for _ in range(64):
        admission.leave()
    watch.seconds += 30.0

    assert admit(admission, 150) == 150
    admission.leave()
    assert admit(admission, 100) == pytest.approx(51, abs=2)


def test_capacity_falls_when_requests_end_more_slowly() -> None:
    watch = Stopwatch()
    admission = a_busy_admission(watch, rate=1000)
    admit(admission, 2000)
    for _ in range(200):
        watch.seconds += 0.01
        admission.leave()
        admission.admit()

    assert admission.expected_seconds() > 2


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
    closed = OverloadMiddleware(app, "test", exempt=("/livez",), settings=AdmissionSettings(always=0, longest=0.0))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=closed), base_url="http://care.test") as http:
        refused, healthy = await http.get("/parcels"), await http.get("/livez")

    assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (503, "overloaded", "1")
    assert healthy.status_code == 200
