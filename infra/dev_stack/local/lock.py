"""Lock files that the kernel lets go of when their holder dies.

Invariant: at most one holder, and a crashed one holds nothing; who it is stands in the file, for the sentence that refuses the next one.
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
    """Hold the lock, waiting for it if need be."""
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_taken(path: Path) -> bool:
    """Whether somebody holds the lock now."""
    if not path.exists():
        return False
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def take(path: Path, name: str) -> IO[str]:
    """Hold the lock of the stack `name` until the returned file is closed, or refuse at once."""
    make_folder(path.parent)
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with file:
            raise StackInUse(f"The stack “{name}” is in use by {_holder(file)}. Stop it first, or start one of another name.") from None
    if not _is_still(path, file):  # its folder was deleted between our opening and our locking it
        file.close()
        return take(path, name)
    _sign(file)
    return file


def _is_still(path: Path, file: IO[str]) -> bool:
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
