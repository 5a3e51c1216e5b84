"""Restarts the servers of a stack when they end.

Invariant: the watchdog also restarts a server that was stopped on purpose, so cancel it before stopping the stack.
"""

import asyncio
from collections.abc import Awaitable, Callable

from infra.dev_stack.local.fallback_broker import FallbackBroker
from infra.dev_stack.local.kafka import LocalKafka
from infra.dev_stack.local.postgres import LocalPostgres
from infra.dev_stack.local.progress import Progress
from infra.dev_stack.local.stack import Stack
from shared.messaging.shutdown import cancel_and_wait

_RETRY_SECONDS = 1


#: Called after a restart of a server.
AfterRestart = Callable[[], Awaitable[object]]


async def nothing() -> None:
    """Does nothing after a restart."""


async def restart_stack_servers(stack: Stack, after_broker_restart: AfterRestart = nothing) -> None:
    """Runs until cancelled. Ignores the fallback broker, whose address would change."""
    async with asyncio.TaskGroup() as both:
        for server, after_restart in ((stack.postgres, nothing), (stack.kafka, after_broker_restart)):
            if server and not isinstance(server, FallbackBroker):
                both.create_task(restart_when_ended(server, stack.progress, after_restart))


async def restart_when_ended(server: LocalPostgres | LocalKafka, progress: Progress, after_restart: AfterRestart = nothing) -> None:
    following = asyncio.create_task(_retry(nothing, progress))
    try:
        while True:
            await server.ended()
            await cancel_and_wait(following)
            progress.warned(f"{server.title} ended and is restarted; {server.log} may contain the reason.")
            if await _has_started(server, progress):
                following = asyncio.create_task(_retry(after_restart, progress))
    finally:
        await cancel_and_wait(following)


async def _has_started(server: LocalPostgres | LocalKafka, progress: Progress) -> bool:
    try:
        await server.start()
    except Exception as problem:  # of any kind: nothing else restarts the server
        progress.warned(f"{server.title} could not be started ({type(problem).__name__}: {problem}). Next try in {_RETRY_SECONDS} s.")
        await asyncio.sleep(_RETRY_SECONDS)
        return False
    return True


async def _retry(after_restart: AfterRestart, progress: Progress) -> None:
    """Repeats `after_restart` until it succeeds; cancelled when the server ends again."""
    while True:
        try:
            await after_restart()
        except Exception as problem:  # it may need another server that is down
            progress.warned(f"The action after a restart failed ({type(problem).__name__}: {problem}). Next try in {_RETRY_SECONDS} s.")
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            return
