"""A process is killed at the armed point, and the product passes every point."""

import asyncio
import signal
import sys
from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import cast

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from infra.deploy.topics import declarations
from infra.dev_stack.dev_secrets import Keys
from infra.dev_stack.gateway import Gateway
from infra.dev_stack.local.stack import StackAddresses
from shared.kernel.ids import new_id
from shared.messaging import topics
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.outbound.relay import Relay
from shared.messaging.topics import Layout
from tests.builders.rapid_care import RapidCareClient, at, rapid_care
from tests.chaos.control import API_POINTS, Control
from tests.chaos.kill_points import wrap_api, wrap_worker
from tests.timeouts import until

_PROGRAM = """
import sys
from pathlib import Path
from tests.chaos.control import Control
for number in range(5):
    Control(Path(sys.argv[1])).passed("mdt", "relay before send")
    print(number, flush=True)
"""


@pytest.fixture
def points() -> Iterator[list[str]]:
    """The passed points, in order, while the ports of a worker are wrapped."""
    points: list[str] = []
    with wrap_worker(points.append):
        yield points


async def test_process_is_killed_at_armed_passage(tmp_path: Path) -> None:
    control = Control(tmp_path / "control")
    control.arm("mdt", "relay before send", 3)

    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _PROGRAM, str(control.path), stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()

    assert process.returncode == -signal.SIGKILL
    assert output.split() == [b"0", b"1"]
    assert not control.is_armed("mdt", "relay before send")


async def test_worker_passes_every_point_in_order(points: list[str], owner_url: str, keys: Keys, addresses: StackAddresses) -> None:
    prefix = f"{new_id().hex}."
    await topics.create(addresses.kafka_bootstrap, declarations(), Layout(prefix=prefix, partitions=1))
    async with rapid_care(owner_url, keys, at("14:00")) as team:
        await team.receive_referral()
        assert points == [
            "consumer after marking the offset",
            "consumer before commit",
            "consumer after commit, before marking the offset",
        ]
        points.clear()

        await team.context.let_pass(timedelta(hours=3))
        assert points[:2] == ["scheduler before commit", "scheduler after commit"]
        points.clear()

        relay = Relay(team.context.database, "rapid_care", KafkaSettings(addresses.kafka_bootstrap, prefix))
        publishing = asyncio.create_task(relay.run())
        await until(lambda: _is_published(team))
        publishing.cancel()
        await asyncio.wait([publishing])
    assert points[0] == "relay before send"
    assert points[-2:] == ["relay after send, before delete", "relay after delete"]


async def test_api_passes_points_around_commit(owner_url: str, keys: Keys) -> None:
    points: list[str] = []
    async with rapid_care(owner_url, keys, at("14:00")) as team, AsyncClient(transport=_gateway(team), base_url="http://care.test") as http:
        response = await team.receive_referral()
        with wrap_api(points.append):
            await http.get("/rapid-care/responses", headers=team.staff)
            assert points == []
            headers = team.staff | {"If-Match": 'W/"1"'}
            http_response = await http.post(f"/rapid-care/responses/{response}/acceptance", headers=headers)

    assert http_response.status_code == HTTPStatus.OK
    assert points == list(API_POINTS)


async def _is_published(team: RapidCareClient) -> bool:
    return not await team.context.database.pool.fetchval("SELECT count(*) FROM outbox")


def _gateway(team: RapidCareClient) -> ASGITransport:
    transport = team.context.http._transport
    assert isinstance(transport, ASGITransport)
    return ASGITransport(Gateway({"/rapid-care": cast("FastAPI", transport.app)}))
