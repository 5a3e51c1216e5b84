"""Tells the lines that others add to a file.

Invariant: each line is told once and whole; what was there before is not told; on cancellation the rest is told first.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

_PAUSE = 0.1


@dataclass(slots=True)
class Follower:
    """Reads on from where the file ended when this was made."""

    path: Path
    tell: Callable[[str], None]
    _offset: int = field(init=False)
    _unfinished: bytes = field(default=b"", init=False)

    def __post_init__(self) -> None:
        self._offset = self.path.stat().st_size if self.path.exists() else 0

    async def run(self) -> None:
        try:
            while True:
                await asyncio.sleep(_PAUSE)
                self.catch_up()
        finally:
            self.catch_up()

    def catch_up(self) -> None:
        *lines, self._unfinished = (self._unfinished + self._read_on()).split(b"\n")
        for line in lines:
            self.tell(line.decode(errors="replace"))

    def _read_on(self) -> bytes:
        if not self.path.exists():
            return b""
        if self.path.stat().st_size < self._offset:  # another file of this name was begun
            self._offset = 0
        with self.path.open("rb") as file:
            file.seek(self._offset)
            added = file.read()
        self._offset += len(added)
        return added
