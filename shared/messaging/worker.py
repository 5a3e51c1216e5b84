"""The process beside a context's API: relay, timekeeper, consumer and housekeeper in one event loop.

Deadlines keep being acted on while Kafka is away. What cannot be mended in place ends the process; whoever supervises
it starts it anew.
"""

import asyncio
import os
import signal
import threading
from dataclasses import dataclass
from typing import Any

import structlog

from shared.messaging.deadline_scheduler import DeadlineScheduler
from shared.messaging.event_processor import EventProcessor
from shared.messaging.health import Component, Health
from shared.messaging.housekeeping import Housekeeper
from shared.messaging.inbound.consumer import Consumer
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.outbound.relay import Relay
from shared.messaging.shutdown import cancel_and_wait
from shared.messaging.subscriptions import Subscriptions
from shared.persistence.database import Database
from shared.persistence.retention import DEFAULT_RETENTION, RetentionPolicy

log = structlog.get_logger()

_PATIENCE_SECONDS = 8.0  # a supervisor kills after ten


@dataclass(frozen=True, slots=True)
class HealthEndpoint:
    """Where a worker says how it is doing; without a port, nowhere."""

    port: int | None = None
    host: str = "127.0.0.1"


class Worker:
    def __init__(
        self,
        database: Database[Any],
        wiring: Subscriptions,
        kafka: KafkaSettings,
        watch: HealthEndpoint = HealthEndpoint(),
        keep: RetentionPolicy = DEFAULT_RETENTION,
    ) -> None:
        self._database, self._context, self._watch = database, wiring.context, watch
        self._parts: dict[str, Component] = {
            "relay": Relay(database, wiring.context, kafka.bootstrap, prefix=kafka.prefix),
            "timekeeper": DeadlineScheduler(database, wiring),
            "consumer": Consumer(EventProcessor(database, wiring), wiring.context, wiring.topics, kafka),
            "housekeeper": Housekeeper(database, wiring.context, keep),
        }
        self._health = Health(database, wiring.context, self._parts)

    async def run(self) -> int:
        """The exit code: 0 after SIGTERM or SIGINT, 1 when a part could not go on. Raises OSError when its port is taken."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        watched = await self._health.serve(self._watch.host, self._watch.port) if self._watch.port is not None else None
        tasks = [asyncio.create_task(part.run(), name=name) for name, part in self._parts.items()]
        log.info("worker.running", context_name=self._context)
        code = await self._until_the_first_ends(tasks, stop)
        if watched is not None:
            watched.close()
        await self._database.close()
        return code

    async def _until_the_first_ends(self, tasks: list[asyncio.Task[None]], stop: asyncio.Event) -> int:
        stopping = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        self._end_in_time(tasks)
        failed = [task for task in done if task is not stopping]
        for task in failed:
            log.error("worker.stopped", context_name=self._context, part=task.get_name(), problem=_why(task))
        await cancel_and_wait(*tasks, stopping)
        return 1 if failed else 0

    def _end_in_time(self, tasks: list[asyncio.Task[None]]) -> None:
        """A process that cannot end would not be started anew, whether a task goes on, a thread, or the loop itself stands."""

        def exit_now() -> None:
            log.error("worker.stuck", context_name=self._context, parts=[task.get_name() for task in tasks if not task.done()])
            os._exit(1)

        timer = threading.Timer(_PATIENCE_SECONDS, exit_now)
        timer.daemon = True
        timer.start()


def _why(task: asyncio.Task[Any]) -> str:
    """Libraries cancel, too, what nobody told to end."""
    if task.cancelled():
        return asyncio.CancelledError.__name__
    problem = task.exception()
    return " <- ".join(type(link).__name__ for link in (problem, problem.__cause__ if problem else None) if link)
