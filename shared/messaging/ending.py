"""What has begun is done before a process ends, as long as it does not take long."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

#: A part of the ten seconds within which a process that is asked to end has ended.
_PATIENCE_SECONDS = 4.0


async def to_its_end(work: Coroutine[Any, Any, T], *, patience: float = _PATIENCE_SECONDS) -> T:
    """Does `work`. A cancellation meanwhile goes on when it is done, or after `patience` seconds with it."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=patience)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
