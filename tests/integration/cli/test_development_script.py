"""The script `alone.py` of docs/development.md runs one command beside the servers."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

from tests.integration.cli.care_process import Workspace
from tests.timeouts import LONGEST_WAIT

_ROOT = Path(__file__).parents[3]
#: Prints a line at its start, and another one half a second after SIGINT.
_COMMAND = """
import signal, sys, time
caught = []
signal.signal(signal.SIGINT, lambda *_: caught.append(1))
print("started", flush=True)
while not caught:
    time.sleep(0.01)
time.sleep(0.5)
print("continued", flush=True)
"""


async def test_interrupt_reaches_the_command_alone(workspace: Workspace, tmp_path: Path) -> None:
    page = (_ROOT / "docs" / "development.md").read_text()
    (script,) = re.findall(r"as `alone\.py`:\n\n```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "alone.py").write_text(script)
    variables = {**os.environ, "CARE_HOME": str(workspace.home), "PYTHONPATH": str(_ROOT), **workspace.variables}

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(tmp_path / "alone.py"), sys.executable, "-c", _COMMAND),
        env=variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout
    async with asyncio.timeout(LONGEST_WAIT):
        assert await process.stdout.readline() == b"started\n"
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C in a terminal
        out, err = await process.communicate()

    assert (process.returncode, out) == (0, b"continued\n")
    assert b"Traceback" not in err
