"""The owner of the database shifts care time for all contexts at once, where a deployment allows it."""

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
async def open_database(harness: DeliveryHarness, keys: Keys, context: str, *, allow_time_travel: bool) -> AsyncIterator[Database[Any]]:
    url = keys.roles.url(harness.owner_url, context)
    database = await connect(url, clock=DatabaseClock(allow_time_travel=allow_time_travel), policy=None, secrets=secrets_of(keys), size=1)
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
async def shifted_harness(harness: DeliveryHarness) -> AsyncIterator[DeliveryHarness]:
    await set_clock(harness.owner, wall_clock() + YEARS)
    yield harness
    await set_clock(harness.owner, wall_clock())


@pytest.mark.parametrize("context", CONTEXTS)
async def test_every_context_uses_the_shifted_clock(shifted_harness: DeliveryHarness, keys: Keys, context: str) -> None:
    async with open_database(shifted_harness, keys, context, allow_time_travel=True) as database, database.transaction() as tx:
        assert abs(tx.now - wall_clock() - YEARS) < MOMENT


async def test_shift_is_ignored_without_permission(shifted_harness: DeliveryHarness, keys: Keys) -> None:
    async with open_database(shifted_harness, keys, "mdt", allow_time_travel=False) as database, database.transaction() as tx:
        assert abs(tx.now - wall_clock()) < MOMENT


async def test_context_role_cannot_shift_the_clock(harness: DeliveryHarness) -> None:
    for change in ("UPDATE clock_offset SET delta = '1 day'", "DELETE FROM clock_offset", "INSERT INTO clock_offset VALUES ('1 day')"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await harness.sender.database.pool.execute(change)


async def test_log_keeps_real_recording_time_under_shifted_clock(shifted_harness: DeliveryHarness) -> None:
    shifted_harness.sender.clock.at = wall_clock() + YEARS
    await shifted_harness.send()

    row = await shifted_harness.owner.fetchrow("SELECT occurred_at, recorded_at FROM rapid_care.event")
    assert row is not None
    assert abs(row["occurred_at"] - row["recorded_at"] - YEARS) < MOMENT
