"""Open streams of feeds: their end, their bounded buffers, and their independence of requests."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack, aclosing, asynccontextmanager
from contextvars import ContextVar
from dataclasses import asdict
from datetime import timedelta
from typing import Any, cast

import pytest
from starlette.types import Message

from services.navigation.api.event_stream import EventStream
from services.navigation.api.streams import Streams, _is_behind, _Stream
from services.navigation.domain.feed import Change
from services.navigation.domain.task import Status
from services.navigation.queries.feed import SequencedEntry
from shared.contracts.codes import TaskKind
from shared.kernel.ids import new_id
from shared.persistence.database import Database
from tests.builders.navigation import NAVIGATOR, at
from tests.timeouts import LONGEST_WAIT

HOUR = timedelta(hours=1)
TRACE = ContextVar("trace", default="none")


class EmptyFeedReader:
    """A reader of feeds without entries."""

    async def fetch(self, *_: Any, **__: Any) -> list[Any]:
        return []

    async def fetch_value(self, *_: Any, **__: Any) -> int:
        return 0


class EndlessFeedReader(EmptyFeedReader):
    """A reader of a feed that always has more entries."""

    async def fetch(self, *_: Any, after: int | None = None, limit: int = 0, **__: Any) -> list[Any]:
        return [] if after is None else [asdict(entry(after + number)) for number in range(1, limit + 1)]


class StubDatabase:
    """A database that is available until `is_away`, and records the trace of each reader in `traces`."""

    def __init__(self, reader: EmptyFeedReader | None = None) -> None:
        self.is_away, self.traces, self._reader = False, list[str](), reader or EmptyFeedReader()

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[EmptyFeedReader]:
        self.traces.append(TRACE.get())
        if self.is_away:
            raise ConnectionRefusedError
        yield self._reader


def streams(database: StubDatabase) -> Streams:
    return Streams(cast("Database[Any]", database))


def entry(sequence: int) -> SequencedEntry:
    now, ids = at("15:00"), (new_id(), new_id())
    return SequencedEntry(
        NAVIGATOR, sequence, now, Change.ASSIGNED, *ids, TaskKind.CASE_MANAGEMENT, Status.ASSIGNED, now, position=sequence
    )


async def until_idle(database: StubDatabase) -> None:
    """Waits until the poller has polled five times, so that each stream waits for it."""
    before = len(database.traces)
    async with asyncio.timeout(LONGEST_WAIT):
        while len(database.traces) < before + 5:
            await asyncio.sleep(0.01)


async def test_idle_stream_ends_when_database_goes_away() -> None:
    database = StubDatabase()

    async def follow() -> list[SequencedEntry]:
        return [
            entry
            async for portion in streams(database).follow(NAVIGATOR, after=0, duration=HOUR, heartbeat=HOUR, is_permitted=lambda: True)
            for entry in portion
        ]

    following = asyncio.create_task(follow())
    await until_idle(database)
    database.is_away = True

    async with asyncio.timeout(LONGEST_WAIT):
        assert await following == []


async def test_slow_reader_has_bounded_buffer_and_misses_nothing() -> None:
    stream = _Stream()
    for sequence in range(1, 10_001):
        stream.push(entry(sequence))

    assert len(stream.buffered) <= 500
    assert stream.buffered[-1].sequence == 10_000
    assert _is_behind(stream, after=0)


async def test_busy_stream_ends_after_its_lifetime() -> None:
    found = [
        portion
        async for portion in streams(StubDatabase(EndlessFeedReader())).follow(
            NAVIGATOR, after=0, duration=timedelta(seconds=0.1), heartbeat=HOUR, is_permitted=lambda: True
        )
    ]

    assert found
    assert [each.sequence for portion in found for each in portion] == [*range(1, 200 * len(found) + 1)]


async def test_poller_runs_outside_request_context() -> None:
    database = StubDatabase()
    TRACE.set("first reader")
    async with aclosing(streams(database).follow(NAVIGATOR, after=0, duration=HOUR, heartbeat=HOUR, is_permitted=lambda: True)) as entries:
        following = asyncio.ensure_future(anext(entries))
        await until_idle(database)
        following.cancel()
        await asyncio.wait([following])

    assert set(database.traces[2:]) == {"none"}


@pytest.mark.parametrize("parts_sent", [0, 1])
async def test_stalled_socket_ends_its_stream(parts_sent: int) -> None:
    sent: list[Message] = []
    is_closed = asyncio.Event()

    async def entries() -> AsyncGenerator[list[SequencedEntry]]:
        try:
            yield [entry(1)]
            yield [entry(2)]
        finally:
            is_closed.set()

    async def send(message: Message) -> None:
        if len(sent) > parts_sent:  # the start of the response, and `parts_sent` parts of its body
            await asyncio.Event().wait()
        sent.append(message)

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async with asyncio.timeout(LONGEST_WAIT):
        await EventStream(entries(), send_timeout=0.05, place=ExitStack())({"type": "http", "method": "GET"}, receive, send)

    assert len(sent) == 1 + parts_sent
    assert is_closed.is_set() == bool(parts_sent)
