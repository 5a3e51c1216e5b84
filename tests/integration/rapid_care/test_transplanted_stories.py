"""Finding C13: the sealed record of one person, put in the place of another's, has no effect and delays nothing."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from shared.contracts.envelope import DATA_KEY, Record
from shared.kernel.ids import new_id
from shared.persistence import parked_records
from shared.persistence.parked_records import ParkedRecord
from tests.builders.context_app import arrived, signed
from tests.builders.mdt import a_person_record
from tests.builders.rapid_care import RapidCareClient, at

ELSEWHERE = "its sealed value belongs to another record, or was altered"


def _recorded(team: RapidCareClient, person: UUID, name: str, sequence: int) -> Record:
    secrets, record = team.context.database.secrets, a_person_record(given_name=name)
    return arrived(record, key=person, subject=person, secrets=secrets, sequence=sequence, at=at("08:00") + timedelta(minutes=sequence))


async def _names(team: RapidCareClient) -> dict[UUID, str]:
    rows = await team.context.database.pool.fetch("SELECT person_id, record->>'given_name' AS given_name FROM person")
    return {row["person_id"]: row["given_name"] for row in rows}


async def _parked(team: RapidCareClient) -> list[ParkedRecord]:
    async with team.context.database.read_only() as reader:
        return await parked_records.waiting(reader)


def with_value_of(record: Record, other: Record) -> Record:
    """The record with the sealed value and the data key of another."""
    data_key = dict(other.headers)[DATA_KEY]
    return replace(
        record, value=other.value, headers=tuple((name, data_key if name == DATA_KEY else value) for name, value in record.headers)
    )


#: How an attacker who can make MACs, by writing to the event log, uses the sealed value of another person or of an earlier event.
TRANSPLANTS: Mapping[str, Callable[[Record, Record, Record], Record]] = {
    "another person": lambda record, other, _: with_value_of(record, other),
    "an earlier record of the person": lambda record, _, earlier: with_value_of(record, earlier),
    "another data key": lambda record, other, _: replace(record, headers=with_value_of(record, other).headers),
    "another topic": lambda record, *_: replace(record, topic="mdt.care-plan-record"),
}


@pytest.mark.parametrize("kind", TRANSPLANTS)
async def test_transplanted_story_is_parked_like_a_forgery(team: RapidCareClient, kind: str) -> None:
    colin, stella = new_id(), new_id()
    first, second, third = (_recorded(team, colin, name, number) for number, name in enumerate(("Colin", "Colin B", "Colin C"), start=1))
    other = _recorded(team, stella, "Stella", 1)
    transplanted = signed(TRANSPLANTS[kind](second, other, first), team.context.database.secrets.mac_keys)

    await team.context.processor.apply([first, other, transplanted])
    assert await _names(team) == {colin: "Colin", stella: "Stella"}
    await team.context.processor.apply([third])

    assert await _names(team) == {colin: "Colin C", stella: "Stella"}
    assert [(each.reason, each.is_authentic, each.blocks_key) for each in await _parked(team)] == [(ELSEWHERE, False, False)]


async def test_transplanted_story_is_never_replayed(team: RapidCareClient) -> None:
    colin, stella = new_id(), new_id()
    record, other = _recorded(team, colin, "Colin", 1), _recorded(team, stella, "Stella", 1)
    await team.context.processor.apply([signed(with_value_of(record, other), team.context.database.secrets.mac_keys)])
    (parked,) = await _parked(team)

    with pytest.raises(Exception, match="belongs to another record"):
        await team.context.processor.replay(parked)

    assert await _names(team) == {}
    assert len(await _parked(team)) == 1
