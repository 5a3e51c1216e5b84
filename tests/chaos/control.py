"""Controls the processes of the product while they run, through one memory-mapped page that all of them share.

Invariant: a process is killed at a point only when that point was armed for it, and once for each arming.
"""

import mmap
import os
import signal
from pathlib import Path

#: The workers, as the supervisor names them, with their contexts. Rapid Care has two, so that one can take over from the other.
WORKERS = {
    "referrals": "referrals",
    "rapid_care": "rapid_care",
    "rapid_care-2": "rapid_care",
    "mdt": "mdt",
    "navigation": "navigation",
}
PROGRAMS = ("api", *WORKERS)

API_POINTS = ("api before commit", "api after commit, before the response")
WORKER_POINTS = (
    "relay before send",
    "relay after send, before delete",
    "relay after delete",
    "consumer before commit",
    "consumer after commit, before marking the offset",
    "consumer after marking the offset",
    "scheduler before commit",
    "scheduler after commit",
)
POINTS = (*API_POINTS, *WORKER_POINTS)

VARIABLE = "CHAOS_CONTROL"
_SIZE = mmap.PAGESIZE
_RELEASES = _SIZE // 2


class Control:
    """Holds one byte per point and process: after how many passages the process is killed; 0 disarms. A second area holds its release."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("a+b") as file:
            file.truncate(_SIZE)
            self._memory = mmap.mmap(file.fileno(), _SIZE)

    def arm(self, program: str, point: str, passages: int) -> None:
        self._memory[_index(program, point)] = passages

    def disarm(self, program: str, point: str) -> None:
        self.arm(program, point, 0)

    def is_armed(self, program: str, point: str) -> bool:
        return self._memory[_index(program, point)] > 0

    def set_release(self, program: str, release: int) -> None:
        self._memory[_RELEASES + PROGRAMS.index(program)] = release

    def release(self, program: str) -> int:
        return self._memory[_RELEASES + PROGRAMS.index(program)]

    def passed(self, program: str, point: str) -> None:
        """Counts a passage. The process itself calls this, and does not return from the last armed passage."""
        index = _index(program, point)
        if left := self._memory[index]:
            self._memory[index] = left - 1
            if left == 1:
                os.kill(os.getpid(), signal.SIGKILL)


def _index(program: str, point: str) -> int:
    return PROGRAMS.index(program) * len(POINTS) + POINTS.index(point)
