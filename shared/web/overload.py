"""Admission control: beyond capacity a request receives 503 at once, so that the others keep their latency.

By Little's law a new request would take the number of requests in progress, divided by the rate at which they end.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.telemetry import metrics
from shared.web.problems import problem_response


@dataclass(frozen=True, slots=True)
class AdmissionSettings:
    """A request is admitted while fewer than `always` are in progress, or while it would take less than `longest` seconds."""

    always: int = 64
    longest: float = 0.5
    window: float = 1.0


class Admission:
    """Counts the requests in progress and measures the rate at which they end, in windows of a second."""

    def __init__(self, settings: AdmissionSettings = AdmissionSettings(), clock: Callable[[], float] = monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._in_progress = self._ended = 0
        self._window_began = clock()
        self._rate: float | None = None  # requests per second
        self._is_queue_unbroken = False  # since the window began

    def admit(self) -> bool:
        """Admits a request if there is capacity; `leave` ends it."""
        self._measure()  # no request may end while the database is stopped
        if self._is_queue and self.expected_seconds() >= self._settings.longest:
            return False
        self._in_progress += 1
        return True

    def leave(self) -> None:
        self._in_progress -= 1
        self._ended += 1
        self._is_queue_unbroken = self._is_queue_unbroken and self._is_queue
        self._measure()

    def expected_seconds(self) -> float:
        """The seconds that a new request would take; zero until capacity was measured, infinite while no request ends."""
        if self._rate is None:
            return 0.0
        return self._in_progress / self._rate if self._rate else math.inf

    @property
    def _is_queue(self) -> bool:
        return self._in_progress >= self._settings.always

    def _measure(self) -> None:
        """A window measures capacity if requests queued all the time. Any other window can only raise what was measured."""
        elapsed = self._clock() - self._window_began
        if elapsed < self._settings.window:
            return
        rate = self._ended / elapsed
        if self._is_queue_unbroken or (self._rate is not None and rate > self._rate):
            self._rate = rate
        self._ended, self._window_began, self._is_queue_unbroken = 0, self._clock(), self._is_queue


class OverloadMiddleware:
    """Answers 503 with Retry-After beyond capacity. Paths ending in one of `exempt` (health, streams, uploads) are always admitted."""

    def __init__(self, app: ASGIApp, context: str, exempt: Sequence[str] = (), settings: AdmissionSettings = AdmissionSettings()) -> None:
        self._app, self._context, self._exempt = app, context, tuple(exempt)
        self._admission = Admission(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].endswith(self._exempt):
            await self._app(scope, receive, send)
        elif self._admission.admit():
            try:
                await self._app(scope, receive, send)
            finally:
                self._admission.leave()
        else:
            metrics.REQUESTS_REJECTED.labels(self._context).inc()
            await _overloaded()(scope, receive, send)


def _overloaded() -> ASGIApp:
    return problem_response(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "overloaded",
        "The service has more requests than it can answer in time.",
        "Repeat the request unchanged after the seconds of Retry-After; an urgent referral can also be made by telephone.",
        headers={"Retry-After": "1"},
    )
