"""Log files of started programs.

Invariant: a log only grows while its program runs; a large one is set aside before the next start, and one is kept.
"""

from pathlib import Path
from typing import IO

_LARGEST = 10_000_000
_LAST_LINES = 8


def open_log(path: Path) -> IO[bytes]:
    """The file to hand to a program that is about to start."""
    if path.exists() and path.stat().st_size > _LARGEST:
        path.replace(path.with_name(f"{path.name}.1"))
    return path.open("ab")


def log_tail(path: Path) -> str:
    """How the log ends, for the sentence about a program that failed: the log itself may be gone when that is read."""
    lines = path.read_text(errors="replace").split("\n") if path.exists() else []
    return "\n".join([f"{path} ends:", *[line for line in lines if line][-_LAST_LINES:]])
