"""The real product, as `make up` starts it, with everything switched on, and what scenarios do with it."""

import asyncio
import multiprocessing
import os
import resource
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from time import perf_counter
from typing import TypeVar

import asyncpg

from infra.dev_stack.drain import pending_work
from infra.dev_stack.local.progress import Progress, Silent, timed
from infra.dev_stack.product import Product, run_product
from infra.dev_stack.serve import token
from tests.bench import load
from tests.bench.load import Plan, Request, Shots
from tests.bench.people import People

T = TypeVar("T")

_LONGEST_WAIT = 600.0


class Size(StrEnum):
    """How much is measured: to see that it works; to see where one stands; what is promised; and that with ten minutes of intake."""

    QUICK = "quick"
    SHORT = "short"
    FULL = "full"
    LONG = "long"


@dataclass(frozen=True, slots=True)
class Bench:
    """How to measure."""

    runs: int = 3
    size: Size = Size.SHORT
    progress: Progress = field(default_factory=Silent)
    servers: dict[str, str] = field(default_factory=dict)  # their versions, once one was started

    def pick(self, quick: T, short: T, full: T | None = None, long: T | None = None) -> T:
        """The one of the size asked for; what is not given is as in the size below it."""
        full = short if full is None else full
        return {Size.QUICK: quick, Size.SHORT: short, Size.FULL: full, Size.LONG: full if long is None else long}[self.size]

    @asynccontextmanager
    async def stage(self, clock_at: datetime | None = None) -> AsyncIterator["Stage"]:
        """A product of its own for one scenario, thrown away afterwards; `clock_at` is for what happens on certain days only."""
        _allow_many_files()
        async with run_product(f"bench-{os.getpid()}", ephemeral=True, clock_at=clock_at, progress=self.progress) as product:
            addresses = product.addresses
            self.servers.update({"PostgreSQL": addresses.postgres_version, "Apache Kafka": addresses.kafka_version})
            owner = await asyncpg.connect(addresses.database_url)
            with ProcessPoolExecutor(4, multiprocessing.get_context("spawn")) as beside:
                try:
                    yield Stage(product, owner, beside, self.progress)
                finally:
                    await owner.close()


@dataclass(frozen=True, slots=True)
class Stage:
    """`owner` sees every schema; `beside` runs what measures, in processes of its own."""

    product: Product
    owner: "asyncpg.Connection[asyncpg.Record]"
    beside: ProcessPoolExecutor
    progress: Progress
    people: People = field(default_factory=People)

    @property
    def port(self) -> int:
        return int(self.product.url.rpartition(":")[2])

    def headers(self, caller: str | None) -> bytes:
        """What all requests of a ready-made caller share; without one each brings its own token."""
        bearer = f"\r\nAuthorization: Bearer {token(self.product.keys, caller)}" if caller else ""
        return f"Host: 127.0.0.1:{self.port}{bearer}".encode()

    async def fire(
        self, requests: Sequence[Request], caller: str | None, *, seconds: float, rate: float | None = None, connections: int = 32
    ) -> Shots:
        """In a process of its own, so that neither the product nor another measure shares its time."""
        plan = Plan(self.port, self.headers(caller), requests, connections, seconds, rate)
        return await self.apart(load.run, plan)

    async def apart(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.beside, work, *arguments)

    @asynccontextmanager
    async def along(self, work: Callable[..., T], *arguments: object) -> AsyncIterator["asyncio.Task[T]"]:
        """`work` has begun before the block does, and is done after it; two events that it is given last say so."""
        with multiprocessing.get_context("spawn").Manager() as shared:
            begun, enough = shared.Event(), shared.Event()
            task = asyncio.create_task(self.apart(work, *arguments, begun, enough))
            while not (begun.is_set() or task.done()):
                await asyncio.sleep(0.05)
            if task.done():
                await task  # says why
            yield task
            enough.set()
            await task

    async def all_of(self, requests: Sequence[Request], caller: str) -> None:
        """Every one of them is answered with success; for what is prepared."""
        shots = await self.fire(requests, caller, seconds=_LONGEST_WAIT)
        refused = [status for status in shots.status if not 200 <= status < 300]
        if refused or len(shots.status) < len(requests):
            raise RuntimeError(f"of {len(requests)} requests {len(refused)} were refused: {sorted(set(refused))}")

    async def quiet(self) -> float:
        """Waits until nothing is on its way; gives the seconds that it took."""
        began = asked = perf_counter()
        async with asyncio.timeout(_LONGEST_WAIT):
            while await pending_work(self.owner):
                await asyncio.sleep(max(0.05, 4 * (perf_counter() - asked)))  # to ask costs, too
                asked = perf_counter()
        return perf_counter() - began

    async def prepare(self, what: str, *statements: str) -> None:
        """Rows written in sets; then PostgreSQL has its statistics, and has written what it had to write."""
        with timed(self.progress, what):
            for statement in (*statements, "VACUUM ANALYZE", "CHECKPOINT"):
                await self.owner.execute(statement, timeout=_LONGEST_WAIT)


def _allow_many_files() -> None:
    """As many as the machine lets us; processes that are started from here inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
