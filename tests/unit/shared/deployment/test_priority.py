"""A worker lowers its own priority, and on Linux the one of its session."""

import os
import subprocess
import sys

_PROGRAM = """
import os, pathlib
from shared.deployment.priority import lower_priority
os.setsid()
lower_priority(5)
group = pathlib.Path("/proc/self/autogroup")
print(os.nice(0), group.read_text().split()[-1] if group.exists() else os.nice(0))
"""


def test_process_and_session_get_the_same_niceness() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)

    assert done.stdout.split() == [str(min(os.nice(0) + 5, 19))] * 2
