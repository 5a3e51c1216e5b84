"""A death or a move ends every response of the person, whichever service recorded it; a mistaken one is reversed (A4, A5)."""

from datetime import datetime, timedelta
from itertools import permutations

import pytest

from services.rapid_care.domain.response import Status
from shared.contracts.event import Event
from shared.contracts.persons import PersonChange, PersonDeceased, PersonMoved, PersonRestored, PersonReturned
from shared.contracts.rapid_care import ResponseAtRisk, ResponseBreached, ResponseCancelled, ResponseRequested, ResponseRestored
from shared.contracts.referral_codes import CancelReason
from shared.contracts.referrals import ReferralCancelled
from shared.kernel.ids import PersonId, new_id
from tests.builders.rapid_care import RapidCareClient, a_routed_referral, at


def _died(recorded_at: datetime) -> PersonDeceased:
    return PersonDeceased(died_on=None, reported_by="W07", recorded_at=recorded_at)


def _restored(recorded_at: datetime, mistaken: PersonChange = PersonChange.DEATH) -> PersonRestored:
    return PersonRestored(mistaken=mistaken, recorded_at=recorded_at, restored_at=recorded_at + timedelta(minutes=10))


async def _deliver(team: RapidCareClient, person_id: PersonId, event: Event, sequence: int = 1) -> None:
    await team.context.deliver(event, key=person_id, subject=person_id, sequence=sequence)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_died(at("14:00")), "died"),
        (PersonMoved(moved_on=None, reported_by="W07", recorded_at=at("14:00")), "moved-away"),
    ],
)
async def test_change_ends_every_response_of_person(team: RapidCareClient, change: Event, reason: str) -> None:
    person_id = PersonId(new_id())
    requested, en_route, in_care, closed = [await team.receive_referral(person_id=person_id) for _ in range(4)]
    other = await team.receive_referral()
    for response_id, status in ((en_route, Status.EN_ROUTE), (in_care, Status.PACKAGE_AGREED), (closed, Status.CLOSED)):
        await team.advance(response_id, status)

    await _deliver(team, person_id, change)
    await team.context.let_pass(timedelta(hours=3))

    for response_id in (requested, en_route, in_care):
        ended = await team.read(response_id)
        assert (ended["status"], ended["cancel_reason"]) == ("cancelled", reason)
    assert (await team.read(closed))["status"] == "closed"
    assert [event.reason for event in await team.context.published(ResponseCancelled)] == [reason] * 3
    assert [event.due_at for event in await team.context.published(ResponseBreached)] == [at("16:00")]
    assert (await team.read(other))["clock"] == "overdue"


@pytest.mark.parametrize("change", [_died(at("13:00")), PersonMoved(moved_on=None, reported_by="W07", recorded_at=at("13:00"))])
@pytest.mark.parametrize("order", ["".join(each) for each in permutations("CEL")])
async def test_change_and_two_referrals_cross_in_any_order(team: RapidCareClient, change: Event, order: str) -> None:
    """The earlier referral was received at the instant of the record, the later one after it."""
    person_id = PersonId(new_id())
    received = {"E": at("13:00"), "L": at("13:00") + timedelta(microseconds=1)}
    events = {letter: a_routed_referral(received_at) for letter, received_at in received.items()} | {"C": change}

    for letter in order:
        await team.context.deliver(events[letter], key=person_id, subject=new_id())

    rows = await team.context.database.pool.fetch("SELECT received_at, status FROM response")
    assert {row["received_at"]: row["status"] for row in rows} == {received["E"]: "cancelled", received["L"]: "requested"}


@pytest.mark.parametrize("reason", [CancelReason.DIED, CancelReason.MOVED_AWAY])
async def test_cancelled_referral_of_gone_person_never_raises(team: RapidCareClient, reason: CancelReason) -> None:
    person_id, referral_id = PersonId(new_id()), new_id()
    response_id = await team.receive_referral(person_id=person_id, referral_id=referral_id)
    await team.advance(response_id, Status.ASSESSED)

    await team.context.deliver(ReferralCancelled(reason=reason.value), key=person_id, subject=referral_id, sequence=2)
    await _deliver(team, person_id, _died(at("14:00")))
    await team.context.deliver(ReferralCancelled(reason=reason.value), key=person_id, subject=referral_id, sequence=3)

    assert (await team.read(response_id))["cancel_reason"] == "died"
    assert await team.context.database.pool.fetchval("SELECT count(*) FROM inbox WHERE refused_code IS NOT NULL") == 0


@pytest.mark.parametrize("after", PersonChange)
async def test_returned_person_is_responded_to_again(team: RapidCareClient, after: PersonChange) -> None:
    person_id = PersonId(new_id())
    ended = await team.receive_referral(person_id=person_id)
    await _deliver(team, person_id, PersonMoved(moved_on=None, reported_by="W07", recorded_at=at("14:00")))
    if after is PersonChange.DEATH:
        await _deliver(team, person_id, _died(at("14:01")), 2)
    returned_at = at("14:00") + timedelta(days=30)

    await _deliver(team, person_id, PersonReturned(after=after, reported_by="CLCH", recorded_at=returned_at), 3)
    crossed = await team.receive_referral(person_id=person_id, received_at=at("13:59"))

    assert (await team.read(ended))["status"] == "cancelled"
    assert (await team.read(crossed))["status"] == "requested"


@pytest.mark.parametrize(
    "last", [_restored(at("14:00")), PersonReturned(after=PersonChange.DEATH, reported_by="CLCH", recorded_at=at("14:10"))]
)
async def test_response_continues_when_an_old_death_is_replayed(team: RapidCareClient, last: Event) -> None:
    """The death holds no longer; its record was parked, or is applied a second time."""
    person_id = PersonId(new_id())
    await _deliver(team, person_id, _died(at("14:00")))
    await _deliver(team, person_id, last, 2)
    response_id = await team.receive_referral(person_id=person_id)

    await _deliver(team, person_id, _died(at("14:00")))
    crossed = await team.receive_referral(person_id=person_id, received_at=at("13:59"))

    assert [(await team.read(each))["status"] for each in (response_id, crossed)] == ["requested"] * 2


@pytest.mark.parametrize(
    "last", [_restored(at("14:00")), PersonReturned(after=PersonChange.DEATH, reported_by="CLCH", recorded_at=at("14:10"))]
)
async def test_parked_death_changes_nothing_after_its_end(team: RapidCareClient, last: Event) -> None:
    person_id = PersonId(new_id())
    await _deliver(team, person_id, last, 2)
    response_id = await team.receive_referral(person_id=person_id)

    await _deliver(team, person_id, _died(at("14:00")))

    assert (await team.read(response_id))["status"] == "requested"


@pytest.mark.parametrize("is_over", [True, False])
async def test_late_reversal_of_an_older_death_restores_nothing(team: RapidCareClient, *, is_over: bool) -> None:
    person_id = PersonId(new_id())
    await _deliver(team, person_id, _died(at("13:00")))
    if is_over:
        await _deliver(team, person_id, _restored(at("13:00")), 2)
    response_id = await team.receive_referral(person_id=person_id)
    await _deliver(team, person_id, _died(at("14:00")), 3)

    await _deliver(team, person_id, _restored(at("13:00")), 2)

    assert (await team.read(response_id))["cancel_reason"] == "died"


async def test_mistaken_death_restores_responses_on_same_clock(team: RapidCareClient) -> None:
    person_id = PersonId(new_id())
    waiting, in_care = await team.receive_referral(person_id=person_id), await team.receive_referral(person_id=person_id)
    before = await team.advance(waiting, Status.EN_ROUTE), await team.advance(in_care, Status.ASSESSED)
    await _deliver(team, person_id, _died(at("14:00")))
    await team.context.let_pass(timedelta(minutes=30))

    await _deliver(team, person_id, _restored(at("14:00")), 2)

    for earlier, response_id in zip(before, (waiting, in_care), strict=True):
        restored = await team.read(response_id)
        kept = ("status", "due_at", "clock_starts_at", "clinician_id", "cancel_reason", "ended_at")
        assert {name: restored[name] for name in kept} == {name: earlier[name] for name in kept}
    assert len(await team.context.published(ResponseRestored)) == 2
    await team.context.let_pass(timedelta(hours=2))
    assert [event.minutes_elapsed for event in await team.context.published(ResponseAtRisk)] == [60, 90, 110]
    assert len(await team.context.published(ResponseBreached)) == 1


async def test_breach_that_passed_is_judged_when_death_is_reversed(team: RapidCareClient) -> None:
    person_id = PersonId(new_id())
    response_id = await team.receive_referral(person_id=person_id)
    await team.advance(response_id, Status.ASSIGNED)
    await _deliver(team, person_id, _died(at("14:00")))
    await team.context.let_pass(timedelta(hours=3))

    await _deliver(team, person_id, _restored(at("14:00")), 2)

    restored = await team.read(response_id)
    assert (restored["status"], restored["clock"]) == ("assigned", "overdue")
    assert len(await team.context.published(ResponseBreached)) == 1
    await team.context.let_pass(timedelta(minutes=16))
    assert (await team.read(response_id))["overdue_step"] == "contact"
    assert await team.context.published(ResponseAtRisk) == []


async def test_restored_response_of_clinician_off_duty_is_unassigned(team: RapidCareClient) -> None:
    person_id = PersonId(new_id())
    response_id = await team.receive_referral(person_id=person_id)
    await team.advance(response_id, Status.EN_ROUTE)
    await _deliver(team, person_id, _died(at("14:00")))
    await team.go_off_duty()

    await _deliver(team, person_id, _restored(at("14:00")), 2)

    restored = await team.read(response_id)
    assert (restored["status"], restored["clinician_id"]) == ("accepted", None)


async def test_reversal_restores_only_what_ended_by_this_change(team: RapidCareClient) -> None:
    person_id = PersonId(new_id())
    by_earlier_move = await team.receive_referral(person_id=person_id)
    await _deliver(team, person_id, PersonMoved(moved_on=None, reported_by="W07", recorded_at=at("14:00")))
    await team.context.let_pass(timedelta(minutes=20))
    by_decline, by_later_move = await team.receive_referral(person_id=person_id), await team.receive_referral(person_id=person_id)
    await team.command(by_decline, "decline", reason="capacity")
    await _deliver(team, person_id, PersonMoved(moved_on=None, reported_by="W07", recorded_at=at("14:20")), 2)

    await _deliver(team, person_id, _restored(at("14:20"), PersonChange.MOVE), 3)

    statuses = [(await team.read(response_id))["status"] for response_id in (by_earlier_move, by_decline, by_later_move)]
    assert statuses == ["cancelled", "declined", "requested"]


async def test_referral_crossing_death_ends_and_is_restored(team: RapidCareClient) -> None:
    """The topics have no common order: the death may arrive before the routing of an earlier referral."""
    person_id, referral_id = PersonId(new_id()), new_id()
    await _deliver(team, person_id, _died(at("14:05")))

    await team.context.deliver(a_routed_referral(at("14:00")), key=person_id, subject=referral_id)

    [response] = (await team.get("responses", status="closed"))["items"]
    assert (response["status"], response["cancel_reason"], response["referral_id"]) == ("cancelled", "died", str(referral_id))
    await _deliver(team, person_id, _restored(at("14:05")), 2)
    assert (await team.read(response["id"]))["status"] == "requested"
    await team.context.deliver(a_routed_referral(at("13:59")), key=person_id, subject=new_id())
    assert len((await team.get("responses"))["items"]) == 2
    assert len(await team.context.published(ResponseRequested)) == 2


async def test_referral_received_after_move_is_a_new_one(team: RapidCareClient) -> None:
    person_id = PersonId(new_id())
    await _deliver(team, person_id, PersonMoved(moved_on=None, reported_by="W07", recorded_at=at("13:00")))

    response_id = await team.receive_referral(person_id=person_id)

    assert (await team.read(response_id))["status"] == "requested"
