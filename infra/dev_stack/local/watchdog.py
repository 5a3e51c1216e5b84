"""Starts the servers of a stack again when they die under it.

Invariant: a server that was stopped on purpose before this was cancelled is started again too, so cancel this before stopping the stack.
"""

import asyncio
from collections.abc import Awaitable, Callable

from infra.dev_stack.local.fallback_broker import FallbackBroker
from infra.dev_stack.local.kafka import LocalKafka
from infra.dev_stack.local.postgres import LocalPostgres
from infra.dev_stack.local.progress import Progress
from infra.dev_stack.local.stack import Stack
from shared.messaging.shutdown import cancel_and_wait

_PAUSE = 1


#: What is seen to when a server is back.
WhenBack = Callable[[], Awaitable[object]]


async def nothing() -> None:
    """There is nothing to see to."""


async def restart_stack_servers(stack: Stack, broker_is_back: WhenBack = nothing) -> None:
    """Runs until cancelled. The fallback broker is left as it is: another one would have another address."""
    async with asyncio.TaskGroup() as both:
        for server, is_back in ((stack.postgres, nothing), (stack.kafka, broker_is_back)):
            if server and not isinstance(server, FallbackBroker):
                both.create_task(restart_when_ended(server, stack.progress, is_back))


async def restart_when_ended(server: LocalPostgres | LocalKafka, progress: Progress, is_back: WhenBack = nothing) -> None:
    after = asyncio.create_task(_see_to(nothing, progress))
    try:
        while True:
            await server.ended()
            await cancel_and_wait(after)
            progress.warned(f"{server.title} ended and is started again; {server.log} may say why.")
            if await _has_started(server, progress):
                after = asyncio.create_task(_see_to(is_back, progress))
    finally:
        await cancel_and_wait(after)


async def _has_started(server: LocalPostgres | LocalKafka, progress: Progress) -> bool:
    try:
        await server.start()
    except Exception as trouble:  # whatever it is, nobody else would start the server again
        progress.warned(f"{server.title} could not be started ({type(trouble).__name__}: {trouble}). Next try in {_PAUSE} s.")
        await asyncio.sleep(_PAUSE)
        return False
    return True


async def _see_to(is_back: WhenBack, progress: Progress) -> None:
    """Until it is done, or the server has ended again."""
    while True:
        try:
            await is_back()
        except Exception as trouble:  # it may need another server that is away
            progress.warned(f"After a server came back ({type(trouble).__name__}: {trouble}). Next try in {_PAUSE} s.")
            await asyncio.sleep(_PAUSE)
        else:
            return
