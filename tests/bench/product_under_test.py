"""The product under test: the whole product as `make up` starts it, and the operations that scenarios share."""

import asyncio
import multiprocessing
import os
import resource
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from time import perf_counter
from typing import TypeVar

import asyncpg

from infra.dev_stack.drain import pending_work
from infra.dev_stack.local.progress import Progress, WarningLines, timed
from infra.dev_stack.product import Product, run_product
from infra.dev_stack.serve import token
from tests.bench import load, yardsticks
from tests.bench.figures import Run
from tests.bench.load import LoadResult, Plan, Request
from tests.bench.people import People

T = TypeVar("T")

_LONGEST_WAIT = 600.0


class Size(StrEnum):
    """`quick` shows that the bench works; `full` measures at the sizes of the targets; `long` adds ten minutes of intake."""

    QUICK = "quick"
    SHORT = "short"
    FULL = "full"
    LONG = "long"


@dataclass(frozen=True, slots=True)
class Bench:
    """The options of a measurement."""

    runs: int = 3
    size: Size = Size.SHORT
    progress: Progress = field(default_factory=WarningLines)
    servers: dict[str, str] = field(default_factory=dict)  # versions, after the first start
    has_yardsticks: bool = True

    def pick(self, quick: T, short: T, full: T | None = None, long: T | None = None) -> T:
        """The value for this size; an absent value is that of the next smaller size."""
        full = short if full is None else full
        return {Size.QUICK: quick, Size.SHORT: short, Size.FULL: full, Size.LONG: full if long is None else long}[self.size]

    def in_turn(self, measure: Callable[[], Awaitable[Run]], name: str) -> AbstractAsyncContextManager[dict[str, float]]:
        """Measures a yardstick before and after the block; without yardsticks the dictionary stays empty."""
        return yardsticks.in_turn(measure, name) if self.has_yardsticks else nullcontext({})

    def bare(self, database_url: str) -> AbstractAsyncContextManager[dict[str, float]]:
        """Measures the bare endpoint before and after the block."""
        return self.in_turn(lambda: yardsticks.bare(database_url, self.pick(1.0, 5.0)), "bare")

    @asynccontextmanager
    async def start_product(self, clock_at: datetime | None = None) -> AsyncIterator["ProductUnderTest"]:
        """A separate product for one scenario, removed afterwards. `clock_at` sets the clock where a scenario needs a date."""
        _allow_many_files()
        async with run_product(f"bench-{os.getpid()}", ephemeral=True, clock_at=clock_at, progress=self.progress) as running:
            addresses = running.addresses
            self.servers.update({"PostgreSQL": addresses.postgres_version, "Apache Kafka": addresses.kafka_version})
            owner = await asyncpg.connect(addresses.database_url)
            with ProcessPoolExecutor(4, multiprocessing.get_context("spawn")) as processes:
                try:
                    yield ProductUnderTest(running, owner, processes, self.progress)
                finally:
                    await owner.close()


@dataclass(frozen=True, slots=True)
class ProductUnderTest:
    """`owner` is a connection with access to every schema; `processes` run the load and the probes."""

    running: Product
    owner: "asyncpg.Connection[asyncpg.Record]"
    processes: ProcessPoolExecutor
    progress: Progress
    people: People = field(default_factory=People)

    @property
    def database_url(self) -> str:
        return self.running.addresses.database_url

    @property
    def port(self) -> int:
        return int(self.running.url.rpartition(":")[2])

    def headers(self, caller: str | None) -> bytes:
        """The headers that all requests share. Without a caller each request carries a token."""
        bearer = f"\r\nAuthorization: Bearer {token(self.running.keys, caller)}" if caller else ""
        return f"Host: 127.0.0.1:{self.port}{bearer}".encode()

    async def send(
        self, requests: Sequence[Request], caller: str | None, *, seconds: float, rate: float | None = None, connections: int = 32
    ) -> LoadResult:
        """Sends the requests from a separate process."""
        plan = Plan(self.port, self.headers(caller), requests, connections, seconds, rate)
        return await self.run_in_process(load.run, plan)

    async def run_in_process(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.processes, work, *arguments)

    @asynccontextmanager
    async def run_during(self, work: Callable[..., T], *arguments: object) -> AsyncIterator["asyncio.Task[T]"]:
        """Runs `work` in a separate process for the block.

        Its last two arguments are events: `work` sets the first when it is ready, and ends after the second is set.
        """
        with multiprocessing.get_context("spawn").Manager() as shared:
            ready, stop = shared.Event(), shared.Event()
            task = asyncio.create_task(self.run_in_process(work, *arguments, ready, stop))
            while not (ready.is_set() or task.done()):
                await asyncio.sleep(0.05)
            if task.done():
                await task  # raises its error
            yield task
            stop.set()
            await task

    async def all_of(self, requests: Sequence[Request], caller: str) -> None:
        """For preparation. Raises RuntimeError unless every request succeeds."""
        result = await self.send(requests, caller, seconds=_LONGEST_WAIT)
        refused = [status for status in result.status if not 200 <= status < 300]
        if refused or len(result.status) < len(requests):
            raise RuntimeError(f"of {len(requests)} requests {len(refused)} were refused: {sorted(set(refused))}")

    async def wait_until_drained(self) -> float:
        """Waits until every event is sent and applied and no work is pending. Returns the seconds."""
        began = asked = perf_counter()
        async with asyncio.timeout(_LONGEST_WAIT):
            while await pending_work(self.owner):
                await asyncio.sleep(max(0.05, 4 * (perf_counter() - asked)))  # the query has a cost
                asked = perf_counter()
        return perf_counter() - began

    async def prepare(self, what: str, *statements: str) -> None:
        """Runs the statements, then gathers statistics and writes a checkpoint."""
        with timed(self.progress, what):
            for statement in (*statements, "VACUUM ANALYZE", "CHECKPOINT"):
                await self.owner.execute(statement, timeout=_LONGEST_WAIT)


def _allow_many_files() -> None:
    """Raises the soft limit of open files to the hard limit; child processes inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
