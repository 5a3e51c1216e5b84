"""Open streams of feeds, all served by one poller that asks the database about all of them at once, and only while there are any.

A stream reads its entries itself, after its own cursor; the poller only wakes it. So nothing is lost or told twice
however wake-ups and entries fall together.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import anyio
import structlog

from services.navigation.queries import feed
from services.navigation.queries.feed import Entry
from shared.persistence.database import Database
from shared.persistence.failures import INFRASTRUCTURE

log = structlog.get_logger()

_BEAT_SECONDS = 0.075
_TROUBLE_SECONDS = 1.0
_AT_ONCE = 200


class Streams:
    """The streams that this process has open, by navigator. They end when `ending` is set."""

    def __init__(self, database: Database[Any]) -> None:
        self.ending = anyio.Event()
        self._database = database
        self._open: dict[str, set[asyncio.Event]] = {}
        self._poller: asyncio.Task[None] | None = None

    async def follow(self, navigator_id: str, *, after: int, lasts: timedelta) -> AsyncGenerator[Entry]:
        """Every entry after `after`, now and as they come.

        Ends after `lasts`, with the process, or when the database is away; the reader comes again and resumes.
        """
        end = asyncio.get_running_loop().time() + lasts.total_seconds()
        with self._opened(navigator_id) as woken:
            while (entries := await self._entries(navigator_id, after)) is not None:
                for entry in entries:
                    yield entry
                    after = entry.sequence
                if len(entries) < _AT_ONCE and not await self._goes_on(woken, end):
                    return

    @contextmanager
    def _opened(self, navigator_id: str) -> Iterator[asyncio.Event]:
        woken = asyncio.Event()
        self._open.setdefault(navigator_id, set()).add(woken)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll(), name="feed poller")
        try:
            yield woken
        finally:
            self._open[navigator_id].discard(woken)
            if not self._open[navigator_id]:
                del self._open[navigator_id]

    async def _entries(self, navigator_id: str, after: int) -> list[Entry] | None:
        try:
            async with self._database.reading() as reader:
                return await feed.entries(reader, navigator_id, after=after, most=_AT_ONCE)
        except INFRASTRUCTURE as problem:
            log.warning("stream.ended", problem=type(problem).__name__)
            return None

    async def _goes_on(self, woken: asyncio.Event, end: float) -> bool:
        """Waits for new entries; False when it is time to end."""
        try:
            await asyncio.wait_for(woken.wait(), end - asyncio.get_running_loop().time())
        except TimeoutError:
            return False
        woken.clear()
        return not self.ending.is_set()

    async def _poll(self) -> None:
        told: dict[str, int] = {}
        while self._open:
            try:
                newest = await self._newest()
            except Exception as problem:  # whatever it was, streams must not sleep on it for ever
                log.warning("streams.trouble", problem=type(problem).__name__)
                await asyncio.sleep(_TROUBLE_SECONDS)
                newest = told
            for navigator_id in list(self._open):
                if self.ending.is_set() or told.get(navigator_id) != newest.get(navigator_id):
                    self._wake(navigator_id)
            told = newest
            await asyncio.sleep(_BEAT_SECONDS)

    async def _newest(self) -> dict[str, int]:
        async with self._database.reading() as reader:
            return await feed.newest(reader, list(self._open))

    def _wake(self, navigator_id: str) -> None:
        for woken in self._open.get(navigator_id, ()):
            woken.set()
