"""A process dies where it was told to, and the ports that the points stand at are those that the product passes."""

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
from shared.messaging.outbound.relay import Relay
from shared.messaging.topics import Layout
from tests.builders.rapid_care import RapidCare, at, rapid_care
from tests.chaos.control import API_POINTS, Control
from tests.chaos.kill_points import wrap_api, wrap_worker
from tests.integration.shared.test_worker import until

_PASS = """
import sys
from pathlib import Path
from tests.chaos.control import Control
for number in range(5):
    Control(Path(sys.argv[1])).passed("mdt", "relay before send")
    print(number, flush=True)
"""


@pytest.fixture
def passed() -> Iterator[list[str]]:
    """The points that are passed, in order, while the ports of a worker are wrapped."""
    passed: list[str] = []
    with wrap_worker(passed.append):
        yield passed


async def test_a_process_dies_at_the_passage_that_was_armed_and_once(tmp_path: Path) -> None:
    control = Control(tmp_path / "control")
    control.arm("mdt", "relay before send", 3)

    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _PASS, str(control.path), stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()

    assert process.returncode == -signal.SIGKILL
    assert output.split() == [b"0", b"1"]
    assert not control.is_armed("mdt", "relay before send")


async def test_a_worker_passes_every_point_in_its_order(passed: list[str], owner_url: str, keys: Keys, addresses: StackAddresses) -> None:
    prefix = f"{new_id().hex}."
    await topics.create(addresses.kafka_bootstrap, declarations(), Layout(prefix=prefix, partitions=1))
    async with rapid_care(owner_url, keys, at("14:00")) as team:
        await team.routed()
        assert passed == ["worker after acknowledging", "worker before commit", "worker after commit, before acknowledging"]
        passed.clear()

        await team.context.let_pass(timedelta(hours=3))
        assert passed[:2] == ["timekeeper before commit", "timekeeper after commit"]
        passed.clear()

        relay = Relay(team.context.database, "rapid_care", addresses.kafka_bootstrap, prefix=prefix)
        sending = asyncio.create_task(relay.run())
        await until(lambda: _is_sent(team))
        sending.cancel()
        await asyncio.wait([sending])
    assert passed[0] == "relay before send"
    assert passed[-2:] == ["relay after send, before delete", "relay after delete"]


async def test_the_api_passes_its_points_before_and_after_the_commit(owner_url: str, keys: Keys) -> None:
    passed: list[str] = []
    async with rapid_care(owner_url, keys, at("14:00")) as team, AsyncClient(transport=_gateway(team), base_url="http://care.test") as http:
        response = await team.routed()
        with wrap_api(passed.append):
            await http.get("/rapid-care/responses", headers=team.staff)
            assert passed == []
            headers = team.staff | {"If-Match": 'W/"1"'}
            answer = await http.post(f"/rapid-care/responses/{response}/acceptance", headers=headers)

    assert answer.status_code == HTTPStatus.OK
    assert passed == list(API_POINTS)


async def _is_sent(team: RapidCare) -> bool:
    return not await team.context.database.pool.fetchval("SELECT count(*) FROM outbox")


def _gateway(team: RapidCare) -> ASGITransport:
    transport = team.context.http._transport
    assert isinstance(transport, ASGITransport)
    return ASGITransport(Gateway({"/rapid-care": cast("FastAPI", transport.app)}))
