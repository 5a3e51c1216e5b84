"""Ends what a crashed run of the same stack left behind.

Invariant: only called while the stack's lock is held, and only ends servers whose command line or working folder is this stack's data,
so a process of anybody else is never touched, whatever pid a stale file names.
"""

import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

FALLBACK_MODULE = "infra.dev_stack.local.fallback_broker"
_PATIENCE = 10


def end_leftovers(folders: Iterable[Path]) -> int:
    """End the servers that still work on `folders`; how many there were."""
    found = [process for process in psutil.process_iter() if any(_works_on(process, folder) for folder in folders)]
    for process in found:
        _ask(process)
    _, stubborn = psutil.wait_procs(found, timeout=_PATIENCE)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=_PATIENCE)
    return len(found)


def _works_on(process: psutil.Process, folder: Path) -> bool:
    try:
        match process.name():
            case "postgres":  # its helpers show another command line, but work in the data folder
                return Path(process.cwd()).is_relative_to(folder)
            case "java":
                return _mentions(process, folder)
        return FALLBACK_MODULE in process.cmdline() and _mentions(process, folder)
    except psutil.Error:
        return False


def _mentions(process: psutil.Process, folder: Path) -> bool:
    return any(Path(argument).is_relative_to(folder) for argument in process.cmdline())


def _ask(process: psutil.Process) -> None:
    """PostgreSQL takes SIGINT for "end the sessions and stop"; to SIGTERM it would wait for them."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
