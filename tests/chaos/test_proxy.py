"""The faults of the proxy really happen, and nothing happens without one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from infra.dev_stack.local.ports import HOST, free_ports
from tests.chaos.proxy import Link

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_SOON = 5
_BROKEN = (ConnectionError, asyncio.IncompleteReadError)


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    """Before a server that gives back what it is given."""
    port, at = free_ports(2)
    server = await asyncio.start_server(_echo, HOST, port)
    link = Link((HOST, port))
    await link.open((HOST, at))
    yield link
    await link.close()
    server.close()


@pytest.fixture
async def ends(link: Link) -> AsyncIterator[Ends]:
    """Of a connection that works."""
    async with _connected(link) as ends:
        assert await _said(*ends, b"hello") == b"hello"
        yield ends


async def test_without_a_fault_everything_arrives_in_order(ends: Ends) -> None:
    sent = bytes(range(256)) * 8_000

    assert await _said(*ends, sent) == sent


async def test_latency_makes_every_byte_late_and_keeps_the_order(link: Link, ends: Ends) -> None:
    loop = asyncio.get_running_loop()
    link.weather.delay, begun = 0.1, loop.time()
    ends[1].write(b"slow ")
    await asyncio.sleep(0.02)
    link.weather.delay = 0.0

    assert await _said(*ends, b"quick") == b"slow quick"[:5]
    assert loop.time() - begun >= 0.1
    assert await _heard(ends[0], 5) == b"quick"


async def test_a_reset_breaks_every_connection_and_lets_new_ones_through(link: Link, ends: Ends) -> None:
    link.reset()

    with pytest.raises(_BROKEN):
        await _heard(ends[0], 1)
    assert await _late(link) == b"late"


async def test_half_open_swallows_what_is_sent_and_tells_nobody(link: Link, ends: Ends) -> None:
    (pair,) = link.deafen()
    ends[1].write(b"lost")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ends[0].read(1), 0.2)
    pair.abort()
    with pytest.raises(_BROKEN):
        await _heard(ends[0], 1)


async def test_a_black_hole_holds_everything_until_it_is_gone(link: Link, ends: Ends) -> None:
    link.stall(is_stalled=True)
    ends[1].write(b"held")
    new = asyncio.create_task(_late(link))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ends[0].read(1), 0.2)
    assert not new.done()

    link.stall(is_stalled=False)

    assert await _heard(ends[0], 4) == b"held"
    assert await asyncio.wait_for(new, _SOON) == b"late"


async def test_a_connection_is_cut_after_so_many_bytes_and_not_before(link: Link, ends: Ends) -> None:
    link.cut_after(6)  # in both directions together
    ends[1].write(b"four")

    assert await _heard(ends[0], 2) == b"fo"
    with pytest.raises(_BROKEN):
        await _heard(ends[0], 1)


async def test_nobody_gets_through_while_the_link_is_shut(link: Link) -> None:
    link.weather.is_shut = True
    async with _connected(link) as (reader, writer):
        writer.write(b"hello")

        with pytest.raises(_BROKEN):
            await _heard(reader, 1)


async def test_a_server_that_is_gone_is_gone_through_the_proxy_too(tmp_path: Path) -> None:
    link = Link(tmp_path / "nobody")
    await link.open(tmp_path / "socket")
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "socket"))

    with pytest.raises(_BROKEN):
        await _heard(reader, 1)
    writer.close()
    await link.close()


@asynccontextmanager
async def _connected(link: Link) -> AsyncIterator[Ends]:
    assert isinstance(link.at, tuple)
    reader, writer = await asyncio.open_connection(*link.at)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _heard(reader: asyncio.StreamReader, size: int) -> bytes:
    return await asyncio.wait_for(reader.readexactly(size), _SOON)


async def _said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> bytes:
    """What comes back, as much as was sent."""
    writer.write(data)
    return await _heard(reader, len(data))


async def _late(link: Link) -> bytes:
    async with _connected(link) as ends:
        return await _said(*ends, b"late")
