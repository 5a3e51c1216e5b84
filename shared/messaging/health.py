"""Health of a worker over HTTP: `/livez`, `/readyz`, `/metrics`.

The worker's event loop serves them, so a blocked loop does not respond.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Protocol

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.persistence.database import Database
from shared.persistence.errors import INFRASTRUCTURE_ERRORS
from shared.persistence.gauges import read_gauges

_LONGEST_WAIT_SECONDS = 10.0

#: Status, media type, body.
HttpReply = tuple[HTTPStatus, str, bytes]


class Component(Protocol):
    """A part of a worker that runs until it is cancelled or fails."""

    @property
    def is_working(self) -> bool:
        """Whether the component is working, or on standby."""
        ...

    async def run(self) -> None: ...


class Health:
    """Checks the components of a worker, and its database."""

    def __init__(self, database: Database[Any], context: str, components: Mapping[str, Component]) -> None:
        self._database, self._context, self._components = database, context, components
        self._handlers: Mapping[str, Callable[[], Awaitable[HttpReply]]] = {
            "/livez": self._live,
            "/readyz": self._ready,
            "/metrics": self._measure,
        }

    async def serve(self, host: str, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._handle, host, port)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, ValueError, IndexError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                async with asyncio.timeout(_LONGEST_WAIT_SECONDS):
                    await self._reply(reader, writer)
        finally:
            writer.close()

    async def _reply(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        status, media_type, body = await self._respond(request.split(b" ", 2)[1].decode("latin-1"))
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
        await writer.drain()

    async def _respond(self, path: str) -> HttpReply:
        handler = self._handlers.get(path.partition("?")[0])
        return await handler() if handler else (HTTPStatus.NOT_FOUND, "text/plain", b"/livez, /readyz, /metrics\n")

    async def _live(self) -> HttpReply:
        return _json(HTTPStatus.OK, {"status": "alive"})

    async def _ready(self) -> HttpReply:
        waits = sorted(name for name, component in self._components.items() if not component.is_working)
        if not await self._is_database_ready():
            waits.append("database")
        if waits:
            return _json(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "not-ready", "waits_for": waits})
        return _json(HTTPStatus.OK, {"status": "ready"})

    async def _measure(self) -> HttpReply:
        with suppress(*INFRASTRUCTURE_ERRORS):  # the other metrics need no database
            async with self._database.transaction() as tx:
                await read_gauges(tx, self._context)
        return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest()

    async def _is_database_ready(self) -> bool:
        try:
            async with self._database.read_only() as reader:
                await reader.driver.fetchval("SELECT 1")
        except INFRASTRUCTURE_ERRORS:
            return False
        return True


def _json(status: HTTPStatus, content: Mapping[str, object]) -> HttpReply:
    return status, "application/json", orjson.dumps(content)
