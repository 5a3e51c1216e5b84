"""The priority of a process against others on the same machine."""

import os
from contextlib import suppress
from pathlib import Path

_AUTOGROUP = Path("/proc/self/autogroup")


def lower_priority(niceness: int) -> None:
    """Adds `niceness`. On Linux each session is a group that shares the cores as an equal of the others, so the group is lowered too."""
    nice = os.nice(niceness)
    with suppress(OSError):  # another system, or a kernel without groups
        _AUTOGROUP.write_text(str(nice))
