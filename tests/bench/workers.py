"""Workers that the bench stops, so that a backlog forms."""

import asyncio
import os
import signal
from pathlib import Path

from infra.dev_stack.local.child import Child
from infra.dev_stack.local.supervisor import Program
from infra.dev_stack.product import Product


class StoppedWorkers:
    """The workers that the supervisor must not restart."""

    def __init__(self, product: Product) -> None:
        self._supervisor, self._begin = product.supervisor, product.supervisor.begin
        self._stopped: dict[str, asyncio.Event] = {}
        product.supervisor.begin = self._begin_when_allowed

    async def stop(self, *contexts: str) -> None:
        """Ends the workers with SIGTERM, as an operator does."""
        for context in contexts:
            self._stopped[context] = asyncio.Event()
            if pid := self._supervisor.pid(context):
                os.kill(pid, signal.SIGTERM)
        while any(map(self._supervisor.pid, contexts)):
            await asyncio.sleep(0.05)

    def restart(self, *contexts: str) -> None:
        for context in contexts:
            self._stopped.pop(context).set()

    async def _begin_when_allowed(self, program: Program, log: Path) -> Child:
        if may_restart := self._stopped.get(program.name):
            await may_restart.wait()
        return await self._begin(program, log)
