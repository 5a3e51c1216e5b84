"""The commands `care audit` of an operator, on a running product."""

import json
from pathlib import Path

import asyncpg
import httpx
import pytest

from infra.dev_stack.dev_secrets import Keys
from tests.builders.referral_request import REFERRAL
from tests.integration.cli.care_process import RunningProduct, Workspace
from tests.timeouts import until


async def refer(product: RunningProduct) -> None:
    async with httpx.AsyncClient(base_url=product.url) as http:
        headers = {"Authorization": f"Bearer {product.token('GP')}", "Idempotency-Key": "audited"}
        assert (await http.post("/referrals", json=REFERRAL, headers=headers)).status_code == 201  # the same answer for the same key


async def test_operator_finds_an_altered_entry(product: RunningProduct) -> None:
    await refer(product)
    owner = await asyncpg.connect(product.workspace.database_url)
    try:

        async def is_sealed() -> bool:
            return not await owner.fetchval("SELECT count(*) FROM referrals.audit_unsealed")

        await until(is_sealed)
        assert (await product.workspace.run("audit", "verify", "--name", product.name)).code == 0
        entry = await owner.fetchval("SELECT max(id) FROM referrals.audit")
        role = await owner.fetchval("UPDATE referrals.audit SET actor_role = 'nurse' WHERE id = $1 RETURNING OLD.actor_role", entry)

        found = await product.workspace.run("audit", "verify", "--name", product.name)
        await owner.execute("UPDATE referrals.audit SET actor_role = $1 WHERE id = $2", role, entry)
    finally:
        await owner.close()

    assert found.code == 1
    assert f"referrals: entry {entry} of block" in found.out
    assert "was altered" in found.out
    assert json.loads(found.out.splitlines()[-1])["verify"] == "failed"


async def test_verification_reads_brokers_as_the_operator(product: RunningProduct) -> None:
    refused = await product.workspace.run("audit", "verify", "--name", product.name, KAFKA_SECURITY_PROTOCOL="SASL_SSL")

    assert "KAFKA_" in refused.refusal


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET actor_id = 'someone-else'", "DELETE FROM audit", "INSERT INTO audit DEFAULT VALUES"]
)
async def test_service_that_alters_the_audit_is_seen(product: RunningProduct, statement: str) -> None:
    """Who has the password of a service is refused; the log of the database names the role, and the chain holds."""
    await refer(product)
    roles = Keys(**json.loads((product.workspace.home / "stacks" / product.name / "secrets.json").read_text())).roles
    service = await asyncpg.connect(roles.url(product.workspace.database_url, "referrals"))
    owner = await asyncpg.connect(product.workspace.database_url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for table audit"):
            await service.execute(statement)
        log = Path(await owner.fetchval("SELECT current_setting('data_directory')")).parent / "postgres.log"
    finally:
        await service.close()
        await owner.close()

    refused, stated = [line for line in log.read_text().splitlines() if f" {roles.of('referrals')}@" in line][-2:]
    assert refused.endswith("ERROR:  permission denied for table audit")
    assert stated.endswith(f"STATEMENT:  {statement}")
    assert (await product.workspace.run("audit", "verify", "--name", product.name)).code == 0


async def test_operator_sees_who_viewed_a_person_and_is_seen(product: RunningProduct) -> None:
    owner = await asyncpg.connect(product.workspace.database_url)
    try:
        await refer(product)
        person = await owner.fetchval("SELECT person_id FROM referrals.referral ORDER BY id DESC LIMIT 1")
        about = ("audit", "person", str(person), "--by", "governor-1", "--name", product.name)

        first, second = [await product.workspace.run(*about) for _ in range(2)]
        of_actor = await product.workspace.run("audit", "actor", "CARE", "governor-1", "--name", product.name)
    finally:
        await owner.close()

    assert (first.code, second.code, of_actor.code) == (0, 0, 0)
    assert "ReceiveReferral" in first.out
    assert "governor-1" not in first.out
    assert second.out.count("audit person") == 4
    assert of_actor.out.count("audit person") == 8


async def test_keys_of_a_sealer_are_printed_once(offline_workspace: Workspace) -> None:
    one, other = [(await offline_workspace.run("audit", "new-key")).out for _ in range(2)]

    assert one != other
    assert [line.partition(":")[0] for line in one.splitlines()] == [
        "<CONTEXT>_AUDIT_SIGNING_KEY, for the worker of one context",
        "Public key, for CARE_AUDIT_PUBLIC_KEYS",
        "Its id in blocks and events",
    ]


async def test_audit_without_public_keys_is_refused(workspace: Workspace) -> None:
    refusal = (await workspace.run("audit", "verify", "--name", "elsewhere")).refusal

    assert refusal.startswith("CARE_AUDIT_PUBLIC_KEYS is not set, and there is no stack “elsewhere”")


async def test_malformed_public_keys_are_refused(workspace: Workspace) -> None:
    refusal = (await workspace.run("audit", "verify", CARE_AUDIT_PUBLIC_KEYS='{"mdt": ["no key"]}')).refusal

    assert refusal.startswith("CARE_AUDIT_PUBLIC_KEYS must be a JSON object")
