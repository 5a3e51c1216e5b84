"""A running API believes the users of an OpenID-certified provider, whose keys it finds by discovery and follows."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from infra.dev_stack.dev_secrets import Keys
from tests.builders.certified_provider import SYSTEM, ProviderMachine, installed
from tests.builders.key_provider import a_key
from tests.builders.navigation import NAVIGATOR, NavigationClient
from tests.builders.programs import Programs
from tests.integration.navigation.stream_server import ApiProcess, run_api
from tests.timeouts import LONGEST_WAIT

SCOPE = "navigation:work"
CLAIMS = {NAVIGATOR: {"org": "CLCH", "role": "care-navigator"}, SYSTEM: {"org": "CLCH", "role": "practice-system"}}


@pytest.fixture
async def machine() -> ProviderMachine:
    return ProviderMachine(await installed(), CLAIMS, [SCOPE])


@pytest.fixture
async def api(machine: ProviderMachine, common_database: Any, programs: Programs, keys: Keys) -> AsyncIterator[ApiProcess]:
    """It starts before its provider."""
    variables = {"CARE_JWKS": "", "CARE_OPENID_ISSUER": machine.issuer}
    async with run_api(programs, common_database.url, keys, variables) as process:
        yield process


async def status_of(api: ApiProcess, token: str, path: str = f"/navigators/{NAVIGATOR}/feed") -> int:
    async with httpx.AsyncClient(base_url=f"{api.url}/navigation", timeout=LONGEST_WAIT) as http:
        return (await http.get(path, headers={"Authorization": f"Bearer {token}"})).status_code


async def until(api: ApiProcess, token: str, status: int) -> None:
    """Waits a minute, the longest time that a withdrawn key may be believed."""
    async with asyncio.timeout(60):
        while await status_of(api, token) != status:
            await asyncio.sleep(0.2)


async def test_users_of_a_certified_provider_are_believed(client: NavigationClient, machine: ProviderMachine, api: ApiProcess) -> None:
    await client.register(NAVIGATOR)
    old, new = a_key("old"), a_key("new")
    assert await status_of(api, "none", "/readyz") == 503

    async with machine.running(old) as provider:
        first = await provider.tokens_of_user(NAVIGATOR, SCOPE)
        await until(api, first["access_token"], 200)
        assert await status_of(api, "none", "/readyz") == 200
        assert await status_of(api, first["id_token"]) == 401
        assert await status_of(api, client.navigator()["Authorization"].removeprefix("Bearer ")) == 401  # of the development keys
        assert await status_of(api, await provider.token_of_system(SCOPE)) == 403  # no user
        assert await client.context.database.pool.fetchval("SELECT actor_system FROM audit WHERE action = 'read_feed' LIMIT 1") == SYSTEM
    assert await status_of(api, first["access_token"]) == 200  # the provider is down

    async with machine.running(new) as provider:
        second = await provider.tokens_of_user(NAVIGATOR, SCOPE)
        await until(api, first["access_token"], 401)
        assert await status_of(api, second["access_token"]) == 200
