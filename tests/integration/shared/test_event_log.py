"""The event log has monthly partitions, created in advance; only the owner of the database removes one."""

import asyncpg
import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.contracts.care_plans import CarePlanRecorded
from shared.contracts.codes import PlaceOfCare
from shared.kernel.decision import Decision
from shared.messaging.kafka_settings import KafkaSettings
from shared.persistence.retention import PARTITIONS_AHEAD, create_partitions
from tests.builders.database import Databases
from tests.integration.shared.delivery_harness import NOW, DeliveryHarness
from tests.integration.shared.parcel_context import a_parcel, parcels, requested, send
from tests.integration.shared.relay_harness import relaying, until_sent

#: Temporary tables with the names of the log's partitions; a trigger reports the role that writes to one.
TEMPORARY_TABLES = """
CREATE TEMPORARY TABLE event_default (LIKE event);
INSERT INTO event_default SELECT * FROM event;
CREATE TEMPORARY TABLE {month} (LIKE event);
CREATE FUNCTION pg_temp.trip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'touched as %', current_user; END $$;
CREATE TRIGGER trip BEFORE INSERT OR UPDATE OR DELETE ON event_default EXECUTE FUNCTION pg_temp.trip();
CREATE TRIGGER trip BEFORE INSERT OR UPDATE OR DELETE ON {month} EXECUTE FUNCTION pg_temp.trip();"""
PARTITIONS_OF = "SELECT tableoid::regclass::text FROM rapid_care.event WHERE subject = $1 ORDER BY seq"


async def month(harness: DeliveryHarness, later: int = 0) -> str:
    """The name of the partition of this month, or of a month `later`."""
    name: str = await harness.owner.fetchval("""SELECT to_char(now() + make_interval(months => $1), '"rapid_care.event_"YYYY_MM')""", later)
    return name


async def test_coming_months_have_partitions_created_once(harness: DeliveryHarness) -> None:
    assert await create_partitions(harness.sender.database) == 0
    assert await harness.owner.fetchval("SELECT to_regclass($1)", await month(harness, PARTITIONS_AHEAD)) is not None


async def test_event_without_partition_moves_when_it_is_created(harness: DeliveryHarness) -> None:
    await harness.owner.execute(f"DROP TABLE {await month(harness)}")
    parcel = await harness.send()
    assert await harness.owner.fetchval(PARTITIONS_OF, parcel.id) == "rapid_care.event_default"

    assert await create_partitions(harness.sender.database) == 1

    assert await harness.owner.fetchval(PARTITIONS_OF, parcel.id) == await month(harness)
    assert await harness.count("rapid_care.outbox JOIN rapid_care.event USING (seq)") == 1


async def test_create_partitions_ignores_temporary_tables_of_caller(harness: DeliveryHarness) -> None:
    name = await month(harness)
    await harness.owner.execute(f"DROP TABLE {name}")
    parcel = await harness.send()
    async with harness.sender.database.pool.acquire() as role:
        may = "SELECT format('GRANT TEMPORARY ON DATABASE %I TO %I', current_database(), current_user)"
        await harness.owner.execute(await role.fetchval(may))
        await role.execute(TEMPORARY_TABLES.format(month=name.removeprefix("rapid_care.")))

        assert await role.fetchval("SELECT create_partitions(0)") == 1

        assert await role.fetchval("SELECT count(*) FROM pg_temp.event_default") == 1
        await role.execute("DISCARD TEMP")
    assert await harness.owner.fetchval(PARTITIONS_OF, parcel.id) == name
    assert await harness.count("rapid_care.event") == 1


async def test_context_role_cannot_create_temporary_tables(harness: DeliveryHarness, databases: Databases, keys: Keys) -> None:
    may = "SELECT has_database_privilege($1, $2, 'TEMPORARY')"
    assert not await harness.owner.fetchval(may, keys.roles.of("rapid_care"), databases.template)


async def test_at_most_a_year_of_partitions_is_created(harness: DeliveryHarness) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError, match="twelve months"):
        await harness.sender.database.pool.execute("SELECT create_partitions(13)")


@pytest.mark.parametrize("zone", ["Etc/GMT+12", "Etc/GMT-14"])  # at any hour one of them has another day
async def test_partition_day_is_the_day_in_utc(zone: str, harness: DeliveryHarness) -> None:
    async with harness.sender.database.transaction() as tx:
        await tx.connection.execute(f"SET LOCAL timezone = '{zone}'")
        await send(tx, a_parcel(tx.now))

    assert await harness.count("rapid_care.event", "partition_day = (recorded_at AT TIME ZONE 'UTC')::date") == 1


async def test_restricted_event_is_in_the_permanent_partition(harness: DeliveryHarness) -> None:
    parcel = await harness.send()
    words = CarePlanRecorded(
        care_plan_id=parcel.id, plan_version=1, preferred_place_of_care=PlaceOfCare.HOME, what_matters="the garden", crisis=None
    )
    async with harness.sender.database.transaction() as tx:
        await parcels.save(tx, Decision(await parcels.load(tx, parcel.id), [requested(parcel, NOW), words]))

    partitions = [row[0] for row in await harness.owner.fetch(PARTITIONS_OF, parcel.id)]
    assert partitions == [await month(harness), await month(harness), "rapid_care.event_permanent"]


@pytest.mark.parametrize(
    "statement", ["DROP TABLE {}", "DELETE FROM {}", "UPDATE {} SET topic = ''", "TRUNCATE {}", "ALTER TABLE event DETACH PARTITION {}"]
)
async def test_context_role_cannot_change_a_partition(statement: str, harness: DeliveryHarness) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await harness.sender.database.pool.execute(statement.format(await month(harness)))


async def test_unsent_event_of_an_old_month_is_published(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    old, young = await harness.send(), await harness.send()
    age = "UPDATE rapid_care.event SET recorded_at = recorded_at - interval '300 days', partition_day = partition_day - 300"
    await harness.owner.execute(f"{age} WHERE subject = $1", old.id)

    async with relaying(harness, kafka):
        await until_sent(harness)

    assert await harness.owner.fetchval(PARTITIONS_OF, old.id) == "rapid_care.event_default"
    assert await harness.owner.fetchval(PARTITIONS_OF, young.id) == await month(harness)
