"""Restarts the processes of the product when they end.

Invariant: between `start` and `stop` every program runs, waits for its restart, or has refused its environment; after `stop` none runs.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

from infra.dev_stack.local.child import Child, start_child
from infra.dev_stack.local.logs import log_size, log_tail, open_log
from shared.kernel.backoff import delay
from shared.messaging.shutdown import cancel_and_wait

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0
_STABLE_SECONDS = 30.0
#: The exit code of a program that refuses its environment; `sysexits.h` calls it EX_CONFIG.
CONFIGURATION_EXIT_CODE = 78


@dataclass(frozen=True, slots=True)
class Program:
    """A command and its environment (None: the current one)."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] | None = None


async def start_command(program: Program, log: Path) -> Child:
    """`program.command` is an absolute path and its arguments."""
    with open_log(log) as output:
        return await start_child(program.command, output=output.fileno(), environment=program.environment)


@dataclass(slots=True)
class Supervisor:
    """Runs `programs`, each with its log in `logs`; `notify` receives a sentence about every end, with the log file."""

    programs: Sequence[Program]
    logs: Path
    begin: Callable[[Program, Path], Awaitable[Child]] = start_command
    notify: Callable[[str], None] = field(default=lambda _: None)
    grace_seconds: float = 10
    longest_pause: float = _LONGEST_PAUSE
    _children: dict[str, Child] = field(default_factory=dict, init=False)
    _log_sizes: dict[str, int] = field(default_factory=dict, init=False)
    _watchers: list[asyncio.Task[None]] = field(default_factory=list, init=False)
    #: The first program that refused its environment.
    misconfigured: str | None = field(default=None, init=False)

    def pid(self, name: str) -> int | None:
        """Returns the pid of a program, or None while it is down."""
        child = self._children.get(name)
        return child.pid if child and child.is_running else None

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def log_tail(self, name: str) -> str:
        """Returns the last lines that the program has written since `start`."""
        return log_tail(self.log(name), self._log_sizes.get(name, 0))

    async def start(self) -> None:
        """Starts all programs. A program may end immediately; its readiness check detects that."""
        self.logs.mkdir(parents=True, exist_ok=True)
        for program in self.programs:
            self._log_sizes[program.name] = log_size(self.log(program.name))
            await self._run(program)
            self._watchers.append(asyncio.create_task(self._restart_when_ended(program)))

    async def stop(self) -> None:
        """Stops all programs concurrently; kills those that run after `grace_seconds`."""
        await cancel_and_wait(*self._watchers)
        self._watchers.clear()
        await asyncio.gather(*(child.stop(grace_seconds=self.grace_seconds) for child in self._children.values()))

    async def _restart_when_ended(self, program: Program) -> None:
        ends = 0
        while True:
            started = monotonic()
            code = await self._children[program.name].process.wait()
            ends = 1 if monotonic() - started > _STABLE_SECONDS else ends + 1
            if code == CONFIGURATION_EXIT_CODE:
                self._record(program.name, f"{program.name} ended ({_reason(code)}): its configuration is invalid")
                self.misconfigured = self.misconfigured or program.name
                return  # another start would read the same environment
            pause = delay(ends, first=_FIRST_PAUSE, longest=self.longest_pause)
            self._record(program.name, f"{program.name} ended ({_reason(code)}) and restarts in {pause:g} s")
            await asyncio.sleep(pause)
            await self._try(program)

    async def _try(self, program: Program) -> None:
        """Survives every error: the program is then found ended again, and the next pause is longer."""
        try:
            await self._run(program)
        except Exception as fault:
            self._record(program.name, f"{program.name} could not be started ({type(fault).__name__}: {fault})")

    async def _run(self, program: Program) -> None:
        child = self._children[program.name] = await self.begin(program, self.log(program.name))
        self._write(program.name, f"{program.name} started with pid {child.pid}")

    def _record(self, name: str, sentence: str) -> None:
        self.notify(f"{sentence}; see {self.log(name)}")
        self._write(name, sentence)

    def _write(self, name: str, sentence: str) -> None:
        with suppress(OSError), self.log(name).open("a") as log:  # a full disk must not prevent restarts
            log.write(f"{sentence}\n")

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()


def _reason(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
