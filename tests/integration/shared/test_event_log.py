"""The event log lies in months: they are there before they begin, no insert waits for one, and only the owner removes one."""

import asyncpg
import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.contracts.codes import PlaceOfCare
from shared.contracts.mdt import CarePlanRecorded
from shared.kernel.decision import Decision
from shared.messaging.kafka_settings import KafkaSettings
from shared.persistence.retention import PARTITIONS_AHEAD, create_partitions
from tests.integration.shared.delivery_harness import NOW, DeliveryHarness
from tests.integration.shared.parcel_context import a_parcel, parcels, requested, send
from tests.integration.shared.test_relay import relaying, until_sent

#: Tables of the caller's own in place of the log's, which keep whoever touches one.
PLANT = """
CREATE TEMPORARY TABLE event_default (LIKE event);
INSERT INTO event_default SELECT * FROM event;
CREATE TEMPORARY TABLE {month} (LIKE event);
CREATE FUNCTION pg_temp.trip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'touched as %', current_user; END $$;
CREATE TRIGGER trip BEFORE INSERT OR UPDATE OR DELETE ON event_default EXECUTE FUNCTION pg_temp.trip();
CREATE TRIGGER trip BEFORE INSERT OR UPDATE OR DELETE ON {month} EXECUTE FUNCTION pg_temp.trip();"""
LIES_IN = "SELECT tableoid::regclass::text FROM rapid_care.event WHERE subject = $1 ORDER BY seq"


async def month(post: DeliveryHarness, ahead: int = 0) -> str:
    """The partition of this month, or of one that is to come."""
    name: str = await post.owner.fetchval("""SELECT to_char(now() + make_interval(months => $1), '"rapid_care.event_"YYYY_MM')""", ahead)
    return name


async def test_the_months_that_come_are_there_and_are_made_once(post: DeliveryHarness) -> None:
    assert await create_partitions(post.sender.database) == 0
    assert await post.owner.fetchval("SELECT to_regclass($1)", await month(post, PARTITIONS_AHEAD)) is not None


async def test_what_no_month_was_made_for_is_kept_and_goes_into_its_month_when_that_is_made(post: DeliveryHarness) -> None:
    await post.owner.execute(f"DROP TABLE {await month(post)}")
    parcel = await post.send()
    assert await post.owner.fetchval(LIES_IN, parcel.id) == "rapid_care.event_default"

    assert await create_partitions(post.sender.database) == 1

    assert await post.owner.fetchval(LIES_IN, parcel.id) == await month(post)
    assert await post.count("rapid_care.outbox JOIN rapid_care.event USING (seq)") == 1


async def test_no_table_of_the_callers_own_stands_in_for_the_log_when_a_month_is_made(post: DeliveryHarness) -> None:
    name = await month(post)
    await post.owner.execute(f"DROP TABLE {name}")
    parcel = await post.send()
    async with post.sender.database.pool.acquire() as role:
        may = "SELECT format('GRANT TEMPORARY ON DATABASE %I TO %I', current_database(), current_user)"
        await post.owner.execute(await role.fetchval(may))
        await role.execute(PLANT.format(month=name.removeprefix("rapid_care.")))

        assert await role.fetchval("SELECT create_partitions(0)") == 1

        assert await role.fetchval("SELECT count(*) FROM pg_temp.event_default") == 1
        await role.execute("DISCARD TEMP")
    assert await post.owner.fetchval(LIES_IN, parcel.id) == name
    assert await post.count("rapid_care.event") == 1


async def test_a_context_may_make_no_tables_of_its_own_not_even_for_a_while(post: DeliveryHarness, template: str, keys: Keys) -> None:
    may = "SELECT has_database_privilege($1, $2, 'TEMPORARY')"
    assert not await post.owner.fetchval(may, keys.roles.of("rapid_care"), template)


async def test_no_more_than_a_year_is_made_ahead(post: DeliveryHarness) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError, match="twelve months"):
        await post.sender.database.pool.execute("SELECT create_partitions(13)")


@pytest.mark.parametrize("zone", ["Etc/GMT+12", "Etc/GMT-14"])  # at any hour it is another day in one of them
async def test_an_event_lies_at_the_day_in_utc_wherever_its_session_is(zone: str, post: DeliveryHarness) -> None:
    async with post.sender.database.transaction() as tx:
        await tx.connection.execute(f"SET LOCAL timezone = '{zone}'")
        await send(tx, a_parcel(tx.now))

    assert await post.count("rapid_care.event", "partition_day = (recorded_at AT TIME ZONE 'UTC')::date") == 1


async def test_a_restricted_event_lies_where_the_log_is_kept_whole(post: DeliveryHarness) -> None:
    parcel = await post.send()
    words = CarePlanRecorded(
        care_plan_id=parcel.id, plan_version=1, preferred_place_of_care=PlaceOfCare.HOME, what_matters="the garden", crisis=None
    )
    async with post.sender.database.transaction() as tx:
        await parcels.save(tx, Decision(await parcels.load(tx, parcel.id), [requested(parcel, NOW), words]))

    lies_in = [row[0] for row in await post.owner.fetch(LIES_IN, parcel.id)]
    assert lies_in == [await month(post), await month(post), "rapid_care.event_permanent"]


@pytest.mark.parametrize(
    "deed", ["DROP TABLE {}", "DELETE FROM {}", "UPDATE {} SET topic = ''", "TRUNCATE {}", "ALTER TABLE event DETACH PARTITION {}"]
)
async def test_the_context_itself_cannot_reach_into_a_month(deed: str, post: DeliveryHarness) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await post.sender.database.pool.execute(deed.format(await month(post)))


async def test_an_unsent_event_is_sent_however_old_its_month(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    old, young = await post.send(), await post.send()
    age = "UPDATE rapid_care.event SET recorded_at = recorded_at - interval '300 days', partition_day = partition_day - 300 WHERE subject = $1"
    await post.owner.execute(age, old.id)

    async with relaying(post, kafka):
        await until_sent(post)

    assert await post.owner.fetchval(LIES_IN, old.id) == "rapid_care.event_default"
    assert await post.owner.fetchval(LIES_IN, young.id) == await month(post)
