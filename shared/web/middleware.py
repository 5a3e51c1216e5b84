"""Middleware of every request: trace context, log line, time limit. Plain ASGI, so that responses can be streamed."""

import asyncio
import sys
import time
from collections.abc import Sequence
from http import HTTPStatus

import structlog
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.telemetry import metrics, tracing
from shared.telemetry.logs import frames
from shared.web.problems import CODE_IN_SCOPE, internal_error, unavailable
from shared.web.routes import allowed_methods, route_of
from shared.web.security_headers import default_headers

log = structlog.get_logger()

_TIMEOUT_SECONDS = 30.0


class ObservabilityMiddleware:
    """Continues the caller's trace or starts one; every response and log line contains it. Adds the headers that limit a browser.

    No exception passes through: the server would log its text, which may quote personal data.
    """

    def __init__(self, app: ASGIApp, context: str, *, hsts: bool = False) -> None:
        self._app, self._context, self._headers = app, context, default_headers(hsts=hsts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0
        with tracing.span(scope["method"], tracing.of_caller(_header(scope, b"traceparent"))) as traceparent:

            async def recording_send(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = int(message["status"])
                    own = {name for name, _ in message["headers"]}
                    added = [header for header in self._headers if header[0] not in own]
                    message["headers"] = [*message["headers"], (b"traceparent", traceparent.encode()), *added]
                await send(message)

            with structlog.contextvars.bound_contextvars(trace_id=traceparent.split("-")[1], traceparent=traceparent):
                try:
                    await self._app(scope, receive, recording_send)
                except asyncio.CancelledError:  # the server stops without waiting longer
                    if not status:
                        await unavailable("The service stops.")(scope, receive, recording_send)
                    raise
                except Exception as fault:
                    log.error("request.failed", route=route_of(scope), problem=type(fault).__name__, at=frames(fault))
                    if not status:  # after the headers were sent, the server can only close the connection
                        await internal_error()(scope, receive, recording_send)
                finally:
                    self._record(scope, status, time.perf_counter() - began)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        """Logs and measures the request; status 0 means that it ended without a response."""
        route, code = route_of(scope), scope.get(CODE_IN_SCOPE)
        metrics.REQUEST_DURATION.labels(self._context, route, status).observe(seconds)
        log.info(
            "request.completed",
            method=scope["method"],
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 1),
            **({"code": code} if code else {}),
        )


class TimeoutMiddleware:
    """Ends requests that take over `within` seconds; paths ending in one of `unlimited` (streams, uploads) have no limit."""

    def __init__(self, app: ASGIApp, unlimited: Sequence[str] = (), within: float = _TIMEOUT_SECONDS) -> None:
        self._app, self._unlimited, self._within = app, tuple(unlimited), within

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].endswith(self._unlimited):
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def recording_send(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            async with asyncio.timeout(self._within):
                await self._app(scope, receive, recording_send)
        except TimeoutError:
            if has_begun:  # the headers were sent, so no problem can follow
                raise
            log.error("request.unavailable", route=route_of(scope), problem="TimeoutError")
            await unavailable(f"The request took longer than {self._within:g} seconds.")(scope, receive, send)


class HeadMiddleware:
    """Answers HEAD as GET without the body, which the framework would refuse."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or "HEAD" not in allowed_methods(scope):
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        scope["method"] = "GET"
        try:
            await self._app(scope, receive, send_without_body)
        finally:
            scope["method"] = "HEAD"  # for the log line


class BodySizeMiddleware:
    """Sends the problem for a body that is too large, which the framework would replace by plain text."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal: list[Message] = []

        async def send_unless_refused(message: Message) -> None:
            if refusal or message.get("status") == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                refusal.append(message)
            else:
                await send(message)

        async def refuse(_: Scope, __: Receive, send: Send) -> None:
            for message in refusal:
                await send(message)

        await self._app(scope, receive, send_unless_refused)
        if refusal:
            await RequestBodyLimitMiddleware(refuse, sys.maxsize)(scope, receive, send)


def _header(scope: Scope, name: bytes) -> str | None:
    found = next((value for key, value in scope["headers"] if key == name), None)
    return None if found is None else found.decode("latin-1")
