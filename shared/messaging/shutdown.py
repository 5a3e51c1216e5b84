"""What has begun is done before a process ends, as long as it does not take long; and what is told to end does."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

log = structlog.get_logger()

T = TypeVar("T")

#: A part of the ten seconds within which a process that is asked to end has ended.
_PATIENCE_SECONDS = 4.0
#: Longer than that patience.
_AGAIN_SECONDS = 5.0


async def finish_before_cancel(work: Coroutine[Any, Any, T], *, patience: float = _PATIENCE_SECONDS) -> T:
    """Does `work`. A cancellation meanwhile goes on when it is done, or after `patience` seconds with it."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=patience)
        await cancel_and_wait(task)
        raise


async def cancel_and_wait(*tasks: asyncio.Task[Any], again: float = _AGAIN_SECONDS) -> None:
    """Cancels them and returns when all have ended. Whoever goes on is cancelled once more after `again` seconds.

    Libraries lose a cancellation: Kafka's client, while it closes, takes it for one of its own, and so does `asyncio.wait_for` before
    Python 3.12 when what it waited for has just come.
    """
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        _, deaf = await asyncio.wait(running, timeout=again)
        for task in deaf:
            log.warning("task.cancel-ignored", task=task.get_name(), advice="it is told again to end")
    await asyncio.gather(*tasks, return_exceptions=True)
