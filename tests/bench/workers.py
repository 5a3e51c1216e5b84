"""Workers kept down by the bench, so that a backlog forms."""

import asyncio
import os
import signal
from pathlib import Path

from infra.dev_stack.local.child import Child
from infra.dev_stack.local.supervisor import Program
from infra.dev_stack.product import Product


class Held:
    """The workers that the supervisor must not restart yet."""

    def __init__(self, product: Product) -> None:
        self._supervisor, self._begin = product.supervisor, product.supervisor.begin
        self._down: dict[str, asyncio.Event] = {}
        product.supervisor.begin = self._begin_when_allowed

    async def take_down(self, *contexts: str) -> None:
        """Ends the workers with SIGTERM, as an operator does."""
        for context in contexts:
            self._down[context] = asyncio.Event()
            if pid := self._supervisor.pid(context):
                os.kill(pid, signal.SIGTERM)
        while any(map(self._supervisor.pid, contexts)):
            await asyncio.sleep(0.05)

    def let_up(self, *contexts: str) -> None:
        for context in contexts:
            self._down.pop(context).set()

    async def _begin_when_allowed(self, program: Program, log: Path) -> Child:
        if held := self._down.get(program.name):
            await held.wait()
        return await self._begin(program, log)
