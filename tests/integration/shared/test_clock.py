"""Care time is shifted for all contexts together, by the owner of the database, and only where that is allowed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from infra.contexts import CONTEXTS
from infra.dev_stack.clock_offset import set_clock
from infra.dev_stack.dev_secrets import Keys
from shared.clock import DatabaseClock, wall_clock
from shared.persistence.database import Database, connect
from tests.builders.context_app import secrets_of
from tests.integration.shared.delivery_harness import DeliveryHarness

YEARS = timedelta(days=3650)
MOMENT = timedelta(seconds=30)


@asynccontextmanager
async def opened(post: DeliveryHarness, keys: Keys, context: str, *, allow_time_travel: bool) -> AsyncIterator[Database[Any]]:
    url = keys.roles.url(post.owner_url, context)
    database = await connect(url, clock=DatabaseClock(allow_time_travel=allow_time_travel), policy=None, secrets=secrets_of(keys), size=1)
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
async def shifted(post: DeliveryHarness) -> AsyncIterator[DeliveryHarness]:
    await set_clock(post.owner, wall_clock() + YEARS)
    yield post
    await set_clock(post.owner, wall_clock())


@pytest.mark.parametrize("context", CONTEXTS)
async def test_every_context_obeys_the_shifted_clock(shifted: DeliveryHarness, keys: Keys, context: str) -> None:
    async with opened(shifted, keys, context, allow_time_travel=True) as database, database.transaction() as tx:
        assert abs(tx.now - wall_clock() - YEARS) < MOMENT


async def test_without_permission_the_shift_is_not_looked_at(shifted: DeliveryHarness, keys: Keys) -> None:
    async with opened(shifted, keys, "mdt", allow_time_travel=False) as database, database.transaction() as tx:
        assert abs(tx.now - wall_clock()) < MOMENT


async def test_a_context_cannot_shift_the_clock_itself(post: DeliveryHarness) -> None:
    for change in ("UPDATE clock_offset SET delta = '1 day'", "DELETE FROM clock_offset", "INSERT INTO clock_offset VALUES ('1 day')"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await post.sender.database.pool.execute(change)


async def test_the_log_keeps_the_real_time_of_recording_beside_the_time_of_care(shifted: DeliveryHarness) -> None:
    shifted.sender.clock.at = wall_clock() + YEARS
    await shifted.send()

    row = await shifted.owner.fetchrow("SELECT occurred_at, recorded_at FROM rapid_care.event")
    assert row is not None
    assert abs(row["occurred_at"] - row["recorded_at"] - YEARS) < MOMENT
