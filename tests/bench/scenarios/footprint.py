"""The memory and processor time of the idle product, and the time of a cold start."""

import asyncio
import os
from collections.abc import AsyncGenerator
from time import perf_counter

import psutil

from tests.bench.figures import Figure, Run
from tests.bench.processes import memory, spending
from tests.bench.product_under_test import Bench
from tests.bench.scenario import Scenario


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    seconds = bench.pick(3.0, 10.0, 20.0)
    for _ in range(bench.runs):
        began = perf_counter()
        async with bench.start_product() as product:
            started = perf_counter() - began
            await asyncio.sleep(seconds)
            with spending(product.running) as spent:
                await asyncio.sleep(seconds)
            found = {**memory(product.running), "MiB supervisor": psutil.Process(os.getpid()).memory_full_info().pss / 2**20}
            async with bench.bare(product.database_url) as bare:
                pass  # after the memory, which it would change
        yield {"seconds to start": started, "GiB": sum(found.values()) / 1024, **found, **spent.cores(seconds), **bare}


SCENARIO = Scenario(
    "idle",
    "Idle stack, cold start",
    "A cold start creates the data folders, starts PostgreSQL and Kafka, creates four schemas and the topics, and starts five processes; "
    "the Kafka jars are present. Memory is the proportional set size of all processes after 20 s without work. The bare endpoint is "
    "measured afterwards and has no ratio.",
    minutes=2.2,
    figures=(Figure("seconds to start", "s", 15), Figure("GiB", "GiB", 2.5)),
    measure=measure,
)
