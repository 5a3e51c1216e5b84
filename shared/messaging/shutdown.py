"""Orderly shutdown: started work finishes within a time limit, and every cancelled task ends."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

log = structlog.get_logger()

T = TypeVar("T")

#: Seconds; below the ten that a supervisor grants for a shutdown.
_FINISH_SECONDS = 4.0
#: Seconds; longer than that limit.
_CANCEL_AGAIN_SECONDS = 5.0


async def finish_before_cancel(work: Coroutine[Any, Any, T], *, limit: float = _FINISH_SECONDS) -> T:
    """Runs `work` to its end. A cancellation takes effect when the work ends, or after `limit` seconds."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=limit)
        await cancel_and_wait(task)
        raise


async def cancel_and_wait(*tasks: asyncio.Task[Any], again: float = _CANCEL_AGAIN_SECONDS) -> None:
    """Cancels the tasks and returns when all have ended. A task that still runs is cancelled again after `again` seconds.

    Libraries may swallow a cancellation: aiokafka while it closes, and `asyncio.wait_for` before Python 3.12 when its result has just
    arrived.
    """
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        _, remaining = await asyncio.wait(running, timeout=again)
        for task in remaining:
            log.warning("task.cancel-ignored", task=task.get_name(), advice="the task is cancelled again")
    await asyncio.gather(*tasks, return_exceptions=True)
