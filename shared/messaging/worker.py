"""The process next to a context's API: relay, deadline scheduler, consumer, housekeeper and sealer of the audit in one event loop.

Deadlines keep firing while Kafka is unavailable. An error that no component can handle ends the process; its supervisor restarts it.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from shared.messaging.audit_sealer import AuditSealer
from shared.messaging.deadline_scheduler import DeadlineScheduler
from shared.messaging.event_processor import EventProcessor
from shared.messaging.health import Component, Health
from shared.messaging.housekeeping import Housekeeper
from shared.messaging.inbound.consumer import Consumer
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.outbound.relay import Relay, RelaySettings
from shared.messaging.pacing import DEFAULT_PACING, Pacing
from shared.messaging.shutdown import cancel_and_wait
from shared.messaging.subscriptions import Subscriptions
from shared.persistence.audit_chain import SigningKey
from shared.persistence.database import Database
from shared.persistence.retention import DEFAULT_RETENTION, RetentionPolicy

log = structlog.get_logger()

_SHUTDOWN_SECONDS = 8.0  # a supervisor kills the process after ten seconds


@dataclass(frozen=True, slots=True)
class HealthEndpoint:
    """The address of /livez, /readyz and /metrics; without a port there is none."""

    port: int | None = None
    host: str = "127.0.0.1"


class Worker:
    """Runs `components`, by name, until one of them ends or the process receives a stop signal."""

    def __init__(
        self,
        database: Database[Any],
        context: str,
        components: Mapping[str, Component],
        endpoint: HealthEndpoint = HealthEndpoint(),
        *,
        shutdown_seconds: float = _SHUTDOWN_SECONDS,
    ) -> None:
        self._database, self._context, self._components = database, context, components
        self._endpoint, self._shutdown_seconds = endpoint, shutdown_seconds
        self._health = Health(database, context, components)

    async def run(self) -> int:
        """Returns the exit code: 0 after SIGTERM or SIGINT, 1 after a component ended. Raises OSError when the port is in use."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        port = self._endpoint.port
        server = await self._health.serve(self._endpoint.host, port) if port is not None else None
        tasks = [asyncio.create_task(component.run(), name=name) for name, component in self._components.items()]
        log.info("worker.running", context_name=self._context)
        code = await self._run_until_first_end(tasks, stop)
        if server is not None:
            server.close()
        await self._database.close()
        return code

    async def _run_until_first_end(self, tasks: list[asyncio.Task[None]], stop: asyncio.Event) -> int:
        stopping = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        self._exit_after_timeout(tasks)
        failed = [task for task in done if task is not stopping]
        for task in failed:
            log.error("worker.stopped", context_name=self._context, component=task.get_name(), problem=_error_of(task))
        await cancel_and_wait(*tasks, stopping)
        return 1 if failed else 0

    def _exit_after_timeout(self, tasks: list[asyncio.Task[None]]) -> None:
        """Exits when a task, a thread or the event loop hangs: a supervisor restarts only a process that has ended."""

        def exit_now() -> None:
            log.error("worker.stuck", context_name=self._context, components=[task.get_name() for task in tasks if not task.done()])
            os._exit(1)

        timer = threading.Timer(self._shutdown_seconds, exit_now)
        timer.daemon = True
        timer.start()


def create_components(
    database: Database[Any],
    subscriptions: Subscriptions,
    kafka: KafkaSettings,
    audit_key: SigningKey,
    retention: RetentionPolicy = DEFAULT_RETENTION,
    pacing: Pacing = DEFAULT_PACING,
) -> dict[str, Component]:
    """The five components of a worker by name."""
    context = subscriptions.context
    return {
        "relay": Relay(database, context, kafka, settings=RelaySettings(pacing=pacing)),
        "scheduler": DeadlineScheduler(database, subscriptions),
        "consumer": Consumer(EventProcessor(database, subscriptions), context, subscriptions.topics, kafka, pacing=pacing),
        "housekeeper": Housekeeper(database, context, retention),
        "sealer": AuditSealer(database, context, audit_key),
    }


def create_worker(
    database: Database[Any],
    subscriptions: Subscriptions,
    kafka: KafkaSettings,
    audit_key: SigningKey,
    endpoint: HealthEndpoint = HealthEndpoint(),
    retention: RetentionPolicy = DEFAULT_RETENTION,
    pacing: Pacing = DEFAULT_PACING,
) -> Worker:
    components = create_components(database, subscriptions, kafka, audit_key, retention, pacing)
    return Worker(database, subscriptions.context, components, endpoint)


def _error_of(task: asyncio.Task[Any]) -> str:
    """Names the error and its cause. A library may also have cancelled the task."""
    if task.cancelled():
        return asyncio.CancelledError.__name__
    problem = task.exception()
    return " <- ".join(type(link).__name__ for link in (problem, problem.__cause__ if problem else None) if link)
