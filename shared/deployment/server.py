"""The HTTP server of the APIs: uvicorn, with an end to the patience for slow clients."""

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Any

import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

log = structlog.get_logger()

_GRACE_SECONDS = 5


class _Part(Enum):
    """The part of a request that has not arrived completely."""

    HEADERS = "headers"
    BODY = "body"


class ImpatientProtocol(HttpToolsProtocol):
    """Closes a connection whose client is slow to send the headers or the body of a request (docs/adr/0031).

    uvicorn waits without limit. A request that arrives at once, as nearly all do, starts no timer.
    """

    #: Seconds for each part.
    header_seconds = 10.0
    body_seconds = 120.0

    _expected: _Part | None = _Part.HEADERS
    _timed: _Part | None = None
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        super().connection_made(transport)
        self._time()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._expected is not self._timed:
            self._time()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expected = None
        self._time()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._expected = _Part.HEADERS
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._expected = _Part.BODY
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._expected = None
        super().on_message_complete()

    def _time(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timed = self._expected
        seconds = self.header_seconds if self._timed is _Part.HEADERS else self.body_seconds
        self._timer = self.loop.call_later(seconds, self._give_up) if self._timed else None

    def _give_up(self) -> None:
        log.info("connection.slow", part=self._timed.value if self._timed else None)
        self.transport.close()


def serve(create_app: Callable[[], Any], host: str, port: int) -> None:
    """Serves until SIGTERM."""
    uvicorn.run(
        create_app,
        factory=True,
        host=host,
        port=port,
        http=ImpatientProtocol,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
