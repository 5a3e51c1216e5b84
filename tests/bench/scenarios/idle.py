"""What the product costs when nobody needs it, and how soon it is there."""

import asyncio
import os
from collections.abc import AsyncGenerator
from time import perf_counter

import psutil

from tests.bench.figures import Figure, Run
from tests.bench.processes import memory, spending
from tests.bench.scenario import Scenario
from tests.bench.stage import Bench


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    seconds = bench.pick(3.0, 10.0, 20.0)
    for _ in range(bench.runs):
        began = perf_counter()
        async with bench.stage() as stage:
            started = perf_counter() - began
            await asyncio.sleep(seconds)
            with spending(stage.product) as spent:
                await asyncio.sleep(seconds)
            found = {**memory(stage.product), "MiB supervisor": psutil.Process(os.getpid()).memory_full_info().pss / 2**20}
        yield {"seconds to start": started, "GiB": sum(found.values()) / 1024, **found, **spent.cores(seconds)}


SCENARIO = Scenario(
    "idle",
    "Idle stack, cold start",
    "From nothing to ready: data folders made, PostgreSQL and Kafka started, four schemas made, topics created, five processes "
    "serving; the jars of Kafka were fetched before. Memory of all processes when idle for 20 s, what is shared divided among those"
    " that share it.",
    minutes=1.5,
    figures=(Figure("seconds to start", "s", 15), Figure("GiB", "GiB", 2.5)),
    measure=measure,
)
