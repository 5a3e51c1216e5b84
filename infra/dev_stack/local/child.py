"""Starts and stops a child process.

Invariant: a child ends with its owner, by `stop` or, on Linux, by the kernel when the owner is killed.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO, Protocol

from infra.dev_stack.local import parent_death_signal
from infra.dev_stack.local.logs import log_tail
from infra.errors import StackError

_POLL_SECONDS = 0.03
_START_TIMEOUT_SECONDS = 300  # recovery from a large log takes long


@dataclass(frozen=True, slots=True)
class Identity:
    """The OS user of a process."""

    uid: int
    gid: int


_UNCHANGED = Identity(-1, -1)


class Process(Protocol):
    """The interface of a process, independent of how it was started."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    async def wait(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Child:
    """A started process. `stop` and `kill` may be repeated."""

    process: Process
    output: asyncio.StreamReader | None = None  # of a process with a pipe
    log_size: int = 0  # the size of its log before the start

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process.returncode is None

    async def stop(self, how: signal.Signals = signal.SIGTERM, *, grace_seconds: float = 10) -> None:
        """Sends `how`, waits for `grace_seconds`, then sends SIGKILL."""
        self._send(how)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), grace_seconds)
        finally:
            self._send(signal.SIGKILL)
        await self.process.wait()

    async def kill(self) -> None:
        self._send(signal.SIGKILL)
        await self.process.wait()

    def _send(self, how: signal.Signals) -> None:
        """Signals by pid: `send_signal` may reap the process before asyncio's watcher does (Python 3.11)."""
        if self.is_running:
            with suppress(ProcessLookupError):
                os.kill(self.pid, how)


async def start_child(
    command: Sequence[str],
    *,
    output: IO[bytes] | int,
    environment: Mapping[str, str] | None = None,
    identity: Identity | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    folder: Path | None = None,
) -> Child:
    """Starts `command`; the kernel sends it `death_signal` when this process dies."""
    size = 0 if isinstance(output, int) and output < 0 else os.fstat(output if isinstance(output, int) else output.fileno()).st_size
    process = await asyncio.create_subprocess_exec(
        *_with_death_signal(command, identity or _UNCHANGED, death_signal),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
        cwd=folder,
        start_new_session=True,  # Ctrl-C in a terminal reaches only the owner, which stops its children in order
    )
    return Child(process, process.stdout, size)


async def run_child(
    command: Sequence[str], *, output: IO[bytes] | int, identity: Identity | None = None, folder: Path | None = None
) -> bool:
    """Runs `command` to its end and returns whether it succeeded."""
    child = await start_child(command, output=output, identity=identity, folder=folder)
    try:
        return await child.process.wait() == 0
    finally:
        await child.kill()


async def until_ready(child: Child, is_ready: Callable[[], Awaitable[bool]], *, name: str, log: Path) -> None:
    """Returns when `is_ready`. Raises StackError, with the end of the log, when the process ends or takes too long."""
    deadline = monotonic() + _START_TIMEOUT_SECONDS
    while not await is_ready():
        if not child.is_running:
            raise StackError(f"{name} did not start. {log_tail(log, child.log_size)}")
        if monotonic() > deadline:
            raise StackError(f"{name} has not become ready in {_START_TIMEOUT_SECONDS} s. {log_tail(log, child.log_size)}")
        await asyncio.sleep(_POLL_SECONDS)


def _with_death_signal(command: Sequence[str], identity: Identity, death_signal: signal.Signals) -> list[str]:
    options = [str(number) for number in (int(death_signal), os.getpid(), identity.uid, identity.gid)]
    return [sys.executable, "-I", "-S", str(Path(parent_death_signal.__file__)), *options, *command]
