"""Worker processes of the tests."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from infra.dev_stack.local.child import Child, start_child
from tests.timeouts import LONGEST_WAIT

_ROOT = Path(__file__).parents[3]


@dataclass
class WorkerProcesses:
    """`fault` is the kill point and its count of `tests.integration.shared.worker_main`."""

    environment: Mapping[str, str]
    log: Path
    children: list[Child] = field(default_factory=list)

    async def start(self, end: str, *fault: str, instance: str = "0", **changes: str) -> Child:
        command = [sys.executable, "-m", "tests.integration.shared.worker_main", end, *fault]
        environment = {**os.environ, **self.environment, "CARE_KAFKA_INSTANCE_ID": instance, **changes}
        with self.log.open("ab") as output:
            child = await start_child(command, output=output.fileno(), environment=environment, folder=_ROOT)
        self.children.append(child)
        return child


@asynccontextmanager
async def working(environment: Mapping[str, str], log: Path) -> AsyncIterator[WorkerProcesses]:
    """Stops all running workers at the end."""
    workers = WorkerProcesses(environment, log)
    try:
        yield workers
    finally:
        await asyncio.gather(*(child.stop() for child in workers.children))


async def end_of(child: Child, within: float = LONGEST_WAIT) -> int:
    """The exit code, or minus the signal that ended it."""
    async with asyncio.timeout(within):
        return await child.process.wait()


KILLED = -signal.SIGKILL
