"""Only a response of the started process counts as readiness."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from infra.dev_stack.local.ports import HOST
from infra.dev_stack.local.supervisor import Program, Supervisor
from infra.dev_stack.readiness import until_ready
from infra.errors import StackError
from tests.timeouts import LONGEST_WAIT

_SLEEPS = [sys.executable, "-I", "-c", "import time; print('not serving', flush=True); time.sleep(600)"]


@asynccontextmanager
async def _http_server(process: int | None) -> AsyncIterator[str]:
    """Serves every path with the process id `process`, as `/livez` does."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):  # the client may have timed out
                await reader.readuntil(b"\r\n\r\n")
                body = json.dumps({"process": process}).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                await writer.drain()
        finally:
            writer.close()

    async with await asyncio.start_server(respond, HOST, 0) as server:
        yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}"


async def test_foreign_process_on_the_port_is_not_ready(tmp_path: Path) -> None:
    async with Supervisor([Program("api", _SLEEPS)], tmp_path) as supervisor, _http_server(1) as url:
        with pytest.raises(StackError, match=r"api did not become ready in 2 s\..*api\.log ends:\n(api started .*\n)?not serving"):
            await until_ready(url, {}, supervisor, within=2)


async def test_program_with_wrong_configuration_ends_the_wait(tmp_path: Path) -> None:
    refuses = [sys.executable, "-I", "-c", "import sys; print('MDT_POLICY is wrong'); sys.exit(78)"]
    (tmp_path / "mdt.log").write_text("an error of an earlier start\n")
    async with Supervisor([Program("api", _SLEEPS), Program("mdt", refuses)], tmp_path) as supervisor:
        with pytest.raises(StackError) as refusal:
            await until_ready(f"http://{HOST}:9", {}, supervisor, within=LONGEST_WAIT)

    first, second, *lines = str(refusal.value).splitlines()
    assert first.startswith("mdt cannot start with this configuration.")
    assert second.startswith("mdt started with pid ") or "MDT_POLICY is wrong" in second
    assert "MDT_POLICY is wrong" in [second, *lines]
    assert "earlier start" not in str(refusal.value)
    assert "restarts" not in str(refusal.value)


async def test_worker_without_response_is_named(tmp_path: Path) -> None:
    programs = [Program(name, _SLEEPS) for name in ("api", "mdt")]
    async with Supervisor(programs, tmp_path) as supervisor, _http_server(supervisor.pid("api")) as url:
        await until_ready(url, {"mdt": url}, supervisor, within=LONGEST_WAIT)
        with pytest.raises(StackError, match="mdt did not become ready"):
            await until_ready(url, {"mdt": f"http://{HOST}:9"}, supervisor, within=4)  # the four earlier checks have the same timeout
