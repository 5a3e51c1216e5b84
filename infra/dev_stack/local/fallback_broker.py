"""The fallback broker: librdkafka's mock cluster in memory, for machines without Kafka's jars.

`python -m infra.dev_stack.local.fallback_broker FOLDER` prints the address of the broker and serves until SIGTERM or SIGINT. FOLDER
identifies the owner.

Invariant: the fallback is recognisable. Its version names it, and the stack prints a warning.
"""

import asyncio
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from infra.dev_stack.local.child import Child, start_child
from infra.dev_stack.local.orphan_processes import FALLBACK_MODULE
from infra.errors import StackError

_CONFIGURATION = {"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0}


@dataclass(slots=True)
class FallbackBroker:
    """A broker without storage. It does not support CreateTopics: a topic gets four partitions at its first use."""

    version: ClassVar = "in-memory fallback"

    folder: Path
    bootstrap: str = field(default="", init=False)
    _child: Child | None = field(default=None, init=False)

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child and self._child.is_running else None

    async def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", FALLBACK_MODULE, str(self.folder)]
        self._child = await start_child(command, output=asyncio.subprocess.PIPE)
        self.bootstrap = await _first_line(self._child)

    async def stop(self) -> None:
        if self._child:
            await self._child.stop()

    async def kill(self) -> None:
        if self._child:
            await self._child.kill()

    async def wipe(self) -> None:
        raise StackError("The in-memory fallback broker cannot be wiped: its address does not survive a restart.")


async def _first_line(child: Child) -> str:
    line = await child.output.readline() if child.output else b""
    if not line.startswith(b"127.0.0.1:"):
        raise StackError("The in-memory fallback broker did not start.")
    return line.decode().strip()


def serve() -> None:
    """Prints the address and keeps the client alive that runs the mock cluster."""
    from confluent_kafka import Producer

    client = Producer(_CONFIGURATION)
    (broker,) = client.list_topics(timeout=10).brokers.values()
    print(f"{broker.host}:{broker.port}", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    serve()
