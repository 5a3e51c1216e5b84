"""Worker processes of the tests."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from infra.dev_stack.local.child import Child
from infra.dev_stack.local.supervisor import Program
from tests.builders.programs import Programs
from tests.timeouts import LONGEST_WAIT


@dataclass
class WorkerProcesses:
    """`fault` is the kill point and its count of `tests.integration.shared.worker_main`."""

    programs: Programs
    environment: Mapping[str, str]
    log: Path
    children: list[Child] = field(default_factory=list)

    async def start(self, end: str, *fault: str, instance: str = "0", **changes: str) -> Child:
        environment = {**os.environ, **self.environment, "CARE_KAFKA_INSTANCE_ID": instance, **changes}
        program = Program(end, ["tests.integration.shared.worker_main", end, *fault], environment)
        child = await self.programs.begin(program, self.log)
        self.children.append(child)
        return child


@asynccontextmanager
async def working(programs: Programs, environment: Mapping[str, str], log: Path) -> AsyncIterator[WorkerProcesses]:
    """Stops all running workers at the end."""
    workers = WorkerProcesses(programs, environment, log)
    try:
        yield workers
    finally:
        await asyncio.gather(*(child.stop() for child in workers.children))


async def end_of(child: Child, within: float = LONGEST_WAIT) -> int:
    """The exit code, or minus the signal that ended it."""
    async with asyncio.timeout(within):
        return await child.process.wait()


KILLED = -signal.SIGKILL
