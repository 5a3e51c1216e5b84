"""The load generator counts latency from the planned moment and records every response."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from tests.bench.load import Connection, Loader, LoadResult, Plan
from tests.bench.people import get

_RESPONSE = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def a_server(pauses: dict[int, float], hangs_up_at: int = -1) -> AsyncIterator[int]:
    """Responds to requests in order, each after its pause. Yields the port."""
    count = iter(range(1_000_000))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            number = next(count)
            await asyncio.sleep(pauses.get(number, 0))
            if number == hangs_up_at:
                writer.close()
                return
            writer.write(_RESPONSE)

    async def serve_until_gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve_until_gone, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def load(port: int, *, count: int, seconds: float, rate: float | None, connections: int = 1) -> LoadResult:
    return await Loader(Plan(port, b"Host: bench", [get("/")] * count, connections, seconds, rate)).run()


async def test_latency_counts_from_the_planned_moment() -> None:
    async with a_server({0: 0.4}) as port:
        result = await load(port, count=100, seconds=0.5, rate=100)
    assert len(result.latency) == 50
    assert result.latency[0] >= 0.4
    assert result.latency[20] >= result.latency[0] - 0.2  # planned at 0.2, during the stall; its response follows it
    assert sum(took > 0.1 for took in result.latency) >= 25


async def test_closed_loop_sends_after_each_response() -> None:
    async with a_server({0: 0.3}) as port:
        result = await load(port, count=3, seconds=5, rate=None)
    assert list(result.number) == [0, 1, 2]
    assert list(result.status) == [201, 201, 201]
    assert result.planned[1] >= result.planned[0] + 0.3  # its latency excludes the wait for the first response
    assert result.is_exhausted


async def test_request_on_broken_connection_counts_without_response() -> None:
    async with a_server({}, hangs_up_at=1) as port:
        result = await load(port, count=4, seconds=5, rate=None)
    assert sorted(result.status) == [0, 201, 201, 201]


@pytest.mark.parametrize("size", [1, 7, len(_RESPONSE) + 5])
def test_responses_are_counted_across_packet_boundaries(size: int) -> None:
    statuses: list[int] = []
    connection = Connection(lambda _, status: statuses.append(status), lambda _: None)
    stream = _RESPONSE + b"HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + _RESPONSE
    for start in range(0, len(stream), size):
        connection.data_received(stream[start : start + size])
    assert statuses == [201, 503, 201]


def test_retry_after_is_recorded_for_its_response_only() -> None:
    outcomes: list[tuple[int, bool]] = []
    connection = Connection(lambda each, status: outcomes.append((status, each.has_retry_after)), lambda _: None)
    connection.data_received(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n" + _RESPONSE)
    assert outcomes == [(503, True), (201, False)]
