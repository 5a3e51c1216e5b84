"""Rotates the key ring by the steps of docs/runbook.md: a key leaves the ring, and the story stays readable."""

import json
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import asyncpg
import httpx

from infra.contexts import CONTEXTS
from infra.dev_stack.drain import wait_until_drained
from shared.kernel.ids import new_id
from tests.builders.referral_request import REFERRAL
from tests.integration.cli.care_process import RunningProduct, Workspace, care_up

OLD, NEW = (b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
BOTH = {"old": OLD, "new": NEW}
#: The check of the runbook.
_UNDER_ANOTHER = "SELECT count(*) FROM {context}.event WHERE position('new.'::bytea IN data_key) <> 1"


def _ring(keys: Mapping[str, str], current: str) -> dict[str, str]:
    return {"CARE_ENCRYPTION_KEYS": json.dumps(keys), "CARE_ENCRYPTION_KEY_ID": current}


@asynccontextmanager
async def _served(
    workspace: Workspace, ring: Mapping[str, str]
) -> AsyncIterator[tuple[RunningProduct, "asyncpg.Connection[asyncpg.Record]"]]:
    async with care_up(workspace, "rotating", **ring) as product:
        owner = await asyncpg.connect(workspace.database_url)
        try:
            yield product, owner
            await wait_until_drained(owner)
        finally:
            await owner.close()


async def _refer(product: RunningProduct, nhs_number: str) -> str:
    headers = {"Authorization": f"Bearer {product.token('GP')}", "Idempotency-Key": str(new_id())}
    async with httpx.AsyncClient(base_url=product.url, timeout=30) as http:
        response = await http.post("/referrals", json=REFERRAL | {"nhs_number": nhs_number}, headers=headers)
    assert response.status_code == httpx.codes.CREATED, response.text
    return str(response.json()["id"])


async def _under_another(owner: "asyncpg.Connection[asyncpg.Record]") -> int:
    """The number of data keys that the new key of the ring does not wrap."""
    return sum([await owner.fetchval(_UNDER_ANOTHER.format(context=context)) for context in CONTEXTS])


async def test_key_leaves_the_ring_without_loss(workspace: Workspace) -> None:
    async with _served(workspace, _ring(BOTH, "old")) as (product, owner):
        await _refer(product, "9434765919")
        await wait_until_drained(owner)
        assert await _under_another(owner) == 1

        rewrapped = await workspace.run("rewrap-keys", "--name", "rotating", **_ring(BOTH, "new"))

        assert rewrapped.code == 0, rewrapped.err
        assert "1 in referrals" in rewrapped.out
        assert await _under_another(owner) == 0
    async with _served(workspace, _ring({"new": NEW}, "new")) as (product, owner):
        await _refer(product, "9990548609")
        republished = await workspace.run(
            "republish", "referrals", "--since", "2026-01-01", "--name", "rotating", **_ring({"new": NEW}, "new")
        )
        assert republished.code == 0, republished.err
        await wait_until_drained(owner)
        assert await owner.fetchval("SELECT count(*) FROM rapid_care.parked") == 0
        assert await owner.fetchval("SELECT count(*) FROM rapid_care.person") == 2
        verified = await workspace.run("verify", "--live", "--name", "rotating", **_ring({"new": NEW}, "new"))
        assert verified.code == 0, verified.out


async def test_key_that_is_absent_refuses_the_rotation(workspace: Workspace) -> None:
    async with _served(workspace, _ring(BOTH, "old")) as (product, owner):
        await _refer(product, "9434765919")
        refused = await workspace.run("rewrap-keys", "--name", "rotating", **_ring({"new": NEW}, "new"))

        assert "CARE_ENCRYPTION_KEYS needs every older key" in refused.refusal
        assert await _under_another(owner) == 1
