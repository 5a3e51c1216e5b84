"""A feed as server-sent events (WHATWG HTML, 9.2): how an entry is written, a sign of life, and a reader who takes nothing."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import structlog
from starlette.responses import StreamingResponse
from starlette.types import Message, Send

from services.navigation.api.responses import FeedEntryView
from services.navigation.queries.feed import Entry

log = structlog.get_logger()

_RETRY = b"retry: 2000\n\n"
_SIGN_OF_LIFE = b": ping\n\n"


class EventStream(StreamingResponse):
    """What comes, as events. A reader who has taken nothing for `patience` seconds is let go, and resumes when it comes again."""

    media_type = "text/event-stream"

    def __init__(self, portions: AsyncGenerator[Sequence[Entry]], *, patience: float) -> None:
        self._written, self._patience = _written(portions), patience
        super().__init__(self._written, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})

    async def stream_response(self, send: Send) -> None:
        async def in_time(message: Message) -> None:
            async with asyncio.timeout(self._patience):
                await send(message)

        try:
            async with aclosing(self._written):
                await super().stream_response(in_time)
        except TimeoutError:  # the reader's trouble, not ours
            log.info("stream.client-stalled")


async def _written(portions: AsyncGenerator[Sequence[Entry]]) -> AsyncGenerator[bytes]:
    """A portion is one part of the answer; one in which nothing is, is a sign of life."""
    async with aclosing(portions):
        yield _RETRY
        async for entries in portions:
            yield b"".join(map(_event, entries)) or _SIGN_OF_LIFE


def _event(entry: Entry) -> bytes:
    """JSON has no line ends of its own, so it is one line."""
    data = FeedEntryView.model_validate(entry).model_dump_json()
    return f"id: {entry.sequence}\nevent: {entry.change}\ndata: {data}\n\n".encode()
