"""What reads cannot write: PostgreSQL itself refuses, whatever way a caller finds to the connection."""

import asyncpg
import pytest

from tests.integration.shared.delivery_harness import DeliveryHarness


async def test_a_reader_cannot_change_anything(post: DeliveryHarness) -> None:
    parcel = await post.send()

    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with post.sender.database.read_only() as reader:
            await reader.connection.execute("UPDATE parcel SET status = 'accepted'")

    assert await post.owner.fetchval("SELECT status FROM rapid_care.parcel WHERE id = $1", parcel.id) == parcel.status


async def test_a_reader_sees_what_was_committed_meanwhile(post: DeliveryHarness) -> None:
    async with post.sender.database.read_only() as reader:
        before = await reader.connection.fetchval("SELECT count(*) FROM parcel")
        await post.send()
        after = await reader.connection.fetchval("SELECT count(*) FROM parcel")

    assert (before, after) == (0, 1)
