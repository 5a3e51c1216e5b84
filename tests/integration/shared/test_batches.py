"""A batch, with its prefetch and deferred writes, produces the same rows as its records one by one."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

import pytest

from infra.dev_stack.dev_secrets import Keys
from services.mdt import subscriptions as mdt
from services.navigation import subscriptions as navigation
from services.navigation.domain.policy import Policy
from services.rapid_care import subscriptions as rapid_care
from services.rapid_care.domain.capacity import Capacity
from services.rapid_care.store.capacity import capacities
from services.referrals import subscriptions as referrals
from shared.contracts.care_plans import CarePlanClosed
from shared.contracts.envelope import Record
from shared.contracts.event import Event
from shared.contracts.mdt import LeadActivated, LeadEnded
from shared.contracts.rapid_care import (
    CapacityLevel,
    CapacityWarned,
    DeclineReason,
    ResponseAccepted,
    ResponseClosed,
    ResponseDeclined,
    ResponseEscalated,
    ResponseOutcome,
)
from shared.contracts.referral_codes import CancelReason, ReturnReason, Route
from shared.contracts.referrals import ReferralCancelled, ReferralReturned
from shared.kernel.decision import Decision
from shared.kernel.ids import new_id
from shared.messaging.event_processor import EventProcessor
from shared.messaging.subscriptions import Subscriptions
from shared.persistence.statements import Sql
from tests.builders import mdt as meeting
from tests.builders import navigation as task
from tests.builders import rapid_care as response
from tests.builders import referrals as referral
from tests.builders.context_app import RunningContext, arrived
from tests.builders.population import nhs_numbers

NOON = response.at("12:00")
_LONGEST = 6
RETURNED = ReferralReturned(service_code="rapid-care", reason=ReturnReason.OTHER)
WITHDRAWN = ReferralCancelled(reason=CancelReason.WITHDRAWN)


def _routed(**changes: Any) -> Event:
    return response.a_routed_referral(NOON, **changes)


#: Sequences of events of one referral; records of its person are added.
SEQUENCES: list[list[Event]] = [
    [_routed()],
    [_routed(), RETURNED],
    [_routed(), RETURNED, _routed(routing=2)],
    [_routed(), WITHDRAWN],
    [_routed(route=Route.MDT, service_code="mdt"), _routed(routing=2)],
    [_routed(), _routed(route=Route.MDT, service_code="mdt", routing=2)],
    [_routed(route=Route.MDT, service_code="mdt"), _routed(route=Route.MDT, service_code="mdt", routing=2), WITHDRAWN],
]


#: Sequences of events of a care plan, and of a referral to navigation.
NAVIGATION_SEQUENCES: list[list[Event]] = [
    [task.an_agreed_plan(task.mr_dales_actions())],
    [task.an_agreed_plan(task.mr_dales_actions()), task.a_revised_plan(task.mr_dales_actions()[:1])],
    [task.an_agreed_plan(task.mr_dales_actions()), CarePlanClosed(reason="case-closed")],
    [task.a_routed_referral(NOON)],
    [task.a_routed_referral(NOON), WITHDRAWN],
    [task.a_routed_referral(NOON), RETURNED, task.a_routed_referral(NOON, routing=2)],
    [task.a_step_down(), task.an_activated_lead(NOON)],
]


#: Sequences of events of Rapid Care about a referral.
ANSWERS: list[Callable[[UUID], list[Event]]] = [
    lambda referral: [_accepted(referral)],
    lambda referral: [ResponseDeclined(referral_id=referral, reason=DeclineReason.CAPACITY)],
    lambda referral: [_accepted(referral), _closed(referral)],
    lambda referral: [_accepted(referral), ResponseEscalated(referral_id=referral), _closed(referral)],
    lambda referral: [ResponseDeclined(referral_id=referral, reason=DeclineReason.CAPACITY), _accepted(referral)],
]

#: The person and the records of each sequence.
Sequences = list[tuple[UUID, list[Record]]]


def _of(context: RunningContext, person: UUID, subject: UUID, events: Sequence[Event], correlation: UUID | None = None) -> list[Record]:
    secrets = context.database.secrets
    return [
        arrived(event, key=person, subject=subject, secrets=secrets, correlation=correlation, sequence=number)
        for number, event in enumerate(events, start=1)
    ]


async def _sequences(context: RunningContext, sequences: Sequence[Sequence[Event]]) -> Sequences:
    """Each sequence has its own person and subject, and lies between two records of the person."""
    people = [new_id() for _ in sequences]
    sequences = [[response.mr_dale(), *events, response.mr_dale(given_name="Another")] for events in sequences]
    return [(person, _of(context, person, new_id(), events)) for person, events in zip(people, sequences, strict=True)]


async def _left(context: RunningContext, person: UUID, table: str) -> list[tuple[Any, ...]]:
    """The rows that a sequence has left, without ids: events, aggregates, pending deadlines, audit, projection."""
    pool = context.database.pool
    events = await pool.fetch("SELECT type, sequence FROM event WHERE key = $1 ORDER BY seq", person)
    states = await pool.fetch(f'SELECT status, version FROM "{table}" WHERE person_id = $1 ORDER BY 1, 2', person)  # noqa: S608  names of the test
    of_state = f'SELECT id FROM "{table}" WHERE person_id = $1'  # noqa: S608  names of the test
    pending = f"SELECT kind, due_at FROM deadline WHERE state = 'pending' AND subject IN ({of_state}) ORDER BY 1, 2"  # noqa: S608  names of the test
    deadlines = await pool.fetch(pending, person)
    audit = await pool.fetch(f"SELECT action, version FROM audit WHERE subject IN ({of_state}) ORDER BY id", person)  # noqa: S608  names of the test
    projections = await pool.fetch(_PROJECTIONS[table], person)
    return [tuple(row) for rows in (events, states, deadlines, audit, projections) for row in rows]


#: The projection of the person in each context.
_PERSON = "SELECT sequence, record ->> 'given_name' FROM person WHERE person_id = $1"
_PROJECTIONS = {
    "response": _PERSON,
    "case": _PERSON,
    "task": _PERSON,
    "referral": "SELECT type FROM timeline_event WHERE person_id = $1 ORDER BY occurred_at, type",
}


async def _compare(
    context: RunningContext, subscriptions: Subscriptions, table: str, first: int, make: Callable[[], Awaitable[Sequences]]
) -> None:
    """Applies each sequence record by record, and the same sequences as two mixed batches: the `first` records of each, and the rest."""
    processor = UnsplitProcessor(context.database, subscriptions)
    single, batched = await make(), await make()
    for _, records in single:
        for record in records:
            await processor.apply([record])
    rounds = list(zip(*(_padded(records) for _, records in batched), strict=True))
    for batch in filter(None, (rounds[:first], rounds[first:])):
        await processor.apply([record for several in batch for record in several if record])

    for (one, _), (other, _) in zip(single, batched, strict=True):
        left = await _left(context, other, table)
        assert left == await _left(context, one, table)
        assert left


def _padded(records: list[Record]) -> list[Record | None]:
    return [*records, *[None] * (_LONGEST - len(records))]


class UnsplitProcessor(EventProcessor):
    """Raises when a batch would be split, because the test compares whole batches."""

    async def _bisect(self, records: Sequence[Record]) -> None:
        raise AssertionError(records)


#: Whole sequences in one batch; or two records first, so that the second batch finds stored rows.
CUTS = pytest.mark.parametrize("first", [0, 2])


@CUTS
async def test_rapid_care_batch_equals_single_records(first: int, owner_url: str, keys: Keys) -> None:
    async with response.rapid_care(owner_url, keys, NOON) as client:
        await _compare(client.context, rapid_care.SUBSCRIPTIONS, "response", first, partial(_sequences, client.context, SEQUENCES))


@CUTS
async def test_mdt_batch_equals_single_records(first: int, owner_url: str, keys: Keys) -> None:
    async with meeting.mdt(owner_url, keys) as context:
        await _compare(context, mdt.SUBSCRIPTIONS, "case", first, partial(_sequences, context, SEQUENCES))


@CUTS
async def test_navigation_batch_equals_single_records(first: int, owner_url: str, keys: Keys) -> None:
    async with task.navigation(owner_url, keys, policy=Policy(caseload_cap=1_000)) as client:
        await client.register(task.NAVIGATOR)
        await _compare(client.context, navigation.SUBSCRIPTIONS, "task", first, partial(_sequences, client.context, NAVIGATION_SEQUENCES))


@CUTS
async def test_referrals_batch_equals_single_records(first: int, owner_url: str, keys: Keys) -> None:
    numbers = iter(nhs_numbers(Random(0), 2 * len(ANSWERS)))  # noqa: S311  a fixed seed
    async with referral.referrals(owner_url, keys, referral.MONDAY) as client:

        async def answered() -> Sequences:
            """Each sequence belongs to a referral that Rapid Care has received."""
            routed = [
                await client.refer_and_route(
                    "rapid-care", "rapid-care", nhs_number=next(numbers), urgency="urgent", reason="urgent-deterioration"
                )
                for _ in ANSWERS
            ]
            ids = [(UUID(each["person_id"]), UUID(each["id"])) for each in routed]
            return [(person, _of(client.context, person, new_id(), say(id_), id_)) for (person, id_), say in zip(ids, ANSWERS, strict=True)]

        await _compare(client.context, referrals.SUBSCRIPTIONS, "referral", first, answered)


async def test_lead_projection_holds_newest_lead_of_a_batch(owner_url: str, keys: Keys) -> None:
    async with response.rapid_care(owner_url, keys, NOON) as client:
        person, lead, secrets = new_id(), new_id(), client.context.database.secrets
        sent: list[Event] = [_lead(), LeadEnded(reason="case-closed")]
        records = [arrived(event, key=person, subject=lead, secrets=secrets, sequence=number) for number, event in enumerate(sent, start=1)]
        await client.context.processor.apply(records[::-1])

        assert await client.context.database.pool.fetchval("SELECT record FROM lead WHERE lead_id = $1", lead) is None


_VERSION = Sql("SELECT version FROM capacity WHERE id = $1", "id", tables=("capacity",))
_NEXT_VERSION = Sql("UPDATE capacity SET version = 7 WHERE id = $1", "id", writes="capacity")


async def test_read_in_a_batch_sees_deferred_writes(owner_url: str, keys: Keys) -> None:
    async with response.rapid_care(owner_url, keys, NOON) as client, client.context.database.transaction() as tx:
        tx.start_batch()
        month = Capacity(new_id(), NOON.date())
        warned = CapacityWarned(month=month.month, referrals=181, level=CapacityLevel.WARNING)
        saved = await capacities.save(tx, Decision(month, [warned]))

        assert await capacities.find(tx, month.id) == saved
        assert await tx.fetch_value(_VERSION, id=month.id) == 1
        await tx.execute(_NEXT_VERSION, id=month.id)
        assert (await capacities.load(tx, month.id)).version == 7
        with pytest.raises(RuntimeError, match="a batch runs statements"):
            _ = tx.connection


def _accepted(referral_id: UUID) -> ResponseAccepted:
    return ResponseAccepted(referral_id=referral_id, accepted_at=NOON, due_at=NOON + timedelta(hours=2))


def _closed(referral_id: UUID) -> ResponseClosed:
    outcome = ResponseOutcome.ADMISSION_AVOIDED
    return ResponseClosed(referral_id=referral_id, outcome=outcome, is_admission_avoided=True, benefit_pounds=2004)


def _lead() -> LeadActivated:
    return LeadActivated(
        professional_id="nurse-7", role="community-nurse", organisation="CLCH", is_fallback=False, activated_at=NOON, is_from_meeting=True
    )
