"""A feed as server-sent events (WHATWG HTML, 9.2): encoding, heartbeats, and a timeout for stalled clients."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, aclosing

import structlog
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from services.navigation.api.responses import FeedEntryView
from services.navigation.queries.feed import SequencedEntry

log = structlog.get_logger()

_RETRY = b"retry: 2000\n\n"
_HEARTBEAT = b": ping\n\n"


class EventStream(StreamingResponse):
    """Sends batches of entries as events. Disconnects a client that accepts no data for `send_timeout` seconds; then leaves its `place`."""

    media_type = "text/event-stream"

    def __init__(self, batches: AsyncGenerator[Sequence[SequencedEntry]], *, send_timeout: float, place: ExitStack) -> None:
        self._chunks, self._send_timeout, self._place = _chunks(batches), send_timeout, place
        super().__init__(self._chunks, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._place:
            await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self._send_timeout):
                await send(message)

        try:
            async with aclosing(self._chunks):
                await super().stream_response(send_in_time)
        except TimeoutError:  # the client stalled; it resumes with Last-Event-ID
            log.info("stream.client-stalled")


async def _chunks(batches: AsyncGenerator[Sequence[SequencedEntry]]) -> AsyncGenerator[bytes]:
    """Encodes each batch as one chunk; an empty batch is a heartbeat."""
    async with aclosing(batches):
        yield _RETRY
        async for entries in batches:
            yield b"".join(map(_event, entries)) or _HEARTBEAT


def _event(entry: SequencedEntry) -> bytes:
    """JSON without indentation has no line ends, so `data` is one line."""
    data = FeedEntryView.model_validate(entry).model_dump_json()
    return f"id: {entry.sequence}\nevent: {entry.change}\ndata: {data}\n\n".encode()
