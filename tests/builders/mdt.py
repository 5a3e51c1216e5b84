"""The weekly meeting, running and filled."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from infra.keys import Keys
from services.mdt import agents, api
from services.mdt.domain.policy import Policy
from tests.builders.running import Running, running


@asynccontextmanager
async def mdt(owner_url: str, keys: Keys, now: datetime, policy: Policy = Policy()) -> AsyncIterator[Running]:
    async with running(owner_url=owner_url, keys=keys, wiring=agents.WIRING, router=api.router, policy=policy, now=now) as context:
        yield context
