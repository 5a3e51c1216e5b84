"""An error of a served application becomes a problem response, and no personal data is logged."""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from infra.dev_stack.local.child import start_child
from infra.dev_stack.local.ports import HOST, free_ports
from tests.timeouts import until

ROOT = Path(__file__).parents[3]


class FailingServer:
    """A uvicorn process and its output."""

    def __init__(self, http: httpx.AsyncClient, output: Path) -> None:
        self.http, self._output = http, output

    async def output_with(self, *expected: str) -> str:
        """The whole output, as soon as it contains all of `expected`."""
        await until(lambda: all(text in self._output.read_text() for text in expected))
        return self._output.read_text()


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FailingServer]:
    port, output = free_ports(1)[0], tmp_path_factory.mktemp("failing") / "output"
    app = "tests.integration.shared.failing_app:create_app"
    with output.open("wb") as file:
        child = await start_child(
            [sys.executable, "-m", "uvicorn", "--factory", app, "--host", HOST, "--port", str(port)], output=file.fileno(), folder=ROOT
        )
    async with httpx.AsyncClient(base_url=f"http://{HOST}:{port}/faulty") as http:
        await until(lambda: _is_live(http))
        yield FailingServer(http, output)
    await child.stop()


async def test_server_error_is_a_problem_with_its_trace(server: FailingServer) -> None:
    response = await server.http.get("/error")

    problem = response.json()
    assert (response.status_code, problem["code"]) == (500, "internal-error")
    assert problem["instance"] == response.headers["traceparent"].split("-")[1]
    assert "Dale" not in response.text
    assert await server.output_with(problem["instance"])


async def test_interrupted_stream_raises_in_the_client(server: FailingServer) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await server.http.get("/stream")


async def test_personal_data_stays_out_of_the_log(server: FailingServer) -> None:
    await server.http.get("/error")
    with pytest.raises(httpx.RemoteProtocolError):
        await server.http.get("/stream")
    await server.http.get("/background?name=Colin%20Dale")
    await server.http.get("/library")

    output = await server.output_with('"a.library"', '"asyncio"')

    assert [word for word in ("Colin", "Dale", "9990548609", "kitchen") if word in output.replace("faulty.py", "")] == []
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert {line.get("problem") for line in lines if line["event"] == "request.failed"} == {"ValueError"}
    assert any(line["event"] == "library.log" and line["logger_name"] == "asyncio" for line in lines)
    assert "Traceback" not in output


async def _is_live(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/livez")).is_success
    except httpx.TransportError:
        return False
