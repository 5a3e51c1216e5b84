"""Many open feeds in a separate process: each connection follows the stream of one navigator and records the arrivals."""

import asyncio
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from multiprocessing.synchronize import Event
from time import time

import httptools
import uvloop

_AT_ONCE = 200
_ID = re.compile(rb"^id: (\d+)", re.MULTILINE)

#: Navigator and sequence of an entry to the instant of its arrival.
Arrivals = dict[tuple[str, int], float]


@dataclass(slots=True)
class Feed(asyncio.Protocol):
    """One open stream; the received bytes are parsed after the run."""

    request: bytes
    received: list[tuple[float, bytes]] = field(default_factory=list)
    is_open: asyncio.Event = field(default_factory=asyncio.Event)
    status: int = 0
    _parser: httptools.HttpResponseParser = field(init=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._parser = httptools.HttpResponseParser(self)
        transport.write(self.request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self.received.append((time(), body))
        self.is_open.set()

    def connection_lost(self, _: Exception | None) -> None:
        self.is_open.set()


def follow(port: int, shared: bytes, navigators: list[str], ready: Event, stop: Event) -> Arrivals:
    """Sets `ready` when every stream is open. Returns the arrivals until `stop` is set."""
    return uvloop.run(_follow(port, shared, navigators, ready, stop))


async def _follow(port: int, shared: bytes, navigators: list[str], ready: Event, stop: Event) -> Arrivals:
    feeds: dict[str, Feed] = {}
    for start in range(0, len(navigators), _AT_ONCE):
        await asyncio.gather(*(_open(port, shared, each, feeds) for each in navigators[start : start + _AT_ONCE]))
    if refused := [feed.status for feed in feeds.values() if feed.status != HTTPStatus.OK]:
        raise RuntimeError(f"{len(refused)} streams were refused: {sorted(set(refused))}")
    ready.set()
    while not stop.is_set():
        await asyncio.sleep(0.2)
    return {(name, number): at for name, feed in feeds.items() for number, at in _entries(feed)}


async def _open(port: int, shared: bytes, navigator: str, feeds: dict[str, Feed]) -> None:
    request = f"GET /navigation/navigators/{navigator}/feed/stream HTTP/1.1\r\n".encode() + shared + b"\r\n\r\n"
    _, feeds[navigator] = await asyncio.get_running_loop().create_connection(lambda: Feed(request), "127.0.0.1", port)
    await feeds[navigator].is_open.wait()


def _entries(feed: Feed) -> list[tuple[int, float]]:
    """An entry arrives with its last byte."""
    found: list[tuple[int, float]] = []
    text = b""
    for at, piece in feed.received:
        whole, end, text = (text + piece).replace(b"\r\n", b"\n").rpartition(b"\n\n")
        found += [(int(number), at) for number in _ID.findall(whole + end)]
    return found
