"""Runs a function of the product and records the files of `services` and `shared` whose functions it runs.

`tests.journeys.function_trace:main PHASE RECORD MODULE:FUNCTION ARGUMENT ...`: the first byte of the file PHASE is the number of the
present phase, and 0 records nothing. The file RECORD receives a line `phase path` for each file, once for each phase.
"""

import mmap
import os
import pkgutil
import sys
import threading
from dataclasses import dataclass, field
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType, FrameType

_ROOT = Path(__file__).parents[2]


@dataclass
class FunctionTrace:
    """Bodies of modules and classes, which run at an import, are no functions. Methods that dataclasses generate have no file."""

    phase: mmap.mmap
    record: int
    _paths: dict[CodeType, str | None] = field(default_factory=dict)
    _seen: set[tuple[int, str]] = field(default_factory=set)

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if not (phase := self.phase[0]) or event != "call":
            return
        if frame.f_code not in self._paths:
            self._paths[frame.f_code] = _path(frame.f_code)
        path = self._paths[frame.f_code]
        if path and (phase, path) not in self._seen:
            self._seen.add((phase, path))
            os.write(self.record, f"{phase} {path}\n".encode())


def _path(code: CodeType) -> str | None:
    """The path of the function's file from the root; None for other code."""
    path = Path(code.co_filename)
    if not code.co_flags & CO_OPTIMIZED or not path.is_relative_to(_ROOT):
        return None
    relative = path.relative_to(_ROOT)
    return str(relative) if relative.parts[0] in {"services", "shared"} else None


def main() -> None:
    phase, record, function, *arguments = sys.argv[1:]
    with Path(phase).open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 1, access=mmap.ACCESS_READ)
    trace = FunctionTrace(mapped, os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND))
    threading.setprofile(trace)
    sys.setprofile(trace)
    sys.argv = [function, *arguments]
    pkgutil.resolve_name(function)(*arguments)
