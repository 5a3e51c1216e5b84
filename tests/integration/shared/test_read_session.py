"""PostgreSQL refuses writes in a read-only session, on every way to its connection."""

import asyncpg
import pytest

from tests.integration.shared.delivery_harness import DeliveryHarness


async def test_read_only_session_cannot_write(harness: DeliveryHarness) -> None:
    parcel = await harness.send()

    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with harness.sender.database.read_only() as reader:
            await reader.connection.execute("UPDATE parcel SET status = 'accepted'")

    assert await harness.owner.fetchval("SELECT status FROM rapid_care.parcel WHERE id = $1", parcel.id) == parcel.status


async def test_read_only_session_sees_later_commits(harness: DeliveryHarness) -> None:
    async with harness.sender.database.read_only() as reader:
        before = await reader.connection.fetchval("SELECT count(*) FROM parcel")
        await harness.send()
        after = await reader.connection.fetchval("SELECT count(*) FROM parcel")

    assert (before, after) == (0, 1)
