"""Open streams of feeds. One poller reads the new entries of all feeds while any stream is open.

A stream first waits until the poller runs, then reads the entries that its client missed, then takes entries from the poller. The stream
skips entries that it has sent and reads again after a gap, so that no entry is lost or sent twice.
"""

import asyncio
import signal
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog

from services.navigation.queries import feed
from services.navigation.queries.feed import SequencedEntry
from shared.persistence.database import Database
from shared.persistence.errors import INFRASTRUCTURE_ERRORS

log = structlog.get_logger()

_POLL_SECONDS = 0.05
_RETRY_SECONDS = 1.0
_BATCH = 200
_POLL_BATCH = 2_000
#: Bounds the memory of a stalled client; dropped entries are read again.
_MAX_BUFFERED = 500


@dataclass(eq=False, slots=True)
class _Stream:
    """Entries from the poller that are not sent yet. A stream that is woken without entries reads the database."""

    buffered: deque[SequencedEntry] = field(default_factory=lambda: deque(maxlen=_MAX_BUFFERED))
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def push(self, entry: SequencedEntry) -> None:
        self.buffered.append(entry)
        self.woken.set()


class Streams:
    """The open streams of this process, by navigator. They end when the server shuts down."""

    def __init__(self, database: Database[Any]) -> None:
        self._is_shutting_down = False
        self._database = database
        self._open: dict[str, set[_Stream]] = {}
        self._poller: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()

    async def follow(
        self, navigator_id: str, *, after: int, duration: timedelta, heartbeat: timedelta, is_permitted: Callable[[], bool]
    ) -> AsyncGenerator[Sequence[SequencedEntry]]:
        """Yields batches of the entries after `after`, present and new; an empty batch after each `heartbeat` without entries.

        Ends after `duration`, at shutdown, when it is no longer permitted, or when the database is unavailable. The client reconnects and
        resumes. `is_permitted` is asked before each batch and after `wake_all`.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + duration.total_seconds()

        def is_over() -> bool:
            return self._is_shutting_down or loop.time() >= end or not is_permitted()

        with self._opened(navigator_id) as stream:
            await self._listening.wait()
            is_behind = True
            while True:
                stream.woken.clear()
                entries = await self._read(navigator_id, after) if is_behind else _next(stream, after)
                if entries is None or not is_permitted():
                    return
                if entries:
                    yield entries
                    after = entries[-1].sequence
                is_behind = len(entries) == _BATCH if is_behind else _is_behind(stream, after)
                while not (is_behind or is_over() or await _is_woken(stream, min(end, loop.time() + heartbeat.total_seconds()))):
                    yield []
                if is_over():
                    return
                is_behind = is_behind or not stream.buffered

    @contextmanager
    def _opened(self, navigator_id: str) -> Iterator[_Stream]:
        stream = _Stream()
        self._open.setdefault(navigator_id, set()).add(stream)
        if self._poller is None or self._poller.done():
            self._listening.clear()
            self._poller = asyncio.create_task(self._poll(), name="feed poller", context=Context())  # outside the trace of a request
        try:
            yield stream
        finally:
            self._open[navigator_id].discard(stream)
            if not self._open[navigator_id]:
                del self._open[navigator_id]

    async def _read(self, navigator_id: str, after: int) -> list[SequencedEntry] | None:
        try:
            async with self._database.autocommit() as reader:
                return await feed.entries(reader, navigator_id, after=after, limit=_BATCH)
        except INFRASTRUCTURE_ERRORS as problem:
            log.warning("stream.ended", problem=type(problem).__name__)
            return None

    async def _poll(self) -> None:
        position: int | None = None
        while self._open:
            try:
                position, waits = await self._read_new(position)
            except Exception as problem:  # wakes the streams, which read the database themselves and end when that fails
                log.warning("streams.failed", problem=type(problem).__name__)
                self.wake_all()
                waits = _RETRY_SECONDS
            self._listening.set()  # also after a failure, so that no stream waits without limit
            if _is_server_shutting_down():
                self._is_shutting_down = True
                self.wake_all()
            await asyncio.sleep(waits)

    async def _read_new(self, position: int | None) -> tuple[int, float]:
        """Delivers the entries after `position`. Returns the last position and the seconds to wait; without a position, the newest."""
        async with self._database.autocommit() as reader:
            if position is None:
                position = await feed.last_position(reader)
                self.wake_all()
                return position, 0
            entries = await feed.since(reader, position, limit=_POLL_BATCH)
        for entry in entries:
            for stream in self._open.get(entry.navigator_id, ()):
                stream.push(entry)
        return (entries[-1].position if entries else position), (0 if len(entries) == _POLL_BATCH else _POLL_SECONDS)

    def wake_all(self) -> None:
        for streams in self._open.values():
            for stream in streams:
                stream.woken.set()


def _next(stream: _Stream, after: int) -> list[SequencedEntry]:
    """The buffered entries that follow `after` without a gap."""
    entries: list[SequencedEntry] = []
    while stream.buffered and stream.buffered[0].sequence <= after + 1:
        entry = stream.buffered.popleft()
        if entry.sequence == after + 1:
            entries.append(entry)
            after += 1
    return entries


def _is_behind(stream: _Stream, after: int) -> bool:
    return bool(stream.buffered) and stream.buffered[0].sequence > after + 1


async def _is_woken(stream: _Stream, until: float) -> bool:
    """Whether the stream is woken before this instant of the loop."""
    try:
        async with asyncio.timeout_at(until):
            await stream.woken.wait()
    except TimeoutError:
        return False
    return True


def _is_server_shutting_down() -> bool:
    """Reads uvicorn's server object from the signal handler: lifespan shutdown comes only after all responses have ended."""
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return bool(getattr(server, "should_exit", False))
