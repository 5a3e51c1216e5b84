"""What the harness tells the processes of the product while they run: a page of memory that all of them see.

Invariant: a process dies at a point only when that point was armed for it, and once for each arming.
"""

import mmap
import os
import signal
from pathlib import Path

#: The processes, as the supervisor names them. Rapid Care has two workers, so that one may take over from the other.
WORKERS = {
    "referrals": "referrals",
    "rapid_care": "rapid_care",
    "rapid_care-2": "rapid_care",
    "mdt": "mdt",
    "navigation": "navigation",
}
PROGRAMS = ("api", *WORKERS)

API_POINTS = ("api before commit", "api after commit, before the answer")
WORKER_POINTS = (
    "relay before send",
    "relay after send, before delete",
    "relay after delete",
    "worker before commit",
    "worker after commit, before acknowledging",
    "worker after acknowledging",
    "timekeeper before commit",
    "timekeeper after commit",
)
POINTS = (*API_POINTS, *WORKER_POINTS)

VARIABLE = "CHAOS_CONTROL"
_SIZE = mmap.PAGESIZE
_RELEASES = _SIZE // 2


class Control:
    """One byte for each point of each process: at which passage it dies, 0 for never. And one for the release that each starts as."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("a+b") as file:
            file.truncate(_SIZE)
            self._memory = mmap.mmap(file.fileno(), _SIZE)

    def arm(self, program: str, point: str, passages: int) -> None:
        self._memory[_place(program, point)] = passages

    def disarm(self, program: str, point: str) -> None:
        self.arm(program, point, 0)

    def is_armed(self, program: str, point: str) -> bool:
        return self._memory[_place(program, point)] > 0

    def set_release(self, program: str, release: int) -> None:
        self._memory[_RELEASES + PROGRAMS.index(program)] = release

    def release(self, program: str) -> int:
        return self._memory[_RELEASES + PROGRAMS.index(program)]

    def passed(self, program: str, point: str) -> None:
        """Called by the process itself, which may not live to return."""
        place = _place(program, point)
        if left := self._memory[place]:
            self._memory[place] = left - 1
            if left == 1:
                os.kill(os.getpid(), signal.SIGKILL)


def _place(program: str, point: str) -> int:
    return PROGRAMS.index(program) * len(POINTS) + POINTS.index(point)
