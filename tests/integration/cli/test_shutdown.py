"""`care up` stops under load on SIGINT: acknowledged requests are complete, and it exits within ten seconds."""

import asyncio
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from uuid import UUID

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer

from shared.kernel.ids import new_id
from tests.builders.population import nhs_numbers
from tests.builders.referral_request import REFERRAL
from tests.integration.cli.care_process import RunningProduct, Workspace, care_up

_CLIENTS, _MIN_ACKNOWLEDGED, _MAX_SECONDS = 8, 50, 10.0
_NAVIGATOR = "clch-navigator-1"
_WITHOUT_EVENT = """
SELECT count(*) FROM referrals.referral LEFT JOIN referrals.event ON event.subject = referral.id AND event.sequence = 1
WHERE event.id IS NULL"""


@dataclass
class Clients:
    """Clients that send referrals, and their responses."""

    acknowledged: set[UUID] = field(default_factory=set)
    refused: list[int] = field(default_factory=list)

    async def refer(self, product: RunningProduct, people: Iterator[str]) -> None:
        """Sends one referral after another until the service is down."""
        headers = {"Authorization": f"Bearer {product.token('GP')}"}
        async with httpx.AsyncClient(base_url=product.url, timeout=20) as http:
            for number in people:
                try:
                    sent = headers | {"Idempotency-Key": str(new_id())}
                    response = await http.post("/referrals", json=REFERRAL | {"nhs_number": number}, headers=sent)
                except httpx.TransportError:  # the connection was refused, or closed before the request was read
                    return
                if response.status_code == httpx.codes.CREATED:
                    self.acknowledged.add(UUID(response.json()["id"]))
                else:
                    self.refused.append(response.status_code)


async def test_sigint_under_load_loses_no_acknowledged_referral(workspace: Workspace) -> None:
    clients, people = Clients(), iter(nhs_numbers(Random(7), 5_000))  # noqa: S311  people, not secrets
    async with care_up(workspace, "stopping") as product:
        opened = asyncio.Event()
        stream = asyncio.create_task(_follow(product, opened))
        await opened.wait()
        load = [asyncio.create_task(clients.refer(product, people)) for _ in range(_CLIENTS)]
        while len(clients.acknowledged) < _MIN_ACKNOWLEDGED:
            await asyncio.sleep(0.1)

        began = monotonic()
        product.process.send_signal(signal.SIGINT)
        await product.process.wait()
        took = monotonic() - began
        await asyncio.gather(*load)

    assert took < _MAX_SECONDS
    assert product.process.returncode == 0
    assert await stream == "ended"
    assert clients.refused == []
    await _assert_complete(workspace, clients.acknowledged)


async def _follow(product: RunningProduct, opened: asyncio.Event) -> str:
    """Follows a feed until the service closes it."""
    async with httpx.AsyncClient(base_url=product.url, timeout=30) as http:
        coordinator = {"Authorization": f"Bearer {product.token('NAVIGATION_COORDINATOR')}"}
        body = {"locality": "west", "role": "care-navigator"}
        (await http.put(f"/navigation/navigators/{_NAVIGATOR}", json=body, headers=coordinator)).raise_for_status()
        headers = {"Authorization": f"Bearer {product.token('CLCH_NAVIGATOR_1')}"}
        async with http.stream("GET", f"/navigation/navigators/{_NAVIGATOR}/feed/stream", headers=headers) as response:
            async for _ in response.aiter_lines():
                opened.set()
    return "ended"


async def _assert_complete(workspace: Workspace, acknowledged: set[UUID]) -> None:
    owner = await asyncpg.connect(workspace.database_url)
    try:
        assert {row["id"] for row in await owner.fetch("SELECT id FROM referrals.referral")} == acknowledged
        assert await owner.fetchval(_WITHOUT_EVENT) == 0
        unsent = {row["id"] for row in await owner.fetch("SELECT id FROM referrals.outbox JOIN referrals.event USING (seq)")}
        assert (
            await owner.fetchval("SELECT count(*) FROM pg_stat_activity WHERE usename LIKE '%referrals' AND datname = current_database()")
            == 0
        )
    finally:
        await owner.close()
    sent = await _published_ids(workspace)
    assert len(sent) == len(set(sent))
    assert not unsent & set(sent)


async def _published_ids(workspace: Workspace) -> list[UUID]:
    """Returns the event ids of one topic."""
    topic = f"{workspace.variables['CARE_TOPIC_PREFIX']}referrals.referral"
    found: list[UUID] = []
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=workspace.variables["KAFKA_BOOTSTRAP_SERVERS"], auto_offset_reset="earliest"
    ) as consumer:
        for partition, end in (await consumer.end_offsets(consumer.assignment())).items():
            while await consumer.position(partition) < end:
                record = await consumer.getone(partition)
                found.append(UUID(dict(record.headers)["ce_id"].decode()))
    return found
