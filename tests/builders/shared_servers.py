"""The servers that the processes of one test run share: `python -m tests.builders.shared_servers SOCKET`.

Each server starts at the first request for it. All of them stop when standard input ends, which the first process of the run has open.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.timeouts import LONGEST_WAIT

_SOCKET = "CARE_TEST_SERVERS"
_ROOT = Path(__file__).parents[2]


@dataclass
class SharedServers:
    """The addresses of the servers that run."""

    running: AsyncExitStack
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    addresses: dict[str, Any] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Receives the name of a server and sends its addresses."""
        name = (await reader.readline()).decode().strip()
        async with self.lock:
            if name not in self.addresses:
                self.addresses[name] = await (self._postgres() if name == "postgres" else self._kafka())
        writer.write(json.dumps(self.addresses[name]).encode() + b"\n")
        await writer.drain()
        writer.close()

    async def _postgres(self) -> dict[str, str]:
        from tests.builders.servers import start_postgres

        server = await self.running.enter_async_context(start_postgres())
        return {"address": server.address, "version": server.version}

    async def _kafka(self) -> dict[str, str]:
        from tests.builders.servers import start_kafka

        addresses = await self.running.enter_async_context(start_kafka(self.addresses["postgres"]["address"]))
        return {"kafka_bootstrap": addresses.kafka_bootstrap, "kafka_version": addresses.kafka_version}


@contextmanager
def sharing_servers() -> Iterator[None]:
    """For the first process of a run: the processes that it starts inside the block share servers."""
    with TemporaryDirectory(prefix="care-test-") as folder:
        path = os.environ[_SOCKET] = f"{folder}/servers"
        server = subprocess.Popen([sys.executable, "-m", "tests.builders.shared_servers", path], cwd=_ROOT, stdin=subprocess.PIPE)
        try:
            yield
        finally:
            del os.environ[_SOCKET]
            server.communicate()


async def ask(name: str) -> dict[str, str] | None:
    """The addresses of a shared server; None when this process has servers of its own."""
    if (path := os.environ.get(_SOCKET)) is None:
        return None
    async with asyncio.timeout(LONGEST_WAIT):
        while not Path(path).exists():  # noqa: ASYNC240  one look at the local disk
            await asyncio.sleep(0.05)
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(name.encode() + b"\n")
    reply: dict[str, str] = json.loads(await reader.readline())
    writer.close()
    return reply


async def _main(path: str) -> None:
    async with AsyncExitStack() as running:
        server = await asyncio.start_unix_server(SharedServers(running).serve, path)
        await asyncio.to_thread(sys.stdin.read)
        server.close()


if __name__ == "__main__":
    os.setsid()  # Ctrl-C ends the run, which then ends its servers
    asyncio.run(_main(sys.argv[1]))
