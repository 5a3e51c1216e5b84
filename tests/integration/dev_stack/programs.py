"""Programs for tests of the fork server, and one that owns such a program: `python -m tests.integration.dev_stack.programs LOG`."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from infra.dev_stack.local import fork_server
from infra.dev_stack.local.supervisor import Program


def speak(word: str) -> None:
    sys.stdout.write(f"{word} {os.environ.get('GREETING')} {len(os.environ)}\n")
    signal.pause()


def end(code: str) -> None:
    sys.exit(int(code))


async def _own(log: Path) -> None:
    child = await fork_server.start(Program("speaker", [f"{__package__}.programs:speak", "hello"]), log)
    sys.stdout.write(f"{child.pid}\n")
    sys.stdout.flush()
    await child.process.wait()


if __name__ == "__main__":
    asyncio.run(_own(Path(sys.argv[1])))
