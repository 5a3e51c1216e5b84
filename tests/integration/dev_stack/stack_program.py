"""A program that starts another one with the fork server of a stack, and prints what that one says of itself."""

import asyncio
import gc
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

from infra.dev_stack.local import fork_server
from infra.dev_stack.local.supervisor import Program

_HERE = "tests.integration.dev_stack.stack_program"
_SIGNALS = {"sigterm": signal.SIGTERM, "sigint": signal.SIGINT}
_KINDS = {signal.SIG_DFL: "SIG_DFL", signal.default_int_handler: "default_int_handler"}


def describe(opened: str) -> None:
    """`opened` is the path of a file that the first program has open."""
    kinds = {name: _KINDS.get(signal.getsignal(number), "another") for name, number in _SIGNALS.items()}
    files = {os.path.realpath(f"/dev/fd/{each}") for each in range(256) if Path(f"/dev/fd/{each}").exists()}
    said = {"is_forked": "infra.cli" in sys.modules, "collects_garbage": gc.isenabled(), **kinds, "sees_file_of_parent": opened in files}
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        log, opened = Path(folder) / "log", Path(folder) / "opened"
        with opened.open("w"):
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
            child = await fork_server.start(Program("describer", [f"{_HERE}:describe", str(opened)]), log)
            await child.process.wait()
        sys.stdout.write(log.read_text())


if __name__ == "__main__":
    asyncio.run(main())
