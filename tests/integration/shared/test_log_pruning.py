"""Months of the event log go when they are older than they are kept for, and never with what is unsent or may be asked for again."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from infra.errors import StackError
from infra.operations.event_log import prune_logs, republish, republish_log
from shared.contracts.codes import PlaceOfCare
from shared.contracts.mdt import CarePlanRecorded
from shared.kernel.decision import Decision
from shared.messaging.kafka_settings import KafkaSettings
from shared.persistence.retention import MIN_LOG_RETENTION
from tests.integration.shared.delivery_harness import NOW, DeliveryHarness
from tests.integration.shared.parcel_context import Parcel, parcels, requested
from tests.integration.shared.test_relay import on_kafka, relaying, until_sent
from tests.timeouts import LONGEST_WAIT

OLD = "rapid_care.event_2014_03"
YEARS = timedelta(days=8 * 365)


async def recorded_in_2014(post: DeliveryHarness, *subjects: UUID) -> None:
    """As if the log had begun then."""
    await post.owner.execute(f"""
        DROP TABLE IF EXISTS {OLD};
        CREATE TABLE {OLD} PARTITION OF rapid_care.event FOR VALUES FROM ('2014-03-01') TO ('2014-04-01')""")
    age = """
        UPDATE rapid_care.event SET recorded_at = '2014-03-31T23:59:59Z',
               partition_day = CASE WHEN partition_day = 'infinity' THEN partition_day ELSE '2014-03-31' END
        WHERE subject = ANY($1::uuid[])"""
    await post.owner.execute(age, subjects)


async def write_words(post: DeliveryHarness, parcel: Parcel) -> None:
    """An event of the parcel's own topic and one on a restricted side topic."""
    words = CarePlanRecorded(
        care_plan_id=parcel.id, plan_version=1, preferred_place_of_care=PlaceOfCare.HOME, what_matters="the garden", crisis=None
    )
    async with post.sender.database.transaction() as tx:
        found = await parcels.load(tx, parcel.id)
        await parcels.save(tx, Decision(found, [requested(found, NOW), words]))


async def until_waiting(watching: "asyncpg.Connection[asyncpg.Record]", many: int) -> None:
    """So many wait for the log."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'rapid_care.event'::regclass"
    async with asyncio.timeout(LONGEST_WAIT):
        while await watching.fetchval(waiting) < many:
            await asyncio.sleep(0.01)


async def numbers(post: DeliveryHarness, parcel: Parcel) -> list[tuple[str, int]]:
    rows = await post.owner.fetch("SELECT topic, sequence FROM rapid_care.event WHERE subject = $1 ORDER BY seq", parcel.id)
    return [(row["topic"], row["sequence"]) for row in rows]


async def test_a_month_with_something_unsent_stays_and_goes_when_it_was_sent(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    old, young = await post.send(), await post.send()
    await recorded_in_2014(post, old.id)

    refused = await prune_logs(post.owner, YEARS)
    assert (refused.removed, refused.unsent) == ([], [OLD])
    assert await post.count("rapid_care.event") == 2

    async with relaying(post, kafka):
        await until_sent(post)
    done = await prune_logs(post.owner, YEARS)

    assert (done.removed, done.unsent) == ([OLD], [])
    rows = await post.owner.fetch("SELECT subject FROM rapid_care.event")
    assert [row["subject"] for row in rows] == [young.id]
    assert await post.owner.fetchval("SELECT before::text FROM rapid_care.log_pruning") == "2014-04-01"


async def test_a_month_goes_beside_writers_whose_statement_is_prepared(post: DeliveryHarness) -> None:
    """Such a writer locks the outbox before the log; here it does so while the month's removal waits for the log."""
    await recorded_in_2014(post, (await post.send()).id)
    await post.send()  # prepares it anew, since the log has got a month
    await post.owner.execute("DELETE FROM rapid_care.outbox")
    reader = await asyncpg.connect(post.owner_url)
    async with reader.transaction():
        await reader.execute("LOCK TABLE rapid_care.event IN ACCESS SHARE MODE")
        trimming = asyncio.create_task(prune_logs(post.owner, YEARS))
        await until_waiting(reader, 1)
        writing = asyncio.create_task(post.send())
        await until_waiting(reader, 2)
    await reader.close()

    assert (await trimming).removed == [OLD]
    assert (await writing).version == 1
    assert await post.count("rapid_care.outbox JOIN rapid_care.event USING (seq)") == 1


async def test_no_month_goes_that_a_new_cluster_would_be_sent(post: DeliveryHarness) -> None:
    with pytest.raises(StackError, match="15 days at least"):
        await prune_logs(post.owner, MIN_LOG_RETENTION - timedelta(days=1))


async def test_this_month_stays_however_short_the_log_is_kept(post: DeliveryHarness) -> None:
    await post.send()
    await post.owner.execute("DELETE FROM rapid_care.outbox")

    assert (await prune_logs(post.owner, MIN_LOG_RETENTION)).removed == []
    assert await post.count("rapid_care.event") == 1


async def test_numbers_go_on_where_they_were_after_their_month_is_gone(post: DeliveryHarness) -> None:
    """An aggregate's own are in its row; those of a side topic are in the newest event, which is kept."""
    parcel = await post.send()
    await write_words(post, parcel)
    await write_words(post, parcel)
    await recorded_in_2014(post, parcel.id)
    await post.owner.execute("DELETE FROM rapid_care.outbox")

    done = await prune_logs(post.owner, YEARS)
    assert (done.removed, done.rows) == ([OLD], 1)
    assert await numbers(post, parcel) == [("mdt.care-plan-record", 2)]
    await write_words(post, parcel)

    assert await numbers(post, parcel) == [("mdt.care-plan-record", 2), ("rapid-care.response", 4), ("mdt.care-plan-record", 3)]


async def test_a_new_cluster_is_sent_what_is_left(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    old, young = await post.send(), await post.send()
    async with relaying(post, kafka):
        await until_sent(post)
    await recorded_in_2014(post, old.id)
    await prune_logs(post.owner, YEARS)
    await post.owner.execute("UPDATE rapid_care.relay_state SET cluster_id = 'the one before'")

    async with relaying(post, kafka) as relay:
        await asyncio.wait([relay], timeout=20)
    async with relaying(post, kafka):
        await until_sent(post)

    keys = [record.key for record in await on_kafka(kafka)]
    assert (keys.count(str(old.person_id).encode()), keys.count(str(young.person_id).encode())) == (1, 2)


async def test_a_part_of_the_log_is_sent_again_when_the_owner_asks(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    old, young = await post.send(), await post.send()
    async with relaying(post, kafka):
        await until_sent(post)
        await recorded_in_2014(post, old.id)
        since = await post.owner.fetchval("SELECT now() - interval '1 day'")

        assert await republish_log(post.owner, "rapid_care", since, "rapid-care.capacity") == 0
        assert await republish_log(post.owner, "rapid_care", since) == 1
        await until_sent(post)

    keys = [record.key for record in await on_kafka(kafka)]
    assert (keys.count(str(old.person_id).encode()), keys.count(str(young.person_id).encode())) == (1, 2)


async def test_no_more_is_sent_again_than_these_workers_remember(post: DeliveryHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", post.owner_url)
    monkeypatch.setenv("CARE_INBOX_RETENTION", "P20D")
    await post.send()
    await post.owner.execute("DELETE FROM rapid_care.outbox")
    today = await post.owner.fetchval("SELECT now()")

    with pytest.raises(StackError, match="remember for 20 days"):
        await republish("rapid_care", "default", today - timedelta(days=21))
    assert await post.count("rapid_care.outbox") == 0
    assert await republish("rapid_care", "default", today - timedelta(days=19)) == 1
