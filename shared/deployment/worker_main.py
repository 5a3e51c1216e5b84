"""Composes the worker of a context, and lives as it."""

import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop

from shared.deployment.settings import ConfigurationError, ContextSettings, Deployment, read
from shared.messaging.pacing import Pacing
from shared.messaging.subscriptions import Subscriptions
from shared.messaging.worker import HealthEndpoint, create_worker
from shared.persistence.transaction import RequestContext, Transaction

#: What is done once, in a transaction of its own, before the worker begins.
First = tuple[str, Callable[[Transaction[Any]], Awaitable[object]]]


def run_worker(settings: type[ContextSettings], policy: type[Any], wiring: Subscriptions, first: First | None = None) -> None:
    """Ends the process with 0 after a signal, otherwise with 1; prints a sentence when the environment is wrong."""
    try:
        own, deployment = read(settings), read(Deployment)
        numbers = own.policy_values(policy)
    except ConfigurationError as problem:
        sys.exit(f"The worker of {wiring.context} cannot start. {problem}")
    deployment.prepare_process()
    os.nice(deployment.worker_niceness)  # the API comes first
    sys.exit(uvloop.run(_run(own, deployment, numbers, wiring, first)))


async def _run(own: ContextSettings, deployment: Deployment, numbers: object, wiring: Subscriptions, first: First | None) -> int:
    database = await deployment.database(own.database_url.get_secret_value(), numbers)
    if first:
        name, act = first
        async with database.transaction(RequestContext.of_system(name)) as tx:
            await act(tx)
    endpoint = HealthEndpoint(own.metrics_port, deployment.metrics_host)
    return await create_worker(
        database, wiring, deployment.kafka(), endpoint, deployment.retention(), Pacing(deployment.lateness_budget)
    ).run()
