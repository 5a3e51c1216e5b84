"""Expired rows of the tables of shared/ are removed, and no others."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from hashlib import sha256
from typing import Any

from shared.kernel.ids import new_id
from shared.messaging.housekeeping import Housekeeper
from shared.persistence.database import Database
from shared.persistence.retention import DEFAULT_RETENTION, MIN_INBOX_RETENTION, RetentionPolicy, remove_expired
from tests.integration.shared.delivery_harness import NOW, DeliveryHarness
from tests.integration.shared.parcel_context import ACCEPTANCE_LIMIT
from tests.integration.shared.scheduler_harness import create_scheduler
from tests.timeouts import until

RESTRICTED, PUBLIC = "referrals.person-record.recorded.v1", "rapid-care.response.requested.v1"


async def test_stored_response_is_removed_when_expired(harness: DeliveryHarness) -> None:
    old, young = [sha256(key.encode()).hexdigest() for key in ("old", "young")]
    for key in ("old", "young"):
        await harness.post(None, **{"Idempotency-Key": key})
    await harness.owner.execute("UPDATE rapid_care.idempotency SET created_at = created_at - interval '8 days' WHERE key = $1", old)

    assert await remove_expired(harness.sender.database, DEFAULT_RETENTION) == 1

    assert await harness.owner.fetchval("SELECT key FROM rapid_care.idempotency") == young
    assert await harness.count("rapid_care.parcel") == 2


async def test_inbox_row_is_removed_when_redelivery_is_impossible(harness: DeliveryHarness) -> None:
    for kind, age in ((PUBLIC, 401), (PUBLIC, 399), (RESTRICTED, 4000)):
        insert = "INSERT INTO navigation.inbox (event_id, type, applied_at) VALUES ($1, $2, clock_timestamp() - $3::interval)"
        await harness.owner.execute(insert, new_id(), kind, timedelta(days=age))

    assert await remove_expired(harness.receiver.database, DEFAULT_RETENTION) == 1

    rows = await harness.owner.fetch("SELECT type FROM navigation.inbox ORDER BY type DESC")
    assert [row["type"] for row in rows] == [RESTRICTED, PUBLIC]


async def test_no_role_forgets_an_event_that_may_return(harness: DeliveryHarness) -> None:
    """A republication repeats the events of the last fifteen days, whatever the retention of a worker."""
    await harness.owner.execute(
        "INSERT INTO navigation.inbox (event_id, type, applied_at) "
        "SELECT gen_random_uuid(), $1, clock_timestamp() - make_interval(days => age) FROM unnest(ARRAY[16, 14]) AS age",
        PUBLIC,
    )

    assert MIN_INBOX_RETENTION == timedelta(days=15)
    assert await remove_expired(harness.receiver.database, RetentionPolicy(inbox=timedelta(0))) == 1
    assert await harness.count("navigation.inbox") == 1


async def test_resolved_deadline_is_removed_and_pending_kept(harness: DeliveryHarness) -> None:
    """Care time counts, not the time of the server."""
    await harness.send()
    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT
    await create_scheduler(harness).process_due()
    pending, parked = await harness.send(), await harness.send()
    await harness.owner.execute("UPDATE rapid_care.deadline SET state = 'parked', resolved_at = $2 WHERE subject = $1", parked.id, NOW)
    harness.sender.clock.at += timedelta(days=91)

    assert await remove_expired(harness.sender.database, DEFAULT_RETENTION) == 1

    rows = await harness.owner.fetch("SELECT subject FROM rapid_care.deadline ORDER BY id")
    assert [row["subject"] for row in rows] == [pending.id, parked.id]


async def test_expired_rows_are_removed_in_portions(harness: DeliveryHarness) -> None:
    await _fill_inbox(harness, 10_001)

    assert await remove_expired(harness.receiver.database, RetentionPolicy(inbox=MIN_INBOX_RETENTION)) == 10_001
    assert await harness.count("navigation.inbox") == 0


async def test_expired_rows_are_removed_when_statistics_show_none(harness: DeliveryHarness) -> None:
    """A join would then compare every row with every other, and exceed the time of a statement."""
    await _fill_inbox(harness, 40_000)
    await harness.owner.execute("DELETE FROM navigation.inbox")
    await harness.owner.execute("VACUUM (TRUNCATE FALSE, ANALYZE) navigation.inbox")
    await _fill_inbox(harness, 40_000)

    assert await remove_expired(harness.receiver.database, RetentionPolicy(inbox=MIN_INBOX_RETENTION)) == 40_000


async def _fill_inbox(harness: DeliveryHarness, rows: int) -> None:
    fill = """
        INSERT INTO navigation.inbox (event_id, type, applied_at)
        SELECT gen_random_uuid(), 'x.y.z.v1', clock_timestamp() - interval '20 days' FROM generate_series(1, $1::int)"""
    await harness.owner.execute(fill, rows)


class RecordingHousekeeper(Housekeeper):
    """Records the result of each task."""

    def __init__(self, database: Database[Any], context: str, retention: RetentionPolicy) -> None:
        super().__init__(database, context, retention)
        self.results: dict[str, int | None] = {}

    async def _run_task(self, task: str, work: Awaitable[int]) -> int | None:
        self.results[task] = await super()._run_task(task, work)
        return self.results[task]


async def test_housekeeper_survives_a_database_failure(harness: DeliveryHarness) -> None:
    await harness.sender.database.pool.close()

    housekeeper = RecordingHousekeeper(harness.sender.database, "rapid_care", DEFAULT_RETENTION)
    running = asyncio.create_task(housekeeper.run())
    await until(lambda: len(housekeeper.results) == 2)

    assert housekeeper.results == {"partitions": None, "expired": None}
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])


async def test_expired_rows_are_removed_without_new_partition(harness: DeliveryHarness) -> None:
    await harness.owner.execute("INSERT INTO navigation.inbox (event_id, type, applied_at) VALUES ($1, $2, '2000-01-01')", new_id(), PUBLIC)
    await harness.owner.execute("ALTER FUNCTION navigation.create_partitions RENAME TO months_closed")
    housekeeper = asyncio.create_task(Housekeeper(harness.receiver.database, "navigation", DEFAULT_RETENTION).run())
    try:
        await until(lambda: harness.is_empty("navigation.inbox"))
    finally:
        housekeeper.cancel()
        await asyncio.wait([housekeeper])
        await harness.owner.execute("ALTER FUNCTION navigation.months_closed RENAME TO create_partitions")
