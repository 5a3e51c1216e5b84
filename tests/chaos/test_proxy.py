"""The proxy injects each network fault, and forwards everything without one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from infra.dev_stack.local.ports import HOST, free_ports
from tests.chaos.proxy import Link

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_TIMEOUT_SECONDS = 5
_CLOSED = (ConnectionError, asyncio.IncompleteReadError)


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
    finally:
        writer.close()


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    """A link to an echo server."""
    port, own_port = free_ports(2)
    server = await asyncio.start_server(_echo, HOST, port)
    link = Link((HOST, port))
    await link.open((HOST, own_port))
    yield link
    await link.close()
    server.close()


@pytest.fixture
async def streams(link: Link) -> AsyncIterator[Streams]:
    """An open connection through the link."""
    async with _connected(link) as streams:
        assert await _exchange(*streams, b"hello") == b"hello"
        yield streams


async def test_link_without_fault_forwards_bytes_in_order(streams: Streams) -> None:
    sent = bytes(range(256)) * 8_000

    assert await _exchange(*streams, sent) == sent


async def test_latency_delays_bytes_and_keeps_their_order(link: Link, streams: Streams) -> None:
    loop = asyncio.get_running_loop()
    link.state.delay, begun = 0.1, loop.time()
    streams[1].write(b"slow ")
    await asyncio.sleep(0.02)
    link.state.delay = 0.0

    assert await _exchange(*streams, b"quick") == b"slow quick"[:5]
    assert loop.time() - begun >= 0.1
    assert await _read(streams[0], 5) == b"quick"


async def test_reset_aborts_connections_and_accepts_new_ones(link: Link, streams: Streams) -> None:
    link.reset()

    with pytest.raises(_CLOSED):
        await _read(streams[0], 1)
    assert await _exchange_on_new_connection(link) == b"new"


async def test_half_open_connection_loses_bytes_without_closing(link: Link, streams: Streams) -> None:
    (connection,) = link.half_open()
    streams[1].write(b"lost")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(streams[0].read(1), 0.2)
    connection.abort()
    with pytest.raises(_CLOSED):
        await _read(streams[0], 1)


async def test_black_hole_delays_everything_until_it_ends(link: Link, streams: Streams) -> None:
    link.stall(is_stalled=True)
    streams[1].write(b"late")
    new = asyncio.create_task(_exchange_on_new_connection(link))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(streams[0].read(1), 0.2)
    assert not new.done()

    link.stall(is_stalled=False)

    assert await _read(streams[0], 4) == b"late"
    assert await asyncio.wait_for(new, _TIMEOUT_SECONDS) == b"new"


async def test_cut_aborts_connection_after_given_bytes(link: Link, streams: Streams) -> None:
    link.cut_after(6)  # both directions count
    streams[1].write(b"four")

    assert await _read(streams[0], 2) == b"fo"
    with pytest.raises(_CLOSED):
        await _read(streams[0], 1)


async def test_refusing_link_closes_new_connections(link: Link) -> None:
    link.state.is_refusing = True
    async with _connected(link) as (reader, writer):
        writer.write(b"hello")

        with pytest.raises(_CLOSED):
            await _read(reader, 1)


async def test_absent_server_closes_connections_through_link(tmp_path: Path) -> None:
    link = Link(tmp_path / "absent")
    await link.open(tmp_path / "socket")
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "socket"))

    with pytest.raises(_CLOSED):
        await _read(reader, 1)
    writer.close()
    await link.close()


@asynccontextmanager
async def _connected(link: Link) -> AsyncIterator[Streams]:
    assert isinstance(link.address, tuple)
    reader, writer = await asyncio.open_connection(*link.address)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _read(reader: asyncio.StreamReader, size: int) -> bytes:
    return await asyncio.wait_for(reader.readexactly(size), _TIMEOUT_SECONDS)


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> bytes:
    """Sends `data` and reads as many bytes."""
    writer.write(data)
    return await _read(reader, len(data))


async def _exchange_on_new_connection(link: Link) -> bytes:
    async with _connected(link) as streams:
        return await _exchange(*streams, b"new")
