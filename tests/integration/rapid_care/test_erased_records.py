"""A record without a value, by which Kafka forgets an erased person, has no effect; a forged one is parked."""

from dataclasses import replace
from uuid import UUID

from shared.contracts.envelope import DATA_KEY, Record
from shared.kernel.ids import new_id
from tests.builders.context_app import arrived, signed
from tests.builders.mdt import a_person_record
from tests.builders.rapid_care import RapidCareClient, at

_NAME = "SELECT record ->> 'given_name' FROM person WHERE person_id = $1"


def _recorded(team: RapidCareClient, person: UUID) -> Record:
    return arrived(a_person_record(), key=person, subject=person, secrets=team.context.database.secrets, at=at("08:00"))


def _erased(record: Record) -> Record:
    return replace(record, value=None, headers=tuple(header for header in record.headers if header[0] != DATA_KEY))


async def test_record_without_a_value_has_no_effect(team: RapidCareClient) -> None:
    known, unknown = new_id(), new_id()
    record = _recorded(team, known)
    tombstones = [signed(_erased(each), team.context.database.secrets.mac_keys) for each in (record, _recorded(team, unknown))]

    await team.context.processor.apply([record, *tombstones])
    await team.context.processor.apply(tombstones)

    assert await team.context.database.pool.fetchval(_NAME, known) == "Colin"
    assert await team.context.database.pool.fetchval(_NAME, unknown) is None
    assert await team.context.database.pool.fetchval("SELECT count(*) FROM parked") == 0


async def test_forged_record_without_a_value_is_parked(team: RapidCareClient) -> None:
    await team.context.processor.apply([_erased(_recorded(team, new_id()))])

    assert await team.context.database.pool.fetchval("SELECT is_authentic FROM parked") is False
