"""A load generator with little overhead: HTTP/1.1 over persistent connections, in a separate process.

Invariant: every request is recorded. In an open loop the latency of a request counts from its planned moment, so the requests planned
during a stall include the stall. A request without a response has status 0 and the time until the end of the run.
"""

import asyncio
import gc
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic, process_time

import httptools
import uvloop

from shared.clock import wall_clock

#: The request line, and the rest: the headers that are particular to the request, and its body. The shared headers go between.
Request = tuple[bytes, bytes]
_GRACE_SECONDS = 60.0
_NO_RESPONSE, _NOT_SENT = 0, -1


@dataclass(frozen=True, slots=True)
class Plan:
    """`rate` requests a second, planned evenly (open loop); without a rate each connection sends after each response (closed loop)."""

    port: int
    shared: bytes
    requests: Sequence[Request]
    connections: int
    seconds: float
    rate: float | None = None


@dataclass(slots=True)
class LoadResult:
    """One entry for each request, in the order of the responses. `planned` is seconds after `begun_at`; `latency` is in seconds."""

    begun_at: float = 0.0
    number: "array[int]" = field(default_factory=lambda: array("l"))
    planned: "array[float]" = field(default_factory=lambda: array("d"))
    latency: "array[float]" = field(default_factory=lambda: array("d"))
    status: "array[int]" = field(default_factory=lambda: array("H"))
    has_retry_after: "array[int]" = field(default_factory=lambda: array("b"))
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    is_exhausted: bool = False


class Connection(asyncio.Protocol):
    """One request at a time; `on_response` or `on_loss` is called when it ends."""

    def __init__(self, on_response: Callable[["Connection", int], None], on_loss: Callable[["Connection"], None]) -> None:
        self._on_response, self._on_loss = on_response, on_loss
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.WriteTransport | None = None
        self.has_retry_after = False  # of the last response

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def send(self, request: bytes) -> None:
        if self._transport:
            self._transport.write(request)

    def close(self) -> None:
        if self._transport:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.has_retry_after = False

    def on_header(self, name: bytes, _: bytes) -> None:
        if name.lower() == b"retry-after":
            self.has_retry_after = True

    def on_message_complete(self) -> None:
        self._on_response(self, self._parser.get_status_code())

    def connection_lost(self, _: Exception | None) -> None:
        self._on_loss(self)


class Loader:
    """Carries out one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._loop = plan, asyncio.get_running_loop()
        self._requests: Iterator[tuple[int, Request]] = iter(enumerate(plan.requests))
        self._due: deque[float] = deque()
        self._free: deque[Connection] = deque()
        self._in_flight: dict[Connection, tuple[int, float]] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._is_over, self._done = False, asyncio.Event()  # over: no further request is planned
        self._begin = 0.0
        self.result = LoadResult()

    async def run(self) -> LoadResult:
        await asyncio.gather(*(self._open() for _ in range(self._plan.connections)))
        self._begin, cpu = monotonic(), process_time()
        self.result.begun_at = wall_clock().timestamp()
        if self._plan.rate is None:
            self._loop.call_later(self._plan.seconds, self._end)
            self._fill()
        else:
            self._tick(0, self._plan.rate)
        await self._until_done()
        self.result.wall_seconds, self.result.cpu_seconds = monotonic() - self._begin, process_time() - cpu
        return self.result

    async def _until_done(self) -> None:
        loop_ends = self._loop.call_later(self._plan.seconds + _GRACE_SECONDS, self._done.set)
        await self._done.wait()
        loop_ends.cancel()
        for number, planned in (*self._in_flight.values(), *((_NOT_SENT, due) for due in self._due)):
            self._record(number, planned, _NO_RESPONSE)
        for connection in (*self._in_flight, *self._free):
            connection.close()

    def _fill(self) -> None:
        while self._free and not self._is_over:
            self._send(monotonic())

    def _tick(self, number: int, rate: float) -> None:
        """Sends every request whose planned moment has passed, and schedules the next call."""
        while number < self._plan.seconds * rate and (planned := self._begin + number / rate) <= monotonic():
            self._due.append(planned)
            number += 1
        if number < self._plan.seconds * rate:
            self._send_due()
            self._loop.call_at(self._begin + number / rate, self._tick, number, rate)
        else:
            self._end()

    def _send_due(self) -> None:
        while self._due and self._free:
            self._send(self._due.popleft())

    def _send(self, planned: float) -> None:
        number, request = next(self._requests, (_NOT_SENT, None))
        if request is None:
            self.result.is_exhausted = True
            self._end()
            return
        connection = self._free.popleft()  # in turn, so that the server closes none as idle
        self._in_flight[connection] = number, planned
        connection.send(request[0] + self._plan.shared + request[1])

    def _finish(self, connection: Connection, status: int) -> None:
        self._record(*self._in_flight.pop(connection), status, connection.has_retry_after)
        self._free.append(connection)
        self._continue()

    def _drop(self, connection: Connection) -> None:
        if request := self._in_flight.pop(connection, None):
            self._record(*request, _NO_RESPONSE)
        elif connection in self._free:
            self._free.remove(connection)
        if self._due or not self._is_over:
            task = self._loop.create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        self._continue()

    def _continue(self) -> None:
        if self._plan.rate is None:
            self._fill()
        else:
            self._send_due()
        if self._is_over and not self._in_flight and not self._due:
            self._done.set()

    def _record(self, number: int, planned: float, status: int, has_retry_after: bool = False) -> None:  # noqa: FBT001, FBT002
        self.result.number.append(number)
        self.result.planned.append(planned - self._begin)
        self.result.latency.append(monotonic() - planned)
        self.result.status.append(status)
        self.result.has_retry_after.append(has_retry_after)

    def _end(self) -> None:
        self._is_over = True
        self._continue()

    async def _open(self) -> None:
        while self._due or not self._is_over:
            try:
                _, made = await self._loop.create_connection(lambda: Connection(self._finish, self._drop), "127.0.0.1", self._plan.port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            self._free.append(made)
            self._continue()
            return


def run(plan: Plan) -> LoadResult:
    """Carries out the plan in this process, without garbage collection."""
    gc.collect()
    gc.disable()
    try:
        return uvloop.run(_run(plan))
    finally:
        gc.enable()


async def _run(plan: Plan) -> LoadResult:
    return await Loader(plan).run()
