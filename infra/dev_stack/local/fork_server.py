"""Starts programs by forking a process that has imported their code already.

Importing the product takes a process seconds; those started here share one import, and its memory until they write to it. The server
is multiprocessing's own: one per process that asks, started with `prepare` or at the first `start`.

Invariant: a program started here ends when the process that asked for it does, and a program that counts as ended has ended: when the
server is killed, nobody can say any more how its programs do, so they are ended too.
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
from infra.dev_stack.local.supervisor import Program
from infra.errors import StackError


def prepare(modules: Sequence[str]) -> None:
    """Begin to import `modules` in the background. They must not start threads."""
    multiprocessing.set_forkserver_preload([*modules, "infra.dev_stack.local.gc_freeze"])
    forkserver.ensure_running()


async def start(program: Program, log: Path) -> Child:
    """`program.command` is a function as `module:name`, and its arguments. Raises StackError when the code cannot be imported."""
    open_log(log).close()
    environment = dict(os.environ if program.environment is None else program.environment)
    process = ForkServerProcess(target=_live, args=(program.command, environment, log), name=program.name, daemon=True)
    try:
        await asyncio.to_thread(process.start)
    except (OSError, EOFError) as trouble:
        raise StackError(f"{program.name} cannot be started: its code cannot be imported.") from trouble
    return Child(Forked(process))


class Forked:
    """A started process, seen as asyncio's own are."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process, self._ended, self._itself = process, asyncio.Event(), _seen(process)
        asyncio.get_running_loop().add_reader(process.sentinel, self._note)

    @property
    def pid(self) -> int:
        return self._process.ident or 0

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode if self._ended.is_set() else None

    async def wait(self) -> int:
        await self._ended.wait()
        return self._process.exitcode or 0

    def _note(self) -> None:
        asyncio.get_running_loop().remove_reader(self._process.sentinel)
        self._process.join()
        with suppress(psutil.Error):
            if self._itself:
                self._itself.kill()
        self._ended.set()


def _seen(process: ForkServerProcess) -> psutil.Process | None:
    """The process and no other that may have its pid later; None when it has ended already."""
    with suppress(psutil.Error):
        return psutil.Process(process.ident)
    return None


def _live(command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
    """In the new process: become `command`."""
    os.setsid()  # Ctrl-C in a terminal is for the owner, who then stops its children in order
    sys.stdout = log.open("a", buffering=1)
    for descriptor in (1, 2):
        os.dup2(sys.stdout.fileno(), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    Thread(target=_end_with_owner, daemon=True).start()
    entry, *arguments = command
    sys.argv = [entry, *arguments]
    pkgutil.resolve_name(entry)(*arguments)


def _end_with_owner() -> None:
    if owner := multiprocessing.parent_process():
        owner.join()
    os.kill(os.getpid(), signal.SIGTERM)
