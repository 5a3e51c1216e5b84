"""A proxy between the services and a server that injects network faults.

Invariant: without a fault every byte arrives in order; a connection that lost bytes never continues.
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
_POLL_SECONDS = 0.02
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class NetworkState:
    """The current faults: the delay of every byte in seconds, whether all traffic stalls, whether new connections are refused."""

    delay: float = 0.0
    is_stalled: bool = False
    is_refusing: bool = False


class Link:
    """Forwards connections from `address`, once it is open, to `target`."""

    def __init__(self, target: Address) -> None:
        self.target, self.state = target, NetworkState()
        self.address: Address | None = None
        self.connections: set[ProxiedConnection] = set()
        self._server: asyncio.Server | None = None

    async def open(self, address: Address) -> None:
        loop, self.address = asyncio.get_running_loop(), address
        if isinstance(address, Path):
            self._server = await loop.create_unix_server(self._accept, str(address))
            address.chmod(0o777)
        else:
            self._server = await loop.create_server(self._accept, *address)

    async def close(self) -> None:
        if self._server:
            self._server.close()
        self.reset()

    def reset(self) -> None:
        """Aborts every connection."""
        for connection in list(self.connections):
            connection.abort()

    def stall(self, *, is_stalled: bool) -> None:
        """A black hole: connections stay open and nothing moves in either direction. Afterwards the delayed bytes arrive."""
        self.state.is_stalled = is_stalled
        for connection in self.connections:
            connection.stall(is_stalled=is_stalled)

    def half_open(self) -> "list[ProxiedConnection]":
        """Closes the server's end alone: clients keep their connections, and every byte that they send is lost."""
        chosen = [connection for connection in self.connections if connection.is_complete]
        for connection in chosen:
            connection.half_open()
        return chosen

    def cut_after(self, size: int) -> None:
        """Aborts every connection after `size` more bytes."""
        for connection in self.connections:
            connection.left = size

    def _accept(self) -> "Endpoint":
        connection = ProxiedConnection(self)
        self.connections.add(connection)
        return connection.client


class Endpoint(asyncio.Protocol):
    """One end of a proxied connection; forwards its bytes to the other end."""

    def __init__(self, connection: "ProxiedConnection", on_connected: Callable[[], None] | None = None) -> None:
        self._connection, self._on_connected = connection, on_connected
        self.transport: asyncio.Transport | None = None
        self._delayed: deque[tuple[float, bytes]] = deque()

    @property
    def is_closing(self) -> bool:
        return self.transport is None or self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self._on_connected:
            self._on_connected()

    def data_received(self, data: bytes) -> None:
        self._connection.forward(self, data)

    def connection_lost(self, problem: Exception | None) -> None:  # noqa: ARG002  the protocol's signature
        self._connection.lost(self)

    def pause_writing(self) -> None:
        self._connection.other(self).pause()

    def resume_writing(self) -> None:
        self._connection.other(self).resume()

    def pause(self) -> None:
        if self.transport and not self.transport.is_closing():
            with suppress(RuntimeError):
                self.transport.pause_reading()

    def resume(self) -> None:
        if self.transport and not self.transport.is_closing() and not self._connection.link.state.is_stalled:
            with suppress(RuntimeError):
                self.transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Writes now, or after the delay and all earlier bytes."""
        loop, delay = asyncio.get_running_loop(), self._connection.link.state.delay
        if not delay and not self._delayed:
            self._write_now(data)
            return
        due = max(loop.time() + delay, self._delayed[-1][0] if self._delayed else 0.0)
        self._delayed.append((due, data))
        if len(self._delayed) == 1:
            loop.call_at(due, self._write_due)

    def close(self) -> None:
        """Closes after the delayed bytes were written."""
        if self._delayed:
            asyncio.get_running_loop().call_at(self._delayed[-1][0] + 0.001, self.close)
        elif self.transport:
            self.transport.close()

    def abort(self) -> None:
        self._delayed.clear()
        if self.transport is None or self.is_closing:
            return
        own: socket.socket = self.transport.get_extra_info("socket")
        if own.family == socket.AF_INET:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)  # the peer gets a reset
        self.transport.abort()

    def _write_due(self) -> None:
        loop = asyncio.get_running_loop()
        while self._delayed and self._delayed[0][0] <= loop.time():
            self._write_now(self._delayed.popleft()[1])
        if self._delayed:
            loop.call_at(self._delayed[0][0], self._write_due)

    def _write_now(self, data: bytes) -> None:
        if self.transport and not self.transport.is_closing():
            self.transport.write(data)


@dataclass(eq=False, slots=True)
class ProxiedConnection:
    """A client's connection and the proxy's own to the server. It is aborted after `left` more bytes."""

    link: Link
    left: int | None = None
    is_half_open: bool = False
    client: Endpoint = field(init=False)
    server: Endpoint = field(init=False)
    _is_open: bool = field(default=False, init=False)
    _early: bytes = field(default=b"", init=False)
    _connecting: asyncio.Task[None] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.client, self.server = Endpoint(self, self._connect), Endpoint(self)

    @property
    def is_complete(self) -> bool:
        return self.server.transport is not None

    def other(self, endpoint: Endpoint) -> Endpoint:
        return self.server if endpoint is self.client else self.client

    def forward(self, endpoint: Endpoint, data: bytes) -> None:
        if self.is_half_open:
            return
        if endpoint is self.client and not self._is_open:
            self._early += data
            return
        if self.left is not None:
            data, self.left = data[: self.left], self.left - len(data)
        self.other(endpoint).write(data)
        if self.left is not None and self.left <= 0:
            asyncio.get_running_loop().call_soon(self.abort)

    def lost(self, endpoint: Endpoint) -> None:
        if not self.is_half_open or endpoint is self.client:
            self.other(endpoint).close()
            self.link.connections.discard(self)

    def half_open(self) -> None:
        self.is_half_open = True
        self.server.abort()

    def abort(self) -> None:
        self.link.connections.discard(self)
        self.client.abort()
        self.server.abort()

    def stall(self, *, is_stalled: bool) -> None:
        for endpoint in (self.client, self.server):
            if is_stalled:
                endpoint.pause()
            elif self.is_complete:
                endpoint.resume()

    def _connect(self) -> None:
        self._connecting = asyncio.get_running_loop().create_task(self._connect_to_server())

    async def _connect_to_server(self) -> None:
        if self.link.state.is_refusing:
            self.abort()
            return
        loop, target = asyncio.get_running_loop(), self.link.target
        try:
            if isinstance(target, Path):
                await loop.create_unix_connection(lambda: self.server, str(target))
            else:
                await loop.create_connection(lambda: self.server, *target)
        except OSError:
            self.abort()
        else:
            await self._start()

    async def _start(self) -> None:
        while self.link.state.is_stalled:
            await asyncio.sleep(_POLL_SECONDS)
        early, self._early = self._early, b""
        self._is_open = True
        if self.client.is_closing:  # the client has disconnected
            self.abort()
        elif early:
            self.forward(self.client, early)
