"""Ends the server processes that a crashed run of the same stack left running.

Invariant: the caller holds the stack's lock, and only servers whose command line or working folder is in this stack's data are ended. A
stale pid file cannot end a foreign process.
"""

import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

FALLBACK_MODULE = "infra.dev_stack.local.fallback_broker"
_TIMEOUT_SECONDS = 10


def end_orphans(folders: Iterable[Path]) -> int:
    """Ends the servers that use `folders` and returns their number."""
    found = [process for process in psutil.process_iter() if any(_uses(process, folder) for folder in folders)]
    for process in found:
        _request_stop(process)
    _, alive = psutil.wait_procs(found, timeout=_TIMEOUT_SECONDS)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=_TIMEOUT_SECONDS)
    return len(found)


def _uses(process: psutil.Process, folder: Path) -> bool:
    try:
        match process.name():
            case "postgres":  # its helper processes have other command lines, but work in the data folder
                return Path(process.cwd()).is_relative_to(folder)
            case "java":
                return _mentions(process, folder)
        return FALLBACK_MODULE in process.cmdline() and _mentions(process, folder)
    except psutil.Error:
        return False


def _mentions(process: psutil.Process, folder: Path) -> bool:
    return any(Path(argument).is_relative_to(folder) for argument in process.cmdline())


def _request_stop(process: psutil.Process) -> None:
    """PostgreSQL ends its sessions on SIGINT; on SIGTERM it would wait for them."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
