"""The priority of a process against others on the same machine."""

import os
from contextlib import suppress
from pathlib import Path

_AUTOGROUP = Path("/proc/self/autogroup")


def lower_priority(niceness: int) -> None:
    """Adds `niceness`. On Linux sessions share the cores as equals, so the leader of a session lowers its session too."""
    nice = os.nice(niceness)
    if os.getsid(0) == os.getpid():  # any other process would lower the shell or the service that started it
        with suppress(OSError):  # another system, or a kernel without such groups
            _AUTOGROUP.write_text(str(nice))
