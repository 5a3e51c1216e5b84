"""Composes the worker of a context, and lives as it."""

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop

from shared.deployment.settings import ContextSettings, Deployment, Misconfigured, read
from shared.messaging.subscriptions import Wiring
from shared.messaging.worker import Watch, Worker
from shared.persistence.transaction import Cause, Transaction

#: What is done once, in a transaction of its own, before the worker begins.
First = tuple[str, Callable[[Transaction[Any]], Awaitable[object]]]


def live(settings: type[ContextSettings], policy: type[Any], wiring: Wiring, first: First | None = None) -> None:
    """Ends the process: 0 when it was told to stop, otherwise 1, with a sentence when the environment is wrong."""
    try:
        own, deployment = read(settings), read(Deployment)
        numbers = own.numbers(policy)
    except Misconfigured as problem:
        sys.exit(f"The worker of {wiring.context} cannot start. {problem}")
    deployment.prepare_process()
    sys.exit(uvloop.run(_run(own, deployment, numbers, wiring, first)))


async def _run(own: ContextSettings, deployment: Deployment, numbers: object, wiring: Wiring, first: First | None) -> int:
    database = await deployment.database(own.database_url.get_secret_value(), numbers)
    if first:
        name, act = first
        async with database.transaction(cause=Cause(name)) as tx:
            await act(tx)
    watch = Watch(own.metrics_port, deployment.metrics_host)
    return await Worker(database, wiring, deployment.kafka(), watch, deployment.keep()).run()
