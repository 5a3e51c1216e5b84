"""Months of the event log are pruned after their retention, but never with unpublished events or events that may be republished."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from infra.errors import StackError
from infra.operations.event_log import prune_logs, republish, republish_log
from shared.contracts.care_plans import CarePlanRecorded
from shared.contracts.codes import PlaceOfCare
from shared.kernel.decision import Decision
from shared.messaging.kafka_settings import KafkaSettings
from shared.persistence.retention import MIN_LOG_RETENTION
from tests.builders.faulty_database import LOCKS
from tests.integration.shared.delivery_harness import NOW, DeliveryHarness
from tests.integration.shared.parcel_context import Parcel, parcels, requested
from tests.integration.shared.relay_harness import read_topic, relaying, until_sent
from tests.timeouts import LONGEST_WAIT

OLD = "rapid_care.event_2014_03"
YEARS = timedelta(days=8 * 365)


async def recorded_in_2014(harness: DeliveryHarness, *subjects: UUID) -> None:
    """Moves the events of the subjects into a partition of March 2014."""
    await harness.owner.execute(f"""
        DROP TABLE IF EXISTS {OLD};
        CREATE TABLE {OLD} PARTITION OF rapid_care.event FOR VALUES FROM ('2014-03-01') TO ('2014-04-01')""")
    age = """
        UPDATE rapid_care.event SET recorded_at = '2014-03-31T23:59:59Z',
               partition_day = CASE WHEN partition_day = 'infinity' THEN partition_day ELSE '2014-03-31' END
        WHERE subject = ANY($1::uuid[])"""
    await harness.owner.execute(age, subjects)


async def record_on_side_topic(harness: DeliveryHarness, parcel: Parcel) -> None:
    """Records an event on the topic of the parcel and one on a restricted side topic."""
    words = CarePlanRecorded(
        care_plan_id=parcel.id, plan_version=1, preferred_place_of_care=PlaceOfCare.HOME, what_matters="the garden", crisis=None
    )
    async with harness.sender.database.transaction() as tx:
        found = await parcels.load(tx, parcel.id)
        await parcels.save(tx, Decision(found, [requested(found, NOW), words]))


async def until_waiting(session: "asyncpg.Connection[asyncpg.Record]", many: int) -> None:
    """Waits until `many` sessions wait for a lock on the log."""
    waiting = f"SELECT count(*) FROM {LOCKS} WHERE NOT granted AND relation = 'rapid_care.event'::regclass"  # noqa: S608  names of the test
    async with asyncio.timeout(LONGEST_WAIT):
        while await session.fetchval(waiting) < many:
            await asyncio.sleep(0.01)


async def numbers(harness: DeliveryHarness, parcel: Parcel) -> list[tuple[str, int]]:
    rows = await harness.owner.fetch("SELECT topic, sequence FROM rapid_care.event WHERE subject = $1 ORDER BY seq", parcel.id)
    return [(row["topic"], row["sequence"]) for row in rows]


async def test_month_is_pruned_only_after_it_is_published(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    old, young = await harness.send(), await harness.send()
    await recorded_in_2014(harness, old.id)

    refused = await prune_logs(harness.owner, YEARS)
    assert (refused.removed, refused.unpublished) == ([], [OLD])
    assert await harness.count("rapid_care.event") == 2

    async with relaying(harness, kafka):
        await until_sent(harness)
    done = await prune_logs(harness.owner, YEARS)

    assert (done.removed, done.unpublished) == ([OLD], [])
    rows = await harness.owner.fetch("SELECT subject FROM rapid_care.event")
    assert [row["subject"] for row in rows] == [young.id]
    assert await harness.owner.fetchval("SELECT before::text FROM rapid_care.log_pruning") == "2014-04-01"


async def test_prune_waits_for_writers_with_prepared_statements(harness: DeliveryHarness) -> None:
    """Such a writer locks the outbox before the log; here it does so while the prune waits for the log."""
    await recorded_in_2014(harness, (await harness.send()).id)
    await harness.send()  # prepares the statement for the new partition
    await harness.owner.execute("DELETE FROM rapid_care.outbox")
    reader = await asyncpg.connect(harness.owner_url)
    async with reader.transaction():
        await reader.execute("LOCK TABLE rapid_care.event IN ACCESS SHARE MODE")
        pruning = asyncio.create_task(prune_logs(harness.owner, YEARS))
        await until_waiting(reader, 1)
        writing = asyncio.create_task(harness.send())
        await until_waiting(reader, 2)
    await reader.close()

    assert (await pruning).removed == [OLD]
    assert (await writing).version == 1
    assert await harness.count("rapid_care.outbox JOIN rapid_care.event USING (seq)") == 1


async def test_prune_refuses_months_a_new_cluster_needs(harness: DeliveryHarness) -> None:
    with pytest.raises(StackError, match="at least 15 days"):
        await prune_logs(harness.owner, MIN_LOG_RETENTION - timedelta(days=1))


async def test_current_month_is_never_pruned(harness: DeliveryHarness) -> None:
    await harness.send()
    await harness.owner.execute("DELETE FROM rapid_care.outbox")

    assert (await prune_logs(harness.owner, MIN_LOG_RETENTION)).removed == []
    assert await harness.count("rapid_care.event") == 1


async def test_sequences_continue_after_their_month_is_pruned(harness: DeliveryHarness) -> None:
    """The sequence of an aggregate is in its row; that of a side topic is in its newest event, which is kept."""
    parcel = await harness.send()
    await record_on_side_topic(harness, parcel)
    await record_on_side_topic(harness, parcel)
    await recorded_in_2014(harness, parcel.id)
    await harness.owner.execute("DELETE FROM rapid_care.outbox")

    done = await prune_logs(harness.owner, YEARS)
    assert (done.removed, done.rows) == ([OLD], 1)
    assert await numbers(harness, parcel) == [("mdt.care-plan-record", 2)]
    await record_on_side_topic(harness, parcel)

    assert await numbers(harness, parcel) == [("mdt.care-plan-record", 2), ("rapid-care.response", 4), ("mdt.care-plan-record", 3)]


async def test_new_cluster_receives_the_unpruned_log(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    old, young = await harness.send(), await harness.send()
    async with relaying(harness, kafka):
        await until_sent(harness)
    await recorded_in_2014(harness, old.id)
    await prune_logs(harness.owner, YEARS)
    await harness.owner.execute("UPDATE rapid_care.relay_state SET cluster_id = 'an earlier cluster'")

    async with relaying(harness, kafka) as relay:
        await asyncio.wait([relay], timeout=20)
    async with relaying(harness, kafka):
        await until_sent(harness)

    keys = [record.key for record in await read_topic(kafka)]
    assert (keys.count(str(old.person_id).encode()), keys.count(str(young.person_id).encode())) == (1, 2)


async def test_owner_republishes_a_part_of_the_log(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    old, young = await harness.send(), await harness.send()
    async with relaying(harness, kafka):
        await until_sent(harness)
        await recorded_in_2014(harness, old.id)
        since = await harness.owner.fetchval("SELECT now() - interval '1 day'")

        assert await republish_log(harness.owner, "rapid_care", since, "rapid-care.capacity") == 0
        assert await republish_log(harness.owner, "rapid_care", since) == 1
        await until_sent(harness)

    keys = [record.key for record in await read_topic(kafka)]
    assert (keys.count(str(old.person_id).encode()), keys.count(str(young.person_id).encode())) == (1, 2)


async def test_republish_is_limited_to_the_inbox_retention(harness: DeliveryHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", harness.owner_url)
    monkeypatch.setenv("CARE_INBOX_RETENTION", "P20D")
    await harness.send()
    await harness.owner.execute("DELETE FROM rapid_care.outbox")
    today = await harness.owner.fetchval("SELECT now()")

    with pytest.raises(StackError, match="remember applied events for 20 days"):
        await republish("rapid_care", "default", today - timedelta(days=21))
    assert await harness.count("rapid_care.outbox") == 0
    assert await republish("rapid_care", "default", today - timedelta(days=19)) == 1
