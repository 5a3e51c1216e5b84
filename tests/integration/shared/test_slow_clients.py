"""A client that is slow to send a request loses its connection; others are served."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from structlog.testing import capture_logs

from infra.dev_stack.dev_secrets import Keys
from shared.deployment.server import ImpatientProtocol
from tests.builders.database import CommonDatabase
from tests.builders.programs import Programs
from tests.integration.navigation.stream_server import run_api
from tests.timeouts import LONGEST_WAIT

HEAD = b"POST /parcels HTTP/1.1\r\nHost: care.test\r\n"
BODY = HEAD + b"Content-Length: 10\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\n"


class QuickProtocol(ImpatientProtocol):
    """The same with less patience."""

    header_seconds = 0.3
    body_seconds = 0.6


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers when the whole body has arrived."""
    assert scope["type"] == "http"
    message = await receive()
    while message.get("more_body"):
        message = await receive()
    if message["type"] == "http.request":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    server = uvicorn.Server(uvicorn.Config(echo, host="127.0.0.1", port=0, http=QuickProtocol, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(LONGEST_WAIT):
        while not server.started:
            await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


async def sent(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """Sends the parts, and returns what arrives until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(LONGEST_WAIT):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
            return await reader.read()
    except (ConnectionResetError, BrokenPipeError):
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("parts", "part"),
    [
        ((), "headers"),
        ((HEAD,), "headers"),
        ((BODY, b"12345"), "body"),
        ((BODY + b"1234567890" + HEAD,), "headers"),
    ],
    ids=["nothing", "half of the headers", "half of the body", "half of the next headers"],
)
async def test_slow_client_loses_its_connection(port: int, parts: tuple[bytes, ...], part: str) -> None:
    with capture_logs() as logs:
        await sent(port, *parts)

    assert [entry["part"] for entry in logs if entry["event"] == "connection.slow"] == [part]


async def test_running_api_ends_half_sent_headers(common_database: CommonDatabase, programs: Programs, keys: Keys) -> None:
    """An API as it is deployed, with its own patience."""
    async with run_api(programs, common_database.url, keys) as api:
        answer = await sent(int(api.url.rpartition(":")[2]), HEAD)
        log = await api.stop()

    assert (answer, "connection.slow" in log) == (b"", True)


async def test_dripping_client_is_not_waited_for(port: int) -> None:
    drops = [bytes([each]) for each in BODY + b"1234567890"]

    answer = await sent(port, *drops, pause=0.05)

    assert answer == b""


async def test_complete_requests_of_one_connection_are_answered(port: int) -> None:
    whole = BODY + b"1234567890"
    with capture_logs() as logs:
        answer = await sent(port, whole, whole[:-5], whole[-5:], pause=0.1)

    assert answer.count(ANSWER) == 2
    assert [entry for entry in logs if entry["event"] == "connection.slow"] == []
