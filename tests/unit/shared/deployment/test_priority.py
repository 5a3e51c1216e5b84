"""A worker lowers its own priority, and on Linux the one of the session that it leads."""

import os
import subprocess
import sys

from shared.deployment import priority

_PROGRAM = """
import os, pathlib, runpy, sys
group = pathlib.Path("/proc/self/autogroup")
os.setsid()
if sys.argv[1] == "member" and os.fork():
    os.wait()
    sys.exit()
runpy.run_path(sys.argv[2])["lower_priority"](5)
print(os.nice(0), group.read_text().split()[-1] if group.exists() else {"leader": os.nice(0), "member": 0}[sys.argv[1]])
"""


def _lowered(role: str) -> list[str]:
    command = [sys.executable, "-c", _PROGRAM, role, priority.__file__]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_process_and_session_get_the_same_niceness() -> None:
    assert _lowered("leader") == [str(min(os.nice(0) + 5, 19))] * 2


def test_session_of_another_leader_keeps_its_niceness() -> None:
    assert _lowered("member") == [str(min(os.nice(0) + 5, 19)), "0"]
