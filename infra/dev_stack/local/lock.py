"""Lock files that the kernel releases when their holder ends.

Invariant: at most one process holds a lock, and a crashed process holds none. The file contains the holder's pid, for the error message.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil

from infra.dev_stack.local.paths import make_folder
from infra.errors import StackInUse


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Acquires the lock, waiting for another holder."""
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_locked(path: Path) -> bool:
    """Returns whether a process holds the lock."""
    if not path.exists():
        return False
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def take(path: Path, name: str) -> IO[str]:
    """Acquires the lock of the stack `name` until the returned file is closed. Raises StackInUse when another process holds it."""
    make_folder(path.parent)
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with file:
            raise StackInUse(f"The stack “{name}” is in use by {_holder(file)}. Stop it first, or start one with another name.") from None
    if not _is_current(path, file):  # the folder was deleted between open and lock
        file.close()
        return take(path, name)
    _sign(file)
    return file


def _is_current(path: Path, file: IO[str]) -> bool:
    return path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino


def _sign(file: IO[str]) -> None:
    file.truncate(0)
    file.write(f"{os.getpid()} {psutil.Process().create_time()}\n")
    file.flush()


def _holder(file: IO[str]) -> str:
    file.seek(0)
    pid, *_ = file.read().split() or ["?"]
    with suppress(psutil.Error, ValueError):
        return f"process {pid} ({psutil.Process(int(pid)).name()})"
    return f"process {pid}"
