"""A person's death or move ends their tasks; a mistaken one restores them. Events of other topics cross with it in any order."""

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest

from services.navigation.domain.closure import REASON_OF
from shared.contracts.care_plans import CarePlanClosed, CarePlanReopened
from shared.contracts.codes import RiskLevel
from shared.contracts.event import Event
from shared.contracts.mdt import FindingDestination, RiskScreened
from shared.contracts.navigation import TaskCancelled, TaskCreated, TaskFulfilled, TaskRestored
from shared.contracts.persons import PersonChange, PersonDeceased, PersonMoved, PersonRestored, PersonReturned, SharingPreference
from shared.contracts.referral_codes import Reason, ReopenReason
from shared.contracts.referrals import ReferralCancelled, ReferralReopened
from shared.kernel.ids import new_id
from tests.builders.context_app import arrived, repeated
from tests.builders.navigation import (
    NAVIGATOR,
    WEDNESDAY,
    NavigationClient,
    a_routed_referral,
    a_step_down,
    an_action,
    an_activated_lead,
    an_agreed_plan,
    at,
    mr_dales_record,
)

RECORDED = at("14:00")
ROUTED = at("14:30")
NO_CONTACT = mr_dales_record().story.model_copy(update={"contacts": ()})


def a_death(recorded_at: datetime = RECORDED) -> PersonDeceased:
    return PersonDeceased(died_on=WEDNESDAY, reported_by="CLCH", recorded_at=recorded_at)


def a_move(recorded_at: datetime = RECORDED) -> PersonMoved:
    return PersonMoved(moved_on=None, reported_by="CLCH", recorded_at=recorded_at)


def a_reversal(mistaken: PersonChange = PersonChange.DEATH, recorded_at: datetime = RECORDED) -> PersonRestored:
    return PersonRestored(mistaken=mistaken, recorded_at=recorded_at, restored_at=recorded_at + timedelta(hours=1))


async def mr_dale(client: NavigationClient, **record: Any) -> UUID:
    person_id = new_id()
    await client.publish(mr_dales_record(**record), person=person_id, subject=person_id)
    return person_id


async def open_kinds(client: NavigationClient) -> list[str]:
    """The kinds of the open tasks."""
    rows = await client.context.database.pool.fetch("SELECT kind FROM task WHERE ended_at IS NULL ORDER BY kind")
    return [row["kind"] for row in rows]


async def cancel_reasons(client: NavigationClient) -> list[str]:
    return [event.reason for event in await client.context.published(TaskCancelled)]


@pytest.mark.acceptance("navigation-5")
@pytest.mark.parametrize(("event", "reason", "left"), [(a_death(), "person-died", 1), (a_move(), "person-moved-away", 0)])
async def test_death_or_move_ends_tasks_and_home_check(client: NavigationClient, event: Event, reason: str, left: int) -> None:
    await client.register(NAVIGATOR)
    person_id, bystander = await mr_dale(client), new_id()
    await client.plan(an_action(), person=person_id)
    await client.publish(a_step_down(), person=person_id, subject=new_id())
    await client.publish(a_step_down(), person=bystander, subject=new_id())
    await client.expect_home_check(person_id, WEDNESDAY)

    await client.publish(event, person=person_id, subject=new_id())
    await client.context.let_pass(timedelta(days=100))

    assert await open_kinds(client) == ["bereavement-support"] * left + ["follow-up-check"]
    assert await cancel_reasons(client) == [reason] * 2
    assert len(await client.context.published(TaskCreated)) == 3 + left


async def test_death_offers_support_to_the_bereaved_once(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    person_id = await mr_dale(client)
    record = arrived(a_death(), key=person_id, subject=new_id(), secrets=client.context.database.secrets)

    await client.context.processor.apply(repeated(record, 3))
    await client.publish(a_death(at("15:00")), person=person_id, subject=new_id())

    [task] = await client.tasks()
    assert (task["kind"], task["source"], task["source_id"]) == ("bereavement-support", "person", str(person_id))
    detail = await client.read(f"tasks/{task['id']}", client.navigator())
    assert [contact["name"] for contact in detail["contacts"]] == ["Louise"]
    assert (await client.try_command(task["id"], "fulfilment", outcome="advice-given")).status_code == 200


@pytest.mark.parametrize("record", [{"story": NO_CONTACT}, {"sharing": SharingPreference.WITHHELD}])
async def test_no_support_without_a_contact_to_show(client: NavigationClient, record: dict[str, Any]) -> None:
    person_id = await mr_dale(client, **record)

    await client.publish(a_death(), person=person_id, subject=new_id())
    await client.publish(a_death(), person=new_id(), subject=new_id())

    assert await open_kinds(client) == []


@pytest.mark.parametrize("is_repeated", [False, True], ids=["once", "repeated"])
async def test_record_that_follows_a_death_offers_support(client: NavigationClient, *, is_repeated: bool) -> None:
    """The events cross: no task was ever made for the family."""
    person_id, record_id = new_id(), new_id()
    await client.publish(a_death(), person=person_id, subject=person_id)
    await client.publish(mr_dales_record(story=NO_CONTACT), person=person_id, subject=record_id)
    assert await open_kinds(client) == []

    await client.context.let_pass(timedelta(days=4))
    for _ in range(1 + is_repeated):
        await client.publish(mr_dales_record(), person=person_id, subject=record_id)

    [task] = await client.unassigned()
    assert (task["kind"], task["person"]["family_name"], task["due_at"]) == ("bereavement-support", "Dale", "2015-03-13T14:00:00Z")
    await client.try_command(task["id"], "cancellation", client.coordinator, reason="no-longer-needed")
    await client.publish(mr_dales_record(), person=person_id, subject=record_id)
    assert await open_kinds(client) == []


async def test_batch_of_a_death_and_its_record_offers_support(client: NavigationClient) -> None:
    person_id, bystander, secrets = new_id(), new_id(), client.context.database.secrets
    death = arrived(a_death(), key=person_id, subject=person_id, secrets=secrets)
    records = [arrived(mr_dales_record(), key=each, subject=new_id(), secrets=secrets) for each in (person_id, bystander)]

    await client.context.processor.apply([death, *records])

    assert [task["person_id"] for task in await client.unassigned()] == [str(person_id)]


async def test_record_long_after_a_death_offers_no_support(client: NavigationClient) -> None:
    dead, living = new_id(), new_id()
    for person_id in (dead, living):
        await client.publish(a_death(), person=person_id, subject=person_id)
    await client.publish(a_reversal(), person=living, subject=living)
    await client.publish(mr_dales_record(), person=living, subject=new_id())

    await client.context.let_pass(timedelta(days=8))
    await client.publish(mr_dales_record(), person=dead, subject=new_id())

    assert await open_kinds(client) == []


@pytest.mark.parametrize(("event", "mistaken"), [(a_death(), PersonChange.DEATH), (a_move(), PersonChange.MOVE)])
async def test_mistake_restores_tasks_and_home_check(client: NavigationClient, event: Event, mistaken: PersonChange) -> None:
    await client.register(NAVIGATOR)
    person_id = await mr_dale(client)
    await client.plan(an_action(), person=person_id)
    await client.expect_home_check(person_id, WEDNESDAY)
    [task] = await client.tasks()
    await client.publish(event, person=person_id, subject=new_id())
    await client.context.let_pass(timedelta(hours=2))

    for _ in range(2):
        await client.publish(a_reversal(mistaken), person=person_id, subject=new_id())

    assert [(each["id"], each["status"], each["due_at"]) for each in await client.tasks()] == [(task["id"], "assigned", task["due_at"])]
    assert [event.due_at.isoformat() for event in await client.context.published(TaskRestored)] == ["2015-03-11T17:00:00+00:00"]
    assert await open_kinds(client) == [task["kind"]]
    assert [entry["change"] for entry in await client.feed() if entry["task_id"] == task["id"]] == ["assigned", "taken-away", "assigned"]
    [check] = (await client.read(f"people/{person_id}/home-checks"))["items"]
    assert check["status"] == "expected"
    await client.context.let_pass(timedelta(days=91))
    assert await open_kinds(client) == [task["kind"], "follow-up-check"]
    assert await client.context.database.pool.fetchval("SELECT count(*) FROM deadline WHERE state = 'parked'") == 0


async def test_restored_task_has_deadlines_and_is_not_overdue(client: NavigationClient) -> None:
    person_id = await mr_dale(client)
    await client.plan(an_action(due_on=WEDNESDAY), person=person_id)
    await client.publish(a_death(), person=person_id, subject=new_id())
    await client.context.let_pass(timedelta(hours=20))

    await client.publish(a_reversal(), person=person_id, subject=new_id())

    [task] = await client.unassigned()
    assert (task["due_at"], task["overdue_at"]) == ("2015-03-12T10:00:00Z", None)
    kinds = await client.context.database.pool.fetch("SELECT kind FROM deadline WHERE state = 'pending' ORDER BY kind")
    assert [row["kind"] for row in kinds] == ["acknowledgement", "overdue"]


async def test_navigators_report_of_a_death_is_reversible(client: NavigationClient) -> None:
    """The task that reported the death ends before referrals records it for all services."""
    await client.register(NAVIGATOR)
    person_id, referral_id = await mr_dale(client), new_id()
    await client.publish(a_routed_referral(at("13:00")), person=person_id, subject=referral_id)
    [task] = await client.tasks()

    fulfilled = await client.try_command(task["id"], "fulfilment", outcome="person-died")
    await client.context.let_pass(timedelta(minutes=5))
    await client.publish(ReferralCancelled(reason="died"), person=person_id, subject=referral_id)
    await client.publish(a_death(at("14:05")), person=person_id, subject=new_id())
    assert await open_kinds(client) == ["bereavement-support"]
    await client.publish(a_reversal(recorded_at=at("14:05")), person=person_id, subject=new_id())
    await client.publish(ReferralReopened(reopened_at=at("15:05")), person=person_id, subject=referral_id)

    assert (fulfilled.status_code, fulfilled.json()["outcome"]) == (200, "person-died")
    assert [event.outcome for event in await client.context.published(TaskFulfilled)] == ["person-died"]
    [restored] = await client.tasks()
    assert (restored["id"], restored["status"], restored["outcome"]) == (task["id"], "assigned", None)
    assert await cancel_reasons(client) == ["person-restored"]


async def test_reopening_after_an_error_restores_no_task(client: NavigationClient) -> None:
    """The Community Point of Access triages it again, and may choose another route."""
    await client.register(NAVIGATOR)
    person_id, referral_id = await mr_dale(client), new_id()
    await client.publish(a_routed_referral(at("13:00")), person=person_id, subject=referral_id)
    await client.publish(ReferralCancelled(reason="died"), person=person_id, subject=referral_id)

    in_error = ReferralReopened(reopened_at=at("15:05"), reason=ReopenReason.ENDED_IN_ERROR)
    await client.publish(in_error, person=person_id, subject=referral_id)

    assert await client.tasks() == []


@pytest.mark.parametrize("order", ["DRCO", "DCRO", "DCOR", "CDRO", "CDOR", "CODR"])
async def test_crossing_events_of_plan_and_person_agree(client: NavigationClient, order: str) -> None:
    """Death and reversal of the person, close and reopening of the plan: each topic has its order, and crosses with the other."""
    person_id, plan_id = await mr_dale(client), new_id()
    await client.publish(an_agreed_plan([an_action()]), person=person_id, subject=plan_id)
    events: dict[str, tuple[Event, UUID]] = {
        "D": (a_death(), person_id),
        "R": (a_reversal(), person_id),
        "C": (CarePlanClosed(reason="died"), plan_id),
        "O": (CarePlanReopened(), plan_id),
    }

    for letter in order:
        event, subject = events[letter]
        await client.publish(event, person=person_id, subject=subject)

    assert await open_kinds(client) == ["arrange-social-care-assessment"]
    [task] = await client.unassigned()
    assert task["preferred_place_of_care"] == "home"
    assert await client.context.database.pool.fetchval("SELECT count(*) FROM inbox WHERE refused_code IS NOT NULL") == 0


async def test_work_that_crosses_with_a_death_is_restored(client: NavigationClient) -> None:
    person_id = await mr_dale(client, story=NO_CONTACT)
    await client.publish(a_death(), person=person_id, subject=new_id())

    await client.publish(a_routed_referral(at("13:00")), person=person_id, subject=new_id(), happened_at=at("13:59"))
    await client.publish(an_activated_lead(at("15:00"), is_from_meeting=False), person=person_id, subject=new_id(), happened_at=at("15:00"))
    assert await open_kinds(client) == []
    assert await cancel_reasons(client) == ["person-died"] * 2
    await client.publish(a_reversal(), person=person_id, subject=new_id())

    assert await open_kinds(client) == ["care-coordination", "inform-person-and-family"]


async def test_referral_after_the_change_brings_new_work(client: NavigationClient) -> None:
    """The Community Point of Access accepts a referral that contradicts the record; what follows from it stands."""
    person_id = await mr_dale(client)
    await client.publish(a_move(), person=person_id, subject=new_id())

    await client.publish(a_routed_referral(at("14:30")), person=person_id, subject=new_id(), happened_at=at("14:30"))
    await client.publish(a_step_down(), person=person_id, subject=new_id(), happened_at=at("14:40"))

    assert await open_kinds(client) == ["care-coordination", "follow-up-check"]
    assert await cancel_reasons(client) == []


#: Work that no referral brings: what it is, its event, and the kind of its task.
_WORK: dict[str, tuple[Event, str]] = {
    "plan": (an_agreed_plan([an_action()]), "arrange-social-care-assessment"),
    "lead": (an_activated_lead(at("13:00"), is_from_meeting=False), "inform-person-and-family"),
    "step-down": (a_step_down(), "follow-up-check"),
    "risk": (
        RiskScreened(destination=FindingDestination.GP, reason="watched", level=RiskLevel.HIGH, practice_code="W07"),
        "care-coordination",
    ),
}
_CHANGES = pytest.mark.parametrize(("change", "mistaken"), [(a_death(), PersonChange.DEATH), (a_move(), PersonChange.MOVE)])


async def cross(client: NavigationClient, person_id: UUID, *events: tuple[Event, datetime]) -> None:
    """The events arrive in this order, each of another topic."""
    for event, happened_at in events:
        await client.publish(event, person=person_id, subject=new_id(), happened_at=happened_at)


@_CHANGES
@pytest.mark.parametrize("work", _WORK)
@pytest.mark.parametrize(("happened_at", "stands"), [(at("13:50"), False), (at("14:10"), False), (ROUTED, True), (at("14:40"), True)])
async def test_referral_after_the_change_lets_later_work_stand(
    client: NavigationClient, change: Event, mistaken: PersonChange, work: str, happened_at: datetime, *, stands: bool
) -> None:
    """Work from before the referral that arrives last crossed with the change. The reversal of a mistake restores it."""
    person_id, (event, kind) = await mr_dale(client, story=NO_CONTACT), _WORK[work]
    routed = a_routed_referral(ROUTED, reason=Reason.INFORMATION)

    await cross(client, person_id, (change, RECORDED), (routed, ROUTED), (event, happened_at))

    assert await open_kinds(client) == sorted(["provide-information", *[kind] * stands])
    await client.publish(a_reversal(mistaken), person=person_id, subject=person_id)
    assert await open_kinds(client) == sorted(["provide-information", kind])


@_CHANGES
@pytest.mark.parametrize("order", ["".join(each) for each in permutations("CRL")])
async def test_change_referral_and_lead_cross_in_any_order(
    client: NavigationClient, change: Event, mistaken: PersonChange, order: str
) -> None:
    """The lead is from before the change, the referral from after it."""
    person_id = await mr_dale(client, story=NO_CONTACT)
    lead = an_activated_lead(at("13:50"), is_from_meeting=False)
    events = {"C": (change, RECORDED), "R": (a_routed_referral(ROUTED), ROUTED), "L": (lead, at("13:50"))}

    await cross(client, person_id, *(events[letter] for letter in order))

    assert await open_kinds(client) == ["care-coordination"]
    await client.publish(a_reversal(mistaken), person=person_id, subject=person_id)
    assert await open_kinds(client) == ["care-coordination", "inform-person-and-family"]


@pytest.mark.parametrize("change", [a_death(), a_move()])
@pytest.mark.parametrize("order", ["CRS", "RCS", "RSC"])
async def test_work_that_follows_the_referral_stands(client: NavigationClient, change: Event, order: str) -> None:
    person_id = await mr_dale(client, story=NO_CONTACT)
    events = {"C": (change, RECORDED), "R": (a_routed_referral(ROUTED), ROUTED), "S": (a_step_down(), at("14:40"))}

    await cross(client, person_id, *(events[letter] for letter in order))

    assert await open_kinds(client) == ["care-coordination", "follow-up-check"]
    assert await cancel_reasons(client) == []


async def test_work_long_after_a_move_stands_in_any_order(client: NavigationClient) -> None:
    person_id, later = await mr_dale(client), RECORDED + timedelta(days=2)

    await cross(client, person_id, (a_step_down(), later), (a_step_down(), RECORDED), (a_move(), RECORDED), (a_step_down(), later))

    assert await open_kinds(client) == ["follow-up-check", "follow-up-check"]
    assert await cancel_reasons(client) == ["person-moved-away"]


async def test_batch_of_change_referral_and_lead_ends_the_lead(client: NavigationClient) -> None:
    person_id, secrets = await mr_dale(client, story=NO_CONTACT), client.context.database.secrets
    lead = an_activated_lead(at("13:50"), is_from_meeting=False)
    events = [(a_death(), RECORDED), (a_routed_referral(ROUTED), ROUTED), (lead, at("13:50")), (a_step_down(), at("14:40"))]

    await client.context.processor.apply(
        [arrived(event, key=person_id, subject=new_id(), secrets=secrets, at=happened_at) for event, happened_at in events]
    )

    assert await open_kinds(client) == ["care-coordination", "follow-up-check"]


@_CHANGES
async def test_repeated_change_after_a_referral_changes_nothing(client: NavigationClient, change: Event, mistaken: PersonChange) -> None:
    person_id = await mr_dale(client, story=NO_CONTACT)
    routed, lead = a_routed_referral(ROUTED), an_activated_lead(at("13:50"), is_from_meeting=False)

    await cross(client, person_id, (change, RECORDED), (routed, ROUTED), (change, RECORDED), (lead, at("13:50")))
    await cross(client, person_id, (a_step_down(), at("14:40")))

    assert await open_kinds(client) == ["care-coordination", "follow-up-check"]
    assert await cancel_reasons(client) == [REASON_OF[mistaken].value]


@_CHANGES
async def test_return_lets_work_from_before_the_referral_stand(client: NavigationClient, change: Event, mistaken: PersonChange) -> None:
    person_id = await mr_dale(client, story=NO_CONTACT)
    returned = PersonReturned(after=mistaken, reported_by="CLCH", recorded_at=at("15:00"))

    await cross(client, person_id, (change, RECORDED), (a_routed_referral(ROUTED), ROUTED), (returned, at("15:00")))
    await cross(client, person_id, (a_step_down(), at("13:50")))

    assert await open_kinds(client) == ["care-coordination", "follow-up-check"]


@_CHANGES
async def test_second_referral_ends_no_work_of_the_first(client: NavigationClient, change: Event, mistaken: PersonChange) -> None:
    person_id = await mr_dale(client, story=NO_CONTACT)
    referrals = [(a_routed_referral(routed_at), routed_at) for routed_at in (ROUTED, at("14:50"))]

    await cross(client, person_id, (change, RECORDED), *referrals, (a_step_down(), at("14:40")), (a_step_down(), at("14:20")))

    assert await open_kinds(client) == ["care-coordination", "care-coordination", "follow-up-check"]
    assert await cancel_reasons(client) == [REASON_OF[mistaken].value]


async def test_death_after_the_referral_ends_its_work(client: NavigationClient) -> None:
    person_id, later = await mr_dale(client, story=NO_CONTACT), at("15:00")

    await cross(client, person_id, (a_death(), RECORDED), (a_routed_referral(ROUTED), ROUTED), (a_death(later), later))
    await cross(client, person_id, (a_step_down(), at("14:40")), (a_step_down(), at("15:10")))

    assert await open_kinds(client) == []


async def test_late_reopening_after_a_new_death_restores_nothing(client: NavigationClient) -> None:
    """The plan was open again before the second death. Its event arrives after the referral that contradicts that death."""
    person_id, plan_id = await mr_dale(client, story=NO_CONTACT), new_id()
    await client.publish(an_agreed_plan([an_action()]), person=person_id, subject=plan_id, happened_at=at("13:50"))
    await cross(client, person_id, (a_death(), RECORDED))
    again = at("15:30")
    await cross(client, person_id, (a_reversal(), at("15:00")), (a_death(again), again), (a_routed_referral(at("16:00")), at("16:00")))

    await client.publish(CarePlanReopened(), person=person_id, subject=plan_id, happened_at=at("15:05"))

    assert await open_kinds(client) == ["care-coordination"]


async def test_reversal_of_an_older_record_changes_nothing(client: NavigationClient) -> None:
    person_id = await mr_dale(client)
    await client.plan(an_action(), person=person_id)
    await client.publish(a_reversal(recorded_at=at("12:00")), person=person_id, subject=new_id())
    await client.publish(a_death(at("12:00")), person=person_id, subject=new_id())
    assert await open_kinds(client) == ["arrange-social-care-assessment"]

    await client.publish(a_death(), person=person_id, subject=new_id())
    await client.publish(a_reversal(recorded_at=at("12:00")), person=person_id, subject=new_id())

    assert await open_kinds(client) == ["bereavement-support"]


async def test_second_true_death_offers_support_again(client: NavigationClient) -> None:
    person_id = await mr_dale(client)
    await client.publish(a_death(), person=person_id, subject=person_id)
    await client.publish(a_reversal(), person=person_id, subject=person_id)
    assert await open_kinds(client) == []

    await client.publish(a_death(at("16:00")), person=person_id, subject=person_id)

    assert await open_kinds(client) == ["bereavement-support"]


async def test_second_death_at_the_instant_of_the_reversal_counts(client: NavigationClient) -> None:
    person_id = await mr_dale(client)
    await client.publish(a_death(), person=person_id, subject=person_id)
    reversed_at_once = PersonRestored(mistaken=PersonChange.DEATH, recorded_at=RECORDED, restored_at=RECORDED)
    await client.publish(reversed_at_once, person=person_id, subject=person_id)
    await client.plan(an_action(), person=person_id)
    assert await open_kinds(client) == ["arrange-social-care-assessment"]

    await client.publish(a_death(), person=person_id, subject=person_id)

    assert await open_kinds(client) == ["bereavement-support"]


async def test_death_before_its_reversal_arrives_late_and_changes_nothing(client: NavigationClient) -> None:
    person_id = await mr_dale(client)
    await client.plan(an_action(), person=person_id)
    await client.publish(a_reversal(), person=person_id, subject=person_id)

    await client.publish(a_death(at("14:30")), person=person_id, subject=person_id)

    assert await open_kinds(client) == ["arrange-social-care-assessment"]


@pytest.mark.parametrize(("change", "after"), [(a_move(), PersonChange.MOVE), (a_death(), PersonChange.DEATH)])
async def test_returned_person_has_new_work_and_no_old(client: NavigationClient, change: Event, after: PersonChange) -> None:
    person_id, returned_at = await mr_dale(client), RECORDED + timedelta(days=30)
    await client.plan(an_action(), person=person_id)
    await client.expect_home_check(person_id, WEDNESDAY)
    await client.publish(change, person=person_id, subject=person_id)

    for _ in range(2):
        event = PersonReturned(after=after, reported_by="CLCH", recorded_at=returned_at)
        await client.publish(event, person=person_id, subject=person_id)
    await client.publish(a_step_down(), person=person_id, subject=new_id(), happened_at=at("14:40"))
    await client.publish(a_death(at("14:50")), person=person_id, subject=person_id)

    assert await open_kinds(client) == ["follow-up-check"]
    [check] = (await client.read(f"people/{person_id}/home-checks"))["items"]
    assert check["status"] == "cancelled"


@pytest.mark.parametrize("later", [timedelta(minutes=5), timedelta(days=100)], ids=["the same day", "after its day"])
async def test_mistaken_move_restores_no_older_home_check(client: NavigationClient, later: timedelta) -> None:
    """It was expected again, and due in the past."""
    person_id, mistaken_at = await mr_dale(client), RECORDED + timedelta(minutes=5) + later
    await client.know(person_id)
    await client.expect_home_check(person_id, WEDNESDAY)
    await client.publish(a_move(), person=person_id, subject=person_id)
    returned_at = RECORDED + timedelta(minutes=5)
    returned = PersonReturned(after=PersonChange.MOVE, reported_by="CLCH", recorded_at=returned_at)
    await client.publish(returned, person=person_id, subject=person_id)
    await client.context.let_pass(timedelta(minutes=5) + later)

    await client.publish(a_move(mistaken_at), person=person_id, subject=person_id)
    await client.publish(a_reversal(PersonChange.MOVE, mistaken_at), person=person_id, subject=person_id)
    await client.context.let_pass(timedelta(days=100))

    [check] = await client.context.database.pool.fetch("SELECT status, cancel_reason FROM home_check")
    assert tuple(check) == ("cancelled", "person-moved-away")
    assert await open_kinds(client) == []


async def test_other_cancellations_are_not_restored(client: NavigationClient) -> None:
    person_id = await mr_dale(client)
    await client.plan(an_action(), an_action(), person=person_id)
    first, _ = await client.unassigned()
    await client.try_command(first["id"], "cancellation", client.coordinator, reason="duplicate")
    await client.publish(a_move(), person=person_id, subject=new_id())

    await client.publish(a_reversal(PersonChange.MOVE), person=person_id, subject=new_id())

    assert [task["id"] for task in await client.unassigned()] != [first["id"]]
    assert len(await client.unassigned()) == 1
