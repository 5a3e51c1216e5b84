"""The yardsticks: each is measured before and after a run, in the same minute and on the same servers.

The bare endpoint gives `bare per second`, `bare p50` and `bare p99`; the plain polling relay gives `plain p50` and `plain p99` of the
time from the commit to the record in Kafka, or `plain events per second` from a backlog. Delays are milliseconds.
"""

import asyncio
import multiprocessing
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from math import inf
from statistics import mean

import asyncpg

from infra.dev_stack.local.ports import free_ports
from tests.bench import bare_endpoint, load
from tests.bench.figures import Run, delays, percentile
from tests.bench.load import Plan
from tests.bench.people import People
from tests.bench.probes import Instants

BARE_CONNECTIONS = 32
_WARM_UP_SECONDS = 1.0
#: The bare endpoint has prepared requests for at most so many responses a second.
_MOST_PER_SECOND = 6_000


@asynccontextmanager
async def in_turn(measure: Callable[[], Awaitable[Run]], name: str) -> AsyncIterator[dict[str, float]]:
    """Measures before and after the block; the yielded dictionary then holds the mean of both.

    `{name} drift` is the largest factor between the two: near 1 when the machine was steady.
    """
    found: dict[str, float] = {}
    before = await measure()
    yield found
    after = await measure()
    found |= {each: mean([before[each], after[each]]) for each in before}
    found[f"{name} drift"] = max(max(before[each], after[each]) / min(before[each], after[each]) for each in before)


async def bare(database_url: str, seconds: float) -> Run:
    """A closed loop of 32 connections against the bare endpoint, after a second of warm-up."""
    whole = seconds + _WARM_UP_SECONDS
    requests = People().referrals(round(whole * _MOST_PER_SECOND))
    port = free_ports(1)[0]
    owner = await asyncpg.connect(database_url)
    try:
        await owner.execute(f"{bare_endpoint.DROP}; {bare_endpoint.CREATE}")
        async with program("tests.bench.bare_endpoint", database_url, str(port)):
            plan = Plan(port, f"Host: 127.0.0.1:{port}".encode(), requests, BARE_CONNECTIONS, whole)
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as processes:
                result = await asyncio.get_running_loop().run_in_executor(processes, load.run, plan)
        await owner.execute(bare_endpoint.DROP)
    finally:
        await owner.close()
    ended = zip(result.planned, result.latency, result.status, strict=True)
    kept = [(at + took, took) for at, took, status in ended if at >= _WARM_UP_SECONDS and status == 201]
    if not kept:
        raise RuntimeError("no request to the bare endpoint succeeded")
    took = [took for _, took in kept]
    return {
        "bare per second": len(kept) / (max(ended for ended, _ in kept) - _WARM_UP_SECONDS),
        "bare p50": percentile(took, 0.5) * 1000,
        "bare p99": percentile(took, 0.99) * 1000,
    }


def commit_to_record(committed: Instants, received: Instants) -> Run:
    """A record that was not received counts as an infinite delay."""
    took = [received.get(each, inf) - at for each, at in committed.items()]
    return {**delays(took), "events": len(took), "records not received": took.count(inf)}


@asynccontextmanager
async def program(module: str, *arguments: str) -> AsyncIterator[None]:
    """`python -m module` in a process for the block. Raises RuntimeError when it ends before it prints its first line."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", module, *arguments, stdout=asyncio.subprocess.PIPE)
    try:
        if not (process.stdout and await process.stdout.readline()):
            raise RuntimeError(f"{module} did not start")
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
