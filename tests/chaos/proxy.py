"""A small proxy between the services and a server, which does to their connections what networks do.

Invariant: while nothing is wrong with a link, every byte arrives, in order; a connection that lost bytes never goes on.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

Address = tuple[str, int] | Path
_LOOK = 0.02
_ABORTED = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class NetworkState:
    """What is wrong now: seconds that every byte is late; whether nothing moves; whether nobody gets through."""

    delay: float = 0.0
    is_stalled: bool = False
    is_shut: bool = False


class Link:
    """Everything that goes from `at`, once it is open, to `to`."""

    def __init__(self, to: Address) -> None:
        self.to, self.weather = to, NetworkState()
        self.at: Address | None = None
        self.pairs: set[Pair] = set()
        self._server: asyncio.Server | None = None

    async def open(self, at: Address) -> None:
        loop, self.at = asyncio.get_running_loop(), at
        if isinstance(at, Path):
            self._server = await loop.create_unix_server(self._near, str(at))
            at.chmod(0o777)
        else:
            self._server = await loop.create_server(self._near, *at)

    async def close(self) -> None:
        if self._server:
            self._server.close()
        self.reset()

    def reset(self) -> None:
        """Every connection breaks at once."""
        for pair in list(self.pairs):
            pair.abort()

    def stall(self, *, is_stalled: bool) -> None:
        """A black hole: connections stay, nothing moves in either direction. Afterwards what was on its way arrives."""
        self.weather.is_stalled = is_stalled
        for pair in self.pairs:
            pair.hold(is_stalled=is_stalled)

    def deafen(self) -> "list[Pair]":
        """Half-open: the server is gone, and nobody tells the clients. Their connections stay, and what they send is lost."""
        chosen = [pair for pair in self.pairs if pair.is_complete]
        for pair in chosen:
            pair.deafen()
        return chosen

    def cut_after(self, size: int) -> None:
        """Every connection breaks when `size` more bytes have passed."""
        for pair in self.pairs:
            pair.left = size

    def _near(self) -> "Half":
        pair = Pair(self)
        self.pairs.add(pair)
        return pair.near


class Half(asyncio.Protocol):
    """One end of a connection: what it receives goes to the other."""

    def __init__(self, pair: "Pair", begin: Callable[[], None] | None = None) -> None:
        self._pair, self._begin = pair, begin
        self.transport: asyncio.Transport | None = None
        self._late: deque[tuple[float, bytes]] = deque()

    @property
    def is_closing(self) -> bool:
        return self.transport is None or self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self._begin:
            self._begin()

    def data_received(self, data: bytes) -> None:
        self._pair.passed(self, data)

    def connection_lost(self, problem: Exception | None) -> None:  # noqa: ARG002  the protocol's signature
        self._pair.lost(self)

    def pause_writing(self) -> None:
        self._pair.other(self).pause()

    def resume_writing(self) -> None:
        self._pair.other(self).resume()

    def pause(self) -> None:
        if self.transport and not self.transport.is_closing():
            with suppress(RuntimeError):
                self.transport.pause_reading()

    def resume(self) -> None:
        if self.transport and not self.transport.is_closing() and not self._pair.link.weather.is_stalled:
            with suppress(RuntimeError):
                self.transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Now, or when what was written before has waited long enough."""
        loop, delay = asyncio.get_running_loop(), self._pair.link.weather.delay
        if not delay and not self._late:
            self._put(data)
            return
        due = max(loop.time() + delay, self._late[-1][0] if self._late else 0.0)
        self._late.append((due, data))
        if len(self._late) == 1:
            loop.call_at(due, self._catch_up)

    def end(self) -> None:
        """After what is late."""
        if self._late:
            asyncio.get_running_loop().call_at(self._late[-1][0] + 0.001, self.end)
        elif self.transport:
            self.transport.close()

    def abort(self) -> None:
        self._late.clear()
        if self.transport is None or self.is_closing:
            return
        end: socket.socket = self.transport.get_extra_info("socket")
        if end.family == socket.AF_INET:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORTED)  # so that the other side hears a reset
        self.transport.abort()

    def _catch_up(self) -> None:
        loop = asyncio.get_running_loop()
        while self._late and self._late[0][0] <= loop.time():
            self._put(self._late.popleft()[1])
        if self._late:
            loop.call_at(self._late[0][0], self._catch_up)

    def _put(self, data: bytes) -> None:
        if self.transport and not self.transport.is_closing():
            self.transport.write(data)


@dataclass(eq=False, slots=True)
class Pair:
    """A client's connection and ours to the server. `left` is after how many bytes it breaks."""

    link: Link
    left: int | None = None
    is_deaf: bool = False
    near: Half = field(init=False)
    far: Half = field(init=False)
    _is_open: bool = field(default=False, init=False)
    _early: bytes = field(default=b"", init=False)
    _connecting: asyncio.Task[None] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.near, self.far = Half(self, self._connect), Half(self)

    @property
    def is_complete(self) -> bool:
        return self.far.transport is not None

    def other(self, half: Half) -> Half:
        return self.far if half is self.near else self.near

    def passed(self, half: Half, data: bytes) -> None:
        if self.is_deaf:
            return
        if half is self.near and not self._is_open:
            self._early += data
            return
        if self.left is not None:
            data, self.left = data[: self.left], self.left - len(data)
        self.other(half).write(data)
        if self.left is not None and self.left <= 0:
            asyncio.get_running_loop().call_soon(self.abort)

    def lost(self, half: Half) -> None:
        if not self.is_deaf or half is self.near:
            self.other(half).end()
            self.link.pairs.discard(self)

    def deafen(self) -> None:
        self.is_deaf = True
        self.far.abort()

    def abort(self) -> None:
        self.link.pairs.discard(self)
        self.near.abort()
        self.far.abort()

    def hold(self, *, is_stalled: bool) -> None:
        for half in (self.near, self.far):
            if is_stalled:
                half.pause()
            elif self.is_complete:
                half.resume()

    def _connect(self) -> None:
        self._connecting = asyncio.get_running_loop().create_task(self._reach())

    async def _reach(self) -> None:
        if self.link.weather.is_shut:
            self.abort()
            return
        loop, to = asyncio.get_running_loop(), self.link.to
        try:
            if isinstance(to, Path):
                await loop.create_unix_connection(lambda: self.far, str(to))
            else:
                await loop.create_connection(lambda: self.far, *to)
        except OSError:
            self.abort()
        else:
            await self._begin()

    async def _begin(self) -> None:
        while self.link.weather.is_stalled:
            await asyncio.sleep(_LOOK)
        early, self._early = self._early, b""
        self._is_open = True
        if self.near.is_closing:  # it went away meanwhile
            self.abort()
        elif early:
            self.passed(self.near, early)
