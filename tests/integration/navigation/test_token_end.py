"""A running API follows the keys of its file, and a stream ends with its token or with the token's key; the client misses nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.dev_stack.dev_secrets import Keys, make
from shared.clock import wall_clock
from tests.builders.navigation import NAVIGATOR, NavigationClient, an_action
from tests.builders.programs import Programs
from tests.integration.navigation.stream_server import ApiProcess, events, run_api
from tests.timeouts import LONGEST_WAIT

#: A token is accepted for thirty seconds after its end.
LEEWAY = timedelta(seconds=30)


@dataclass(frozen=True)
class FollowingApi:
    """An API that reads its keys from a file; `later` is the pair of keys that replaces the first."""

    process: ApiProcess
    file: Path
    first: Keys
    later: Keys

    def publish(self, *keys: Keys) -> None:
        """Replaces the file by a rename."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps({"keys": [key for each in keys for key in json.loads(each.public())["keys"]]}))
        fresh.rename(self.file)

    def token(self, keys: Keys, valid_for: timedelta = timedelta(hours=1)) -> dict[str, str]:
        return {"Authorization": f"Bearer {keys.token(NAVIGATOR, 'CLCH', 'care-navigator', ['navigation:work'], valid_for)}"}

    async def status(self, headers: dict[str, str], part: str = "") -> int:
        url = f"/navigation/navigators/{NAVIGATOR}/feed{part}"
        async with (
            httpx.AsyncClient(base_url=self.process.url, timeout=LONGEST_WAIT) as http,
            http.stream("GET", url, headers=headers) as response,
        ):
            return response.status_code


@pytest.fixture
async def api(common_database: Any, programs: Programs, keys: Keys, tmp_path: Path) -> AsyncIterator[FollowingApi]:
    file = tmp_path / "jwks.json"
    file.write_text(keys.public())
    more = {"CARE_JWKS": "", "CARE_JWKS_FILE": str(file), "CARE_LIMITS": '{"caller_streams": 2}'}
    async with run_api(programs, common_database.url, keys, more, stream_heartbeat="PT60S") as process:
        yield FollowingApi(process, file, keys, make())


async def test_stream_ends_with_its_token_and_resumes(client: NavigationClient, api: FollowingApi) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action(), an_action())
    ending = api.token(api.first, timedelta(seconds=3) - LEEWAY)
    began = wall_clock()

    async with api.process.stream(NAVIGATOR, ending) as lines:
        before = await events(lines, 2)
        rest = await events(lines, 1)
    took = wall_clock() - began
    await client.plan(an_action())
    async with api.process.stream(NAVIGATOR, api.token(api.first) | {"Last-Event-ID": str(before[-1].id)}) as lines:
        missed = await events(lines, 1)

    assert rest == []
    assert timedelta(seconds=1) < took < timedelta(seconds=20)
    assert [event.id for event in [*before, *missed]] == [1, 2, 3]


async def test_stream_ends_with_its_key_and_resumes(client: NavigationClient, api: FollowingApi) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action())

    async with api.process.stream(NAVIGATOR, api.token(api.first)) as lines:
        before = await events(lines, 1)
        api.publish(api.later)
        async with asyncio.timeout(60):
            rest = await events(lines, 1)
    await client.plan(an_action())
    async with api.process.stream(NAVIGATOR, api.token(api.later) | {"Last-Event-ID": str(before[-1].id)}) as lines:
        missed = await events(lines, 1)

    assert rest == []
    assert [event.id for event in [*before, *missed]] == [1, 2]


async def test_withdrawn_key_ends_known_tokens_within_a_minute(client: NavigationClient, api: FollowingApi) -> None:
    await client.register(NAVIGATOR)
    known = api.token(api.first)
    assert await api.status(known) == 200

    api.publish(api.later)
    async with asyncio.timeout(60):
        while await api.status(known) == 200:
            await asyncio.sleep(0.5)

    assert [await api.status(known), await api.status(api.token(api.later))] == [401, 200]


async def test_streams_beyond_the_limit_are_refused(client: NavigationClient, api: FollowingApi) -> None:
    await client.register(NAVIGATOR)
    token = api.token(api.first)

    async with api.process.stream(NAVIGATOR, token), api.process.stream(NAVIGATOR, token):
        beyond = await api.status(token, "/stream")
    async with asyncio.timeout(LONGEST_WAIT):
        while await api.status(token, "/stream") == 429:  # the server notices closed streams when it writes
            await asyncio.sleep(0.2)

    assert beyond == 429
