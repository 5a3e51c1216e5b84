"""A worker reports its health and metrics over HTTP."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from infra.dev_stack.local.ports import HOST, free_ports
from shared.messaging.health import Health
from tests.integration.shared.delivery_harness import DeliveryHarness


@dataclass
class StubComponent:
    """Reports the health that a test sets."""

    is_working: bool = True

    async def run(self) -> None:
        """Does nothing."""


@pytest.fixture
def components() -> dict[str, StubComponent]:
    return {"relay": StubComponent(), "consumer": StubComponent()}


@pytest.fixture
async def http(harness: DeliveryHarness, components: dict[str, StubComponent]) -> AsyncIterator[httpx.AsyncClient]:
    port = free_ports(1)[0]
    server = await Health(harness.sender.database, "rapid_care", components).serve(HOST, port)
    async with httpx.AsyncClient(base_url=f"http://{HOST}:{port}") as http:
        yield http
    server.close()


async def test_worker_with_working_components_is_ready(http: httpx.AsyncClient) -> None:
    live, ready = await http.get("/livez"), await http.get("/readyz?verbose")

    assert (live.status_code, live.json()) == (200, {"status": "alive"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


@pytest.mark.parametrize("name", ["relay", "consumer"])
async def test_worker_is_not_ready_while_a_component_fails(
    http: httpx.AsyncClient, components: dict[str, StubComponent], name: str
) -> None:
    components[name].is_working = False

    ready = await http.get("/readyz")

    assert (ready.status_code, ready.json()) == (503, {"status": "not-ready", "waits_for": [name]})
    assert (await http.get("/livez")).status_code == 200


async def test_worker_without_database_is_alive_and_not_ready(harness: DeliveryHarness, http: httpx.AsyncClient) -> None:
    await harness.sender.database.pool.close()

    ready = await http.get("/readyz")

    assert (ready.status_code, ready.json()["waits_for"]) == (503, ["database"])
    assert (await http.get("/livez")).status_code == 200
    assert "care_events_published_total" in (await http.get("/metrics")).text


async def test_metrics_show_rows_of_the_database(harness: DeliveryHarness, http: httpx.AsyncClient) -> None:
    for _ in range(3):
        await harness.send()

    response = await http.get("/metrics")

    assert response.headers["content-type"].startswith("text/plain")
    assert re.search(r'^care_outbox_events\{context="rapid_care"\} 3\.0$', response.text, re.MULTILINE)


async def test_unknown_path_is_not_found(http: httpx.AsyncClient) -> None:
    assert (await http.get("/")).status_code == 404


@pytest.mark.parametrize("sent", [b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"x" * 200_000])
async def test_malformed_request_leaves_endpoint_alive(http: httpx.AsyncClient, sent: bytes) -> None:
    _, writer = await asyncio.open_connection(HOST, http.base_url.port)
    writer.write(sent)
    writer.close()

    assert (await http.get("/livez")).status_code == 200
