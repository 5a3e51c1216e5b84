"""Starts programs by forking a process that has imported their code already.

An import of the product takes seconds; forked programs share one import and its memory pages. The fork server is multiprocessing's:
one for each owner, started by `prepare` or by the first `start`.

Invariant: a program ends with its owner, and a program reported as ended has ended: when the fork server is killed, the state of its
programs is unknown, so they are killed too.
"""

import asyncio
import multiprocessing
import os
import pkgutil
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from threading import Thread

import psutil

from infra.dev_stack.local.child import Child
from infra.dev_stack.local.logs import open_log
from infra.dev_stack.local.supervisor import CONFIGURATION_EXIT_CODE, Program
from infra.errors import StackError


def prepare(modules: Sequence[str]) -> None:
    """Starts importing `modules` in the background. They must not start threads."""
    multiprocessing.set_forkserver_preload(["infra.dev_stack.local.gc_pause", *modules, "infra.dev_stack.local.gc_freeze"])
    forkserver.ensure_running()


async def start(program: Program, log: Path) -> Child:
    """`program.command` is a function as `module:name` with its arguments. Raises StackError when the code cannot be imported."""
    open_log(log).close()
    environment = dict(os.environ if program.environment is None else program.environment)
    process = ForkServerProcess(target=_run, args=(program.command, environment, log), name=program.name, daemon=True)
    try:
        await asyncio.to_thread(process.start)
    except (OSError, EOFError) as problem:
        raise StackError(f"{program.name} cannot be started: its code cannot be imported.") from problem
    return Child(ForkedProcess(process))


class ForkedProcess:
    """A forked process with the interface of asyncio's processes."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process, self._ended, self._handle = process, asyncio.Event(), _handle(process)
        asyncio.get_running_loop().add_reader(process.sentinel, self._on_end)

    @property
    def pid(self) -> int:
        return self._process.ident or 0

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode if self._ended.is_set() else None

    async def wait(self) -> int:
        await self._ended.wait()
        return self._process.exitcode or 0

    def _on_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._process.sentinel)
        self._process.join()
        with suppress(psutil.Error):
            if self._handle:
                self._handle.kill()
        self._ended.set()


def _handle(process: ForkServerProcess) -> psutil.Process | None:
    """Returns a handle that is safe against reuse of the pid; None when the process has ended."""
    with suppress(psutil.Error):
        return psutil.Process(process.ident)
    return None


def _run(command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
    """Runs `command` in the new process. The product ends with a sentence as exit code only when its environment is wrong."""
    os.setsid()  # Ctrl-C in a terminal reaches only the owner, which stops its children in order
    sys.stdout = log.open("a", buffering=1)
    for descriptor in (1, 2):
        os.dup2(sys.stdout.fileno(), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    Thread(target=_end_with_owner, daemon=True).start()
    entry, *arguments = command
    sys.argv = [entry, *arguments]
    try:
        pkgutil.resolve_name(entry)(*arguments)
    except SystemExit as end:
        if not isinstance(end.code, str):
            raise
        print(end.code, file=sys.stderr)
        sys.exit(CONFIGURATION_EXIT_CODE)


def _end_with_owner() -> None:
    if owner := multiprocessing.parent_process():
        owner.join()
    os.kill(os.getpid(), signal.SIGTERM)
