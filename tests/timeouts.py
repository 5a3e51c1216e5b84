"""The wait of a test for an expected state. A test asserts a promised duration itself; these limits only end an endless wait."""

import asyncio
import inspect
from collections.abc import Callable

#: Seconds: many times the slowest step on a busy machine.
LONGEST_WAIT = 120.0


async def until(holds: Callable[[], object], within: float = LONGEST_WAIT) -> None:
    """Polls `holds`, a function or a coroutine function, until its result is true. Raises TimeoutError after `within` seconds."""
    async with asyncio.timeout(within):
        while True:
            result = holds()
            if await result if inspect.isawaitable(result) else result:
                return
            await asyncio.sleep(0.02)
