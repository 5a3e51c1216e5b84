"""Restores the database to an earlier time and repartitions the topics, by the steps of docs/runbook.md."""

import asyncio
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from sqlalchemy.engine import make_url

from infra.contexts import CONTEXTS
from infra.dev_stack.drain import wait_until_drained
from infra.dev_stack.temporary_resources import administer
from shared.clock import wall_clock
from tests.builders.referral_request import REFERRAL
from tests.integration.cli.care_process import Result, RunningProduct, Workspace, care_up
from tests.integration.cli.governance import Governance

_RUNBOOK = (Path(__file__).parents[3] / "docs" / "runbook.md").read_text()
_NAMED = "SELECT given_name FROM referrals.person WHERE id = $1"
_READABLE = "SELECT count(*) FROM referrals.event WHERE topic = 'referrals.person-record' AND key = $1 AND data_key IS NOT NULL"
_BEFORE, _LOST, _AFTER = "9434765919", "9990548609", "9000000009"


async def refer(product: RunningProduct, nhs_number: str) -> tuple[str, str]:
    """Sends a referral and returns its id and its reference."""
    headers = {"Authorization": f"Bearer {product.token('GP')}", "Idempotency-Key": nhs_number}
    async with httpx.AsyncClient(base_url=product.url, timeout=30) as http:
        response = await http.post("/referrals", json=REFERRAL | {"nhs_number": nhs_number}, headers=headers)
    assert response.status_code == httpx.codes.CREATED
    return response.json()["id"], response.json()["reference"]


async def wait_for_drain(workspace: Workspace) -> None:
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


async def _recreate_topics(workspace: Workspace, *, partitions: str) -> Result:
    """Retries until Kafka has removed the stopped consumers from their groups."""
    for _ in range(20):
        result = await workspace.run("topics", "--recreate", CARE_TOPIC_PARTITIONS=partitions)
        if "still has members" not in result.err:
            break
        await asyncio.sleep(1)
    assert result.code == 0, result.err
    return result


@pytest.mark.timeout(500)  # the product starts three times
async def test_restored_database_and_recreated_topics_agree(workspace: Workspace, tmp_path: Path) -> None:
    database = str(make_url(workspace.database_url).database)
    server = make_url(workspace.database_url).set(database="postgres").render_as_string(hide_password=False)
    async with care_up(workspace, "restored") as product:
        referral, _ = await refer(product, _BEFORE)
        await wait_for_drain(workspace)
        refused = await workspace.run("topics", "--recreate")
        assert "stop all workers first" in refused.refusal
    moment, (backup, keys) = wall_clock(), await _back_up(workspace, tmp_path)
    async with care_up(workspace, "restored") as product:
        lost, lost_reference = await refer(product, _LOST)
        await wait_for_drain(workspace)
        person = await _value(workspace, "SELECT person_id FROM referrals.referral WHERE id = $1", referral)
        await Governance(product, tmp_path).erase(person, "first.json")
        assert await _value(workspace, _NAMED, person) == "not given"

    await administer(server, f'DROP DATABASE "{database}" WITH (FORCE)')
    await administer(server, f'CREATE DATABASE "{database}"')
    restored = await workspace.run("backup", "restore", str(backup), "--key", str(keys))
    assert restored.code == 0, restored.err
    migrated = await workspace.migrate("restored")
    assert migrated.code == 0, migrated.err
    recreated = await _recreate_topics(workspace, partitions="3")
    (advance,) = re.findall(r"SELECT setval\(.*;", _RUNBOOK)
    await administer(workspace.database_url, advance)

    assert "referrals.referral" in recreated.out
    assert await partitions(workspace) == {3}
    async with care_up(workspace, "restored") as product:
        _, reference = await refer(product, _AFTER)
        assert reference != lost_reference
        await wait_for_drain(workspace)
        assert await _value(workspace, _NAMED, person) == "Colin"
        await _repeat_erasures(Governance(product, tmp_path), "first.json", moment)
        assert await _value(workspace, _NAMED, person) == "not given"
        assert await _value(workspace, _READABLE, person) == 1
        verdict = await workspace.run("verify", "--name", "restored")
        assert verdict.code == 0, verdict.out
        assert await _people(workspace) == {2}
        assert lost not in verdict.out


async def _repeat_erasures(governance: Governance, certificate: str, moment: datetime) -> None:
    """Repeats the erasure of a genuine certificate that is younger than the restored moment; the restored database does not know it."""
    checked, erased = await governance.check(certificate), governance.certificate(certificate)
    assert f"{', '.join(erased['people'])} erased at {erased['erased_at']}" in checked.out, checked.err
    assert datetime.fromisoformat(erased["erased_at"]) > moment
    for person in erased["people"]:
        await governance.erase(UUID(person), "second.json")


async def _back_up(workspace: Workspace, folder: Path) -> tuple[Path, Path]:
    """Writes a backup, and returns its file and the file of its key."""
    file, key = folder / "care.backup", folder / "care.key"
    created = await workspace.run("backup", "key", str(key))
    written = await workspace.run("backup", "write", str(file), CARE_BACKUP_RECIPIENTS=created.out.strip())
    assert written.code == 0, written.err
    return file, key


async def _value(workspace: Workspace, query: str, *values: object) -> Any:
    owner = await asyncpg.connect(workspace.database_url)
    try:
        return await owner.fetchval(query, *values)
    finally:
        await owner.close()


async def _people(workspace: Workspace) -> set[int]:
    """Returns the numbers of people that the contexts store."""
    owner = await asyncpg.connect(workspace.database_url)
    try:
        return {await owner.fetchval(f"SELECT count(*) FROM {context}.person") for context in CONTEXTS}  # noqa: S608  names of the contexts
    finally:
        await owner.close()
