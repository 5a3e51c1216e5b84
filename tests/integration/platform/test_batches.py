"""A batch reads ahead and writes behind; what it leaves is what its records would leave one by one."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from infra.keys import Keys
from services.mdt import agents as mdt
from services.rapid_care import agents as rapid_care
from services.rapid_care.domain.capacity import Capacity
from services.rapid_care.store.capacity import capacities
from shared.contracts.envelope import Record
from shared.contracts.event import Event
from shared.contracts.mdt import LeadActivated, LeadEnded
from shared.contracts.rapid_care import CapacityLevel, CapacityWarned
from shared.contracts.referrals import CancelReason, ReferralCancelled, ReferralReturned, ReturnReason, Route
from shared.kernel.decision import Decision
from shared.kernel.ids import new_id
from shared.messaging.handling import Wiring
from shared.messaging.intake import Intake
from tests.builders import mdt as meeting
from tests.builders import rapid_care as response
from tests.builders.running import Running, arrived

NOON = response.at("12:00")
TAKEN_BACK = ReferralReturned(service_code="rapid-care", reason=ReturnReason.OTHER)
WITHDRAWN = ReferralCancelled(reason=CancelReason.WITHDRAWN)


def _routed(**changes: Any) -> Event:
    return response.a_routed_referral(NOON, **changes)


#: What one referral may bring, in its order; its person's record comes between.
LIVES: list[list[Event]] = [
    [_routed()],
    [_routed(), TAKEN_BACK],
    [_routed(), TAKEN_BACK, _routed(routing=2)],
    [_routed(), WITHDRAWN],
    [_routed(route=Route.MDT, service_code="mdt"), _routed(routing=2)],
    [_routed(), _routed(route=Route.MDT, service_code="mdt", routing=2)],
    [_routed(route=Route.MDT, service_code="mdt"), _routed(route=Route.MDT, service_code="mdt", routing=2), WITHDRAWN],
]


def _records(context: Running) -> list[tuple[UUID, list[Record]]]:
    """Of each life the person and the records; no two lives share either."""
    lives = []
    for events in LIVES:
        person, referral, secrets = new_id(), new_id(), context.database.secrets
        told = [response.mr_dale(), *events, response.mr_dale(given_name="Another")]
        records = [
            arrived(event, key=person, subject=referral, secrets=secrets, sequence=number) for number, event in enumerate(told, start=1)
        ]
        lives.append((person, records))
    return lives


async def _left(context: Running, person: UUID, table: str) -> list[tuple[Any, ...]]:
    """What the life has left, without ids: events, the aggregate, deadlines to come, audit, the copy."""
    pool = context.database.pool
    events = await pool.fetch("SELECT type, sequence FROM event WHERE key = $1 ORDER BY seq", person)
    states = await pool.fetch(f'SELECT status, version FROM "{table}" WHERE person_id = $1 ORDER BY id', person)  # noqa: S608  our own names
    of_state = f'SELECT id FROM "{table}" WHERE person_id = $1'  # noqa: S608  our own names
    timers = await pool.fetch(f"SELECT kind, due_at FROM timer WHERE state = 'pending' AND subject IN ({of_state}) ORDER BY 1, 2", person)  # noqa: S608  see above
    audit = await pool.fetch(f"SELECT action, version FROM audit WHERE subject IN ({of_state}) ORDER BY id", person)  # noqa: S608  see above
    copies = await pool.fetch("SELECT sequence, record ->> 'given_name' FROM person WHERE person_id = $1", person)
    return [tuple(row) for rows in (events, states, timers, audit, copies) for row in rows]


async def _compare(context: Running, wiring: Wiring, table: str, first: int) -> None:
    """Each life one by one, and the same lives mixed: the `first` records of each as a batch, and what follows as another."""
    intake = Whole(context.database, wiring)
    alone, together = _records(context), _records(context)
    for _, records in alone:
        for record in records:
            await intake.apply([record])
    rounds = list(zip(*(_padded(records) for _, records in together), strict=True))
    for batch in filter(None, (rounds[:first], rounds[first:])):
        await intake.apply([record for several in batch for record in several if record])

    for (one, _), (other, _) in zip(alone, together, strict=True):
        left = await _left(context, other, table)
        assert left == await _left(context, one, table)
        assert left


def _padded(records: list[Record]) -> list[Record | None]:
    longest = 2 + max(map(len, LIVES))
    return [*records, *[None] * (longest - len(records))]


class Whole(Intake):
    """A batch that has to be done in parts after all would prove nothing."""

    async def _by_halves(self, records: Sequence[Record]) -> None:
        raise AssertionError(records)


#: Whole lives in one batch; or what began in one goes on in the next, which finds it stored.
CUTS = pytest.mark.parametrize("first", [0, 2])


@CUTS
async def test_rapid_care_is_left_the_same(first: int, owner_url: str, keys: Keys) -> None:
    async with response.rapid_care(owner_url, keys, NOON) as desk:
        await _compare(desk.context, rapid_care.WIRING, "response", first)


@CUTS
async def test_the_meeting_is_left_the_same(first: int, owner_url: str, keys: Keys) -> None:
    async with meeting.mdt(owner_url, keys) as context:
        await _compare(context, mdt.WIRING, "case", first)


async def test_the_copy_of_a_lead_follows_the_newest_within_a_batch(owner_url: str, keys: Keys) -> None:
    async with response.rapid_care(owner_url, keys, NOON) as desk:
        person, lead, secrets = new_id(), new_id(), desk.context.database.secrets
        told: list[Event] = [_lead(), LeadEnded(reason="case-closed")]
        records = [arrived(event, key=person, subject=lead, secrets=secrets, sequence=number) for number, event in enumerate(told, start=1)]
        await desk.context.intake.apply(records[::-1])

        assert await desk.context.database.pool.fetchval("SELECT record FROM lead WHERE lead_id = $1", lead) is None


async def test_what_a_batch_has_put_off_is_there_for_whoever_reads_it(owner_url: str, keys: Keys) -> None:
    async with response.rapid_care(owner_url, keys, NOON) as desk, desk.context.database.transaction() as tx:
        tx.gather()
        month = Capacity(new_id(), NOON.date())
        warned = CapacityWarned(month=month.month, referrals=181, level=CapacityLevel.WARNING)
        saved = await capacities.save(tx, Decision(month, [warned]))

        assert await capacities.find(tx, month.id) == saved
        assert await tx.connection.fetchval("SELECT version FROM capacity WHERE id = $1", month.id) == 1
        await tx.connection.execute("UPDATE capacity SET version = 7 WHERE id = $1", month.id)
        assert (await capacities.load(tx, month.id)).version == 7


def _lead() -> LeadActivated:
    return LeadActivated(
        professional_id="nurse-7", role="community-nurse", organisation="CLCH", is_fallback=False, activated_at=NOON, is_from_meeting=True
    )
