"""What the platform needs only for a while is removed after its time, and nothing else is."""

import asyncio
from datetime import timedelta

from shared.kernel.ids import new_id
from shared.messaging.housekeeping import Housekeeper
from shared.persistence.retention import DEFAULT_RETENTION, RetentionPolicy, remove_expired
from tests.integration.shared.delivery_harness import NOW, DeliveryHarness
from tests.integration.shared.parcel_context import PATIENCE
from tests.integration.shared.test_deadline_scheduler import timekeeper
from tests.timeouts import LONGEST_WAIT

RESTRICTED, PUBLIC = "referrals.person-record.recorded.v1", "rapid-care.response.requested.v1"


async def test_a_stored_answer_is_removed_after_its_time(post: DeliveryHarness) -> None:
    for key in ("old", "young"):
        await post.post(None, **{"Idempotency-Key": key})
    await post.owner.execute("UPDATE rapid_care.idempotency SET created_at = created_at - interval '8 days' WHERE key = 'old'")

    assert await remove_expired(post.sender.database, DEFAULT_RETENTION) == 1

    assert await post.owner.fetchval("SELECT key FROM rapid_care.idempotency") == "young"
    assert await post.count("rapid_care.parcel") == 2


async def test_an_applied_event_is_forgotten_only_when_it_cannot_come_again(post: DeliveryHarness) -> None:
    for kind, age in ((PUBLIC, 401), (PUBLIC, 399), (RESTRICTED, 4000)):
        insert = "INSERT INTO navigation.inbox (event_id, type, applied_at) VALUES ($1, $2, clock_timestamp() - $3::interval)"
        await post.owner.execute(insert, new_id(), kind, timedelta(days=age))

    assert await remove_expired(post.receiver.database, DEFAULT_RETENTION) == 1

    rows = await post.owner.fetch("SELECT type FROM navigation.inbox ORDER BY type DESC")
    assert [row["type"] for row in rows] == [RESTRICTED, PUBLIC]


async def test_a_settled_deadline_is_removed_and_one_that_waits_is_not(post: DeliveryHarness) -> None:
    """By the clock of care."""
    await post.send()
    post.sender.clock.at = NOW + PATIENCE
    await timekeeper(post).process_due()
    pending, parked = await post.send(), await post.send()
    await post.owner.execute("UPDATE rapid_care.deadline SET state = 'parked', resolved_at = $2 WHERE subject = $1", parked.id, NOW)
    post.sender.clock.at += timedelta(days=91)

    assert await remove_expired(post.sender.database, DEFAULT_RETENTION) == 1

    rows = await post.owner.fetch("SELECT subject FROM rapid_care.deadline ORDER BY id")
    assert [row["subject"] for row in rows] == [pending.id, parked.id]


async def test_many_rows_are_removed_in_portions(post: DeliveryHarness) -> None:
    fill = "INSERT INTO navigation.inbox (event_id, type) SELECT gen_random_uuid(), 'x.y.z.v1' FROM generate_series(1, 10001)"
    await post.owner.execute(fill)

    assert await remove_expired(post.receiver.database, RetentionPolicy(inbox=timedelta(0))) == 10_001
    assert await post.count("navigation.inbox") == 0


async def test_trouble_of_the_housekeeper_is_no_trouble_of_the_worker(post: DeliveryHarness) -> None:
    await post.sender.database.pool.close()

    keeping = asyncio.create_task(Housekeeper(post.sender.database, "rapid_care", DEFAULT_RETENTION).run())
    await asyncio.sleep(0.1)

    assert not keeping.done()
    keeping.cancel()
    await asyncio.wait([keeping])


async def test_what_is_expired_is_removed_also_when_a_month_cannot_be_made(post: DeliveryHarness) -> None:
    await post.owner.execute("INSERT INTO navigation.inbox (event_id, type, applied_at) VALUES ($1, $2, '2000-01-01')", new_id(), PUBLIC)
    await post.owner.execute("ALTER FUNCTION navigation.create_partitions RENAME TO months_closed")
    keeping = asyncio.create_task(Housekeeper(post.receiver.database, "navigation", DEFAULT_RETENTION).run())
    try:
        async with asyncio.timeout(LONGEST_WAIT):
            while await post.count("navigation.inbox"):
                await asyncio.sleep(0.05)
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
        await post.owner.execute("ALTER FUNCTION navigation.months_closed RENAME TO create_partitions")
