"""Starts the servers of a stack again when they die under it.

Invariant: a server that was stopped on purpose before this was cancelled is started again too, so cancel this before stopping the stack.
"""

import asyncio

from infra.local.fallback_broker import FallbackBroker
from infra.local.kafka import LocalKafka
from infra.local.postgres import LocalPostgres
from infra.local.progress import Progress
from infra.local.stack import Stack

_PAUSE = 1


async def keep_running(stack: Stack) -> None:
    """Runs until cancelled. The fallback broker is left as it is: another one would have another address."""
    async with asyncio.TaskGroup() as both:
        for server in (stack.postgres, stack.kafka):
            if server and not isinstance(server, FallbackBroker):
                both.create_task(keep(server, stack.progress))


async def keep(server: LocalPostgres | LocalKafka, progress: Progress) -> None:
    while True:
        await server.ended()
        progress.warned(f"{server.title} ended and is started again; {server.log} may say why.")
        try:
            await server.start()
        except Exception as trouble:  # whatever it is, nobody else would start the server again
            progress.warned(f"{server.title} could not be started ({type(trouble).__name__}: {trouble}). Next try in {_PAUSE} s.")
            await asyncio.sleep(_PAUSE)
