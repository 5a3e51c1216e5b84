"""The database is restored to an earlier time, and the topics get other partitions: the steps of docs/runbook.md, and what is then true."""

import asyncio

import asyncpg
import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from sqlalchemy.engine import make_url

from infra.contexts import CONTEXTS
from infra.dev_stack.drain import wait_until_drained
from infra.dev_stack.ephemeral import administer
from tests.integration.cli.care_process import Result, Workspace, RunningProduct, care_up
from tests.integration.cli.referral_request import REFERRAL

_BEFORE, _LOST, _AFTER = "9434765919", "9990548609", "9000000009"


async def refer(product: RunningProduct, nhs_number: str) -> str:
    """The referral's id."""
    headers = {"Authorization": f"Bearer {product.token('GP')}", "Idempotency-Key": nhs_number}
    async with httpx.AsyncClient(base_url=product.url, timeout=30) as http:
        answer = await http.post("/referrals", json=REFERRAL | {"nhs_number": nhs_number}, headers=headers)
    assert answer.status_code == httpx.codes.CREATED
    return str(answer.json()["id"])


async def until_quiet(workspace: Workspace) -> None:
    owner = await asyncpg.connect(workspace.database_url)
    try:
        await wait_until_drained(owner)
    finally:
        await owner.close()


async def partitions(workspace: Workspace) -> set[int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=workspace.variables["KAFKA_BOOTSTRAP_SERVERS"])
    await admin.start()
    try:
        prefix = workspace.variables["CARE_TOPIC_PREFIX"]
        described = await admin.describe_topics([name for name in await admin.list_topics() if name.startswith(prefix)])
    finally:
        await admin.close()
    return {len(topic["partitions"]) for topic in described}


async def _made_anew(workspace: Workspace, *, partitions: str) -> Result:
    """Kafka misses a consumer that has ended only after a while."""
    for _ in range(20):
        answer = await workspace.run("topics", "--recreate", CARE_TOPIC_PARTITIONS=partitions)
        if "still has members" not in answer.err:
            break
        await asyncio.sleep(1)
    assert answer.code == 0, answer.err
    return answer


@pytest.mark.timeout(400)  # the product starts three times
async def test_after_a_restore_kafka_knows_nothing_that_the_logs_do_not(workspace: Workspace) -> None:
    database = str(make_url(workspace.database_url).database)
    server = make_url(workspace.database_url).set(database="postgres").render_as_string(hide_password=False)
    async with care_up(workspace, "restored") as product:
        await refer(product, _BEFORE)
        await until_quiet(workspace)
        refused = await workspace.run("topics", "--recreate")
        assert "stop all workers first" in refused.refusal
    await administer(server, f'CREATE DATABASE "{database}_backup" TEMPLATE "{database}"')
    async with care_up(workspace, "restored") as product:
        lost = await refer(product, _LOST)
        await until_quiet(workspace)

    await administer(server, f'DROP DATABASE "{database}" WITH (FORCE)')
    await administer(server, f'ALTER DATABASE "{database}_backup" RENAME TO "{database}"')
    made = await _made_anew(workspace, partitions="3")

    assert "referrals.referral" in made.out
    assert await partitions(workspace) == {3}
    async with care_up(workspace, "restored") as product:
        await refer(product, _AFTER)
        await until_quiet(workspace)
        verdict = await workspace.run("verify", "--name", "restored")
        assert verdict.code == 0, verdict.out
        assert await _people(workspace) == {2}
        assert lost not in verdict.out


async def _people(workspace: Workspace) -> set[int]:
    """How many people each context with copies knows."""
    owner = await asyncpg.connect(workspace.database_url)
    try:
        return {await owner.fetchval(f"SELECT count(*) FROM {context}.person") for context in CONTEXTS}  # noqa: S608  names of the contexts
    finally:
        await owner.close()
