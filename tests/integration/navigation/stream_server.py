"""The navigation API served by uvicorn in another process, and a client of its event streams."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import MappingProxyType
from typing import Any

import httpx

from infra.dev_stack.dev_secrets import Keys
from infra.dev_stack.local.ports import HOST, accepts, free_ports
from infra.dev_stack.process_environment import environment
from tests.builders.programs import ForkedProcess, Programs
from tests.timeouts import LONGEST_WAIT


@dataclass(frozen=True)
class Event:
    """A server-sent event."""

    id: int
    name: str
    data: dict[str, Any]


@dataclass(frozen=True)
class ApiProcess:
    """A running API process and its log."""

    url: str
    process: ForkedProcess
    log: Path

    @asynccontextmanager
    async def stream(self, code: str, headers: dict[str, str]) -> AsyncIterator[AsyncIterator[str]]:
        """Connects to a feed's stream and yields its lines; disconnects at the end of the block."""
        async with (
            httpx.AsyncClient(base_url=self.url, timeout=LONGEST_WAIT) as http,
            http.stream("GET", f"/navigation/navigators/{code}/feed/stream", headers=headers) as response,
        ):
            assert response.status_code == 200, await response.aread()
            assert response.headers["content-type"].startswith("text/event-stream")
            yield response.aiter_lines()

    async def stop(self) -> str:
        """Sends SIGTERM, waits for the exit and returns the log."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(LONGEST_WAIT):
            await self.process.wait()
        return self.log.read_text()


async def events(lines: AsyncIterator[str], count: int) -> list[Event]:
    """The next `count` events, or fewer when the stream ends; comments and retry hints are skipped."""
    found: list[Event] = []
    fields: dict[str, str] = {}
    async with asyncio.timeout(LONGEST_WAIT):
        async for line in lines:
            name, _, value = line.partition(": ")
            if line and name:
                fields[name] = value
            elif "data" in fields:
                found.append(Event(int(fields["id"]), fields["event"], json.loads(fields["data"])))
                fields = {}
            if len(found) == count:
                break
    return found


@asynccontextmanager
async def run_api(
    programs: Programs, owner_url: str, keys: Keys, more: Mapping[str, str] = MappingProxyType({}), **policy: Any
) -> AsyncIterator[ApiProcess]:
    """Runs uvicorn on a free port until the end of the block, with `more` variables; `policy` changes configured numbers of navigation."""
    port = free_ports(1)[0]
    variables = environment(owner_url, "127.0.0.1:9", keys) | {"NAVIGATION_POLICY": json.dumps(policy), **more}
    variables |= {"CARE_HTTP_HOST": HOST, "CARE_HTTP_PORT": str(port)}
    with NamedTemporaryFile(prefix="navigation-", suffix=".log") as log:
        process = await programs.start("services.navigation.main", environment=os.environ | variables, output=log.fileno())
        async with _stopped(ApiProcess(f"http://{HOST}:{port}", process, Path(log.name))) as found:
            await _until_it_listens(process, port)
            yield found


@asynccontextmanager
async def _stopped(found: ApiProcess) -> AsyncIterator[ApiProcess]:
    try:
        yield found
    finally:
        await found.stop()


async def _until_it_listens(process: ForkedProcess, port: int) -> None:
    async with asyncio.timeout(LONGEST_WAIT):
        while not await accepts(HOST, port):
            assert process.returncode is None
            await asyncio.sleep(0.05)
