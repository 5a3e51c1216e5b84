"""Log files of started programs.

Invariant: a log is only appended to while its program runs. A large log is renamed before the next start; one old log is retained.
"""

from pathlib import Path
from typing import IO

_MAX_BYTES = 10_000_000
_TAIL_LINES = 8


def open_log(path: Path) -> IO[bytes]:
    """Opens the log for a program that is about to start."""
    if path.exists() and path.stat().st_size > _MAX_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return path.open("ab")


def log_size(path: Path) -> int:
    """The size in bytes, or 0 when there is no log."""
    return path.stat().st_size if path.exists() else 0


def log_tail(path: Path, since: int = 0) -> str:
    """Returns the last lines of the log, for the error about a failed program: the log may be deleted later.

    `since` is the size of the log before the start: earlier lines belong to earlier starts. A shorter log has been renamed since then.
    """
    content = path.read_bytes() if path.exists() else b""
    lines = content[since if since <= len(content) else 0 :].decode(errors="replace").split("\n")
    return "\n".join([f"{path} ends:", *[line for line in lines if line][-_TAIL_LINES:]])
