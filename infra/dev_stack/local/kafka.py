"""Apache Kafka in KRaft mode: one process that is broker and controller.

Invariant: the address stays the same after the first `start`, also after a crash or a loss of data; the data folder is complete or absent.
"""

import base64
import secrets
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ClassVar

from infra.dev_stack.local.child import Child, run_child, start_child, until_ready
from infra.dev_stack.local.jars import KAFKA_VERSION
from infra.dev_stack.local.java import java_command
from infra.dev_stack.local.kafka_readiness import is_ready
from infra.dev_stack.local.kafka_security import BrokerSecurity
from infra.dev_stack.local.kafka_settings import ExtraListener, settings_text
from infra.dev_stack.local.logs import log_tail, open_log
from infra.dev_stack.local.ports import HOST, free_ports
from infra.errors import StackError


@dataclass(slots=True)
class LocalKafka:
    """A broker with its data in `folder`. Without `security` every process of the machine may read and write it."""

    title: ClassVar = "Apache Kafka"
    version: ClassVar = KAFKA_VERSION

    folder: Path
    jars: Sequence[Path]
    java_flags: Sequence[str] | None = None
    extra_listener: ExtraListener | None = None
    security: BrokerSecurity | None = None
    _ports: list[int] = field(default_factory=lambda: free_ports(2), init=False)
    _child: Child | None = field(default=None, init=False)

    @property
    def bootstrap(self) -> str:
        return f"{HOST}:{self._ports[0]}"

    @property
    def log(self) -> Path:
        return self.folder / "kafka.log"

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child and self._child.is_running else None

    async def start(self) -> None:
        """Starts the broker unless it runs, on existing data or on none; returns when it is ready."""
        child = self._child if self._child and self._child.is_running else await self._start_server()
        credentials = self.security.operator if self.security else None
        await until_ready(child, partial(is_ready, self._ports[0], credentials), name=self.title, log=self.log)

    async def stop(self, *, grace_seconds: float = 10) -> None:
        if self._child:
            await self._child.stop(signal.SIGTERM, grace_seconds=grace_seconds)

    async def kill(self) -> None:
        """Ends the broker with SIGKILL."""
        if self._child:
            await self._child.kill()

    async def ended(self) -> None:
        """Returns when the process of the server has ended."""
        if self._child:
            await self._child.process.wait()

    async def wipe(self) -> None:
        """Deletes all data and starts a new cluster at the same address."""
        await self.kill()
        shutil.rmtree(self._data)
        await self.start()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    async def _start_server(self) -> Child:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._data.exists():
            await self._format()
        command = java_command(self.jars, "kafka.Kafka", str(self._write_settings(self._data)), flags=self.java_flags)
        with open_log(self.log) as log:
            self._child = await start_child(command, output=log.fileno(), folder=self.folder)
        return self._child

    async def _format(self) -> None:
        """Creates the data folder of a new cluster under another name and renames it when it is complete."""
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        settings = str(self._write_settings(fresh))
        options = self.security.format_options() if self.security else ()
        call = ("kafka.tools.StorageTool", "format", "--cluster-id", new_cluster_id(), "--config", settings, *options)
        with open_log(self.log) as log:
            if not await run_child(java_command(self.jars, *call), output=log.fileno(), folder=self.folder):
                raise StackError(f"Kafka could not create its data folder. {log_tail(self.log)}")
        fresh.rename(self._data)

    def _write_settings(self, data: Path) -> Path:
        path = self.folder / "server.properties"
        path.touch(mode=0o600)  # the settings of a protected broker hold its password
        broker, controller = self._ports
        text = settings_text(data, broker_port=broker, controller_port=controller, extra=self.extra_listener, security=self.security)
        path.write_text(text)
        return path


def new_cluster_id() -> str:
    """Returns 16 random bytes in base64, as Kafka does; without a leading dash, which Kafka's tools would parse as an option."""
    cluster_id = "-"
    while cluster_id.startswith("-"):
        cluster_id = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
    return cluster_id
