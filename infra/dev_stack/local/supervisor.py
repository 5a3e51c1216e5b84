"""Keeps the processes of the product running: what dies is started again.

Invariant: between `start` and `stop` every program runs or is about to; after `stop` none does.
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
from infra.dev_stack.local.logs import open_log
from shared.messaging.shutdown import cancel_and_wait

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0
_ALIVE_FOR_GOOD = 30.0


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, in an environment (None: ours)."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] | None = None


async def start_command(program: Program, log: Path) -> Child:
    """`program.command` is an absolute path and its arguments."""
    with open_log(log) as output:
        return await start_child(program.command, output=output.fileno(), environment=program.environment)


@dataclass(slots=True)
class Supervisor:
    """Runs `programs`, each with its log in `logs`; `tell` hears a sentence about every death."""

    programs: Sequence[Program]
    logs: Path
    begin: Callable[[Program, Path], Awaitable[Child]] = start_command
    tell: Callable[[str], None] = field(default=lambda _: None)
    patience: float = 10
    longest_pause: float = _LONGEST_PAUSE
    _children: dict[str, Child] = field(default_factory=dict, init=False)
    _keepers: list[asyncio.Task[None]] = field(default_factory=list, init=False)

    def pid(self, name: str) -> int | None:
        """The pid of a program, or None while it is down."""
        child = self._children.get(name)
        return child.pid if child and child.is_running else None

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    async def start(self) -> None:
        """Start all programs. What starts can still die at once: that is for their own readiness checks."""
        self.logs.mkdir(parents=True, exist_ok=True)
        for program in self.programs:
            await self._run(program)
            self._keepers.append(asyncio.create_task(self._restart_when_ended(program)))

    async def stop(self) -> None:
        """End all programs at the same time: politely, after `patience` seconds not."""
        await cancel_and_wait(*self._keepers)
        self._keepers.clear()
        await asyncio.gather(*(child.stop(patience=self.patience) for child in self._children.values()))

    async def _restart_when_ended(self, program: Program) -> None:
        pause = _FIRST_PAUSE
        while True:
            begun = monotonic()
            code = await self._children[program.name].process.wait()
            if monotonic() - begun > _ALIVE_FOR_GOOD:
                pause = _FIRST_PAUSE
            self._note(program.name, f"{program.name} ended ({_reason(code)}) and starts again in {pause:g} s")
            await asyncio.sleep(pause)
            await self._try(program)
            pause = min(pause * 2, self.longest_pause)

    async def _try(self, program: Program) -> None:
        """A keeper outlives every fault: after one, the dead program is found dead again, and it waits longer."""
        try:
            await self._run(program)
        except Exception as fault:
            self._note(program.name, f"{program.name} could not be started ({type(fault).__name__}: {fault})")

    async def _run(self, program: Program) -> None:
        self._children[program.name] = await self.begin(program, self.log(program.name))

    def _note(self, name: str, sentence: str) -> None:
        self.tell(sentence)
        with suppress(OSError), self.log(name).open("a") as log:  # a full disk stops notes, not restarts
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
