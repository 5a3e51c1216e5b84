"""One child process, from its start to its end.

Invariant: a child dies with the process that started it, by `stop` or (on Linux) by the kernel when the owner is killed.
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

_PAUSE = 0.03
_LONGEST_START = 300  # a large log to recover from takes its time


@dataclass(frozen=True, slots=True)
class Identity:
    """An OS user to work as."""

    uid: int
    gid: int


_OURSELVES = Identity(-1, -1)


class Process(Protocol):
    """What is asked of a process, however it was started."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    async def wait(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Child:
    """A started process. `stop` and `kill` may be called again and again."""

    process: Process
    output: asyncio.StreamReader | None = None  # when it was started with a pipe

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process.returncode is None

    async def stop(self, how: signal.Signals = signal.SIGTERM, *, patience: float = 10) -> None:
        """Ask, wait for `patience` seconds, then insist."""
        self._send(how)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), patience)
        finally:
            self._send(signal.SIGKILL)
        await self.process.wait()

    async def kill(self) -> None:
        self._send(signal.SIGKILL)
        await self.process.wait()

    def _send(self, how: signal.Signals) -> None:
        """By pid: asyncio's own `send_signal` may reap the process behind the back of asyncio's watcher (Python 3.11)."""
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
    """Start `command` on the leash of this process; `death_signal` is what the kernel sends it when this process dies."""
    process = await asyncio.create_subprocess_exec(
        *_leashed(command, identity or _OURSELVES, death_signal),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
        cwd=folder,
        start_new_session=True,  # Ctrl-C in a terminal is for the owner, who then stops its children in order
    )
    return Child(process, process.stdout)


async def run_child(
    command: Sequence[str], *, output: IO[bytes] | int, identity: Identity | None = None, folder: Path | None = None
) -> bool:
    """Run `command` to its end; whether it succeeded."""
    child = await start_child(command, output=output, identity=identity, folder=folder)
    try:
        return await child.process.wait() == 0
    finally:
        await child.kill()


async def until_ready(child: Child, is_ready: Callable[[], Awaitable[bool]], *, name: str, log: Path) -> None:
    """Return when `is_ready`; a sentence that names the server and its log when it ends first, or takes too long."""
    deadline = monotonic() + _LONGEST_START
    while not await is_ready():
        if not child.is_running:
            raise StackError(f"{name} did not start. {log_tail(log)}")
        if monotonic() > deadline:
            raise StackError(f"{name} has not become ready in {_LONGEST_START} s. {log_tail(log)}")
        await asyncio.sleep(_PAUSE)


def _leashed(command: Sequence[str], identity: Identity, death_signal: signal.Signals) -> list[str]:
    terms = [str(number) for number in (int(death_signal), os.getpid(), identity.uid, identity.gid)]
    return [sys.executable, "-I", "-S", str(Path(parent_death_signal.__file__)), *terms, *command]
