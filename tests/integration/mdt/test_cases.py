"""Cases on the real database: their referrals, their discussion and their closure."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.care_plans import CarePlanClosed, CarePlanReviewDue
from shared.contracts.codes import Locality, StepDown, Urgency
from shared.contracts.event import Event
from shared.contracts.mdt import (
    CaseClosed,
    CaseDeferred,
    CaseDiscussed,
    CaseListed,
    CaseRedirected,
    CaseReferralWithdrawn,
    CaseReferred,
    CaseSteppedDown,
    LeadEnded,
)
from shared.contracts.persons import PersonDeceased, PersonMoved
from shared.contracts.referral_codes import CancelReason, Outcome, ReturnReason, Route
from shared.contracts.referrals import ReferralCancelled, ReferralClosed, ReferralRecalled, ReferralReturned
from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext, repeated
from tests.builders.mdt import (
    MONDAY,
    STAFF,
    WEDNESDAY,
    Patient,
    a_discussion,
    a_finding,
    a_routed_case,
    an_action,
    notifications,
    read,
    send_command,
)


async def test_referral_routed_to_mdt_opens_one_case(context: RunningContext) -> None:
    person_id = new_id()
    record = await context.deliver(a_routed_case(), key=person_id, subject=new_id())
    await context.processor.apply(repeated(record, 3))
    await context.deliver(a_routed_case(route=Route.NAVIGATION), key=new_id(), subject=new_id())

    assert len(await context.published(CaseReferred)) == 1
    assert [case["person_id"] for case in (await read(context, "/mdt/cases"))["items"]] == [str(person_id)]


async def test_case_keeps_correlation_of_its_referral(context: RunningContext) -> None:
    chain, referral_id = new_id(), new_id()
    await context.deliver(a_routed_case(), key=new_id(), subject=referral_id, correlation=chain)

    assert await context.database.pool.fetchval("SELECT correlation_id FROM event WHERE topic = 'mdt.case'") == chain


@pytest.mark.acceptance("mdt-7")
async def test_ineligible_case_is_redirected_to_destination(context: RunningContext) -> None:
    patient = await Patient.referred(context)

    refused = await patient.try_command("screening", {"outcome": "not-eligible"})
    redirected = await patient.command("screening", {"outcome": "not-eligible", "destination": "integrated-locality-team"})

    assert (refused.status_code, refused.json()["code"]) == (422, "destination-missing")
    assert redirected["status"] == "redirected"
    event = (await context.published(CaseRedirected))[0]
    assert (event.referral_id, event.destination, event.locality) == (patient.referral_id, "integrated-locality-team", "west")


async def test_listed_case_screened_by_mistake_leaves_agenda(context: RunningContext) -> None:
    patient = await Patient.listed(context)
    await patient.command("deferral", {"reason": "missing-information"})
    listed = await patient.case()
    body = {"outcome": "not-eligible", "destination": "gp", "reason": "screened-in-error"}
    redirected = await patient.command("screening", body)
    agenda = await read(context, f"/mdt/meetings/{listed['meeting_id']}/agenda")
    await context.let_pass(timedelta(weeks=3))

    assert (redirected["status"], redirected["referral_ids"], redirected["meeting_id"]) == ("redirected", [], None)
    assert agenda["items"] == []
    event = (await context.published(CaseRedirected))[0]
    assert (event.referral_id, event.destination, event.reason) == (patient.referral_id, "gp", "screened-in-error")
    assert await patient.case() == redirected | {"person": None}
    pending = "SELECT count(*) FROM deadline WHERE state = 'pending' AND subject = $1"
    assert await context.database.pool.fetchval(pending, UUID(redirected["id"])) == 0
    again = await Patient.referred(context, patient.person_id)
    assert (await again.case())["status"] == "referred"


async def test_listed_case_screened_again_keeps_its_slot(context: RunningContext) -> None:
    patient = await Patient.listed(context)
    before = await patient.case()

    again = await patient.command("screening", {"outcome": "eligible", "is_urgent": True, "needs_mental_health": True})

    assert (again["status"], again["meeting_id"]) == ("listed", before["meeting_id"])
    assert (again["is_urgent"], again["needs_mental_health"]) == (True, True)


async def test_case_with_plan_is_not_redirected(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    await Patient.referred(context, patient.person_id)

    refused = await patient.try_command("screening", {"outcome": "not-eligible", "destination": "gp"})

    assert (refused.status_code, refused.json()["code"]) == (409, "case-has-plan")
    assert (await patient.case())["status"] == "listed"


async def test_redirected_case_without_referral_notifies_gp(context: RunningContext) -> None:
    body = {"person_id": str(await a_finding(context)), "practice_code": "B03", "locality": "locality-b"}
    case = (await context.http.post("/mdt/cases", json=body, headers=context.token(*STAFF) | {"Idempotency-Key": "1"})).json()

    await send_command(
        context, f"/mdt/cases/{case['id']}/screening", case["version"], {"outcome": "not-eligible", "destination": "community-nursing"}
    )

    found = await notifications(context, "gp-B03")
    assert [(notification["kind"], notification["subject"]) for notification in found] == [("redirected", case["id"])]
    assert [(event.referral_id, event.locality) for event in await context.published(CaseRedirected)] == [(None, "locality-b")]


async def test_one_discussion_answers_both_referrals_of_person(context: RunningContext) -> None:
    first = await Patient.referred(context)
    second = await Patient.referred(context, first.person_id)
    await first.command("screening", {"outcome": "eligible"})

    await first.discuss()

    assert len((await read(context, f"/mdt/cases?person_id={first.person_id}"))["items"]) == 1
    answered = {event.referral_id for event in await context.published(CaseDiscussed)}
    assert answered == {first.referral_id, second.referral_id}


async def test_referral_under_plan_is_listed_without_screening(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    again = await Patient.referred(context, patient.person_id)

    assert (await again.case())["status"] == "listed"
    assert [event.referral_id for event in await context.published(CaseListed)] == [patient.referral_id, again.referral_id]


@pytest.mark.parametrize("now", [WEDNESDAY - timedelta(hours=20)], ids=["after the cut-off"])
async def test_urgent_second_referral_brings_case_forward(context: RunningContext) -> None:
    patient = await Patient.listed(context)
    assert (await patient.case())["meeting_starts_at"] == "2015-03-11T13:00:00Z"

    urgent = await Patient.referred(context, patient.person_id, urgency=Urgency.URGENT)

    assert (await patient.case())["meeting_starts_at"] == "2015-03-04T13:00:00Z"
    listed = [event.referral_id for event in await context.published(CaseListed)]
    assert listed == [patient.referral_id, patient.referral_id, urgent.referral_id]


async def test_rerouted_referral_closes_its_case(context: RunningContext) -> None:
    patient = await Patient.referred(context)
    await context.deliver(a_routed_case(), key=patient.person_id, subject=patient.referral_id)
    assert len(await context.published(CaseReferred)) == 1

    elsewhere = a_routed_case(route=Route.SERVICE, service_code="district-nursing", routing=2)
    await context.deliver(elsewhere, key=patient.person_id, subject=patient.referral_id)

    assert [event.referral_id for event in await context.published(CaseClosed)] == [patient.referral_id]
    await context.deliver(a_routed_case(), key=patient.person_id, subject=patient.referral_id)
    assert (await patient.case())["status"] == "referred"


async def test_concurrent_referrals_of_one_person_open_one_case(context: RunningContext) -> None:
    body = {"person_id": str(await a_finding(context)), "practice_code": "W07", "locality": "west"}
    caller = context.token(*STAFF)

    responses = await asyncio.gather(
        *(context.http.post("/mdt/cases", json=body, headers=caller | {"Idempotency-Key": str(new_id())}) for _ in range(4))
    )

    assert sorted(response.status_code for response in responses) == [201, 409, 409, 409]
    assert {response.json()["code"] for response in responses if response.status_code == 409} == {"case-already-open"}
    assert len(await context.published(CaseReferred)) == 1


async def test_repeated_case_request_returns_same_case(context: RunningContext) -> None:
    body = {"person_id": str(await a_finding(context)), "practice_code": "W07", "locality": "west", "is_urgent": True}
    headers = context.token(*STAFF) | {"Idempotency-Key": "case-finding-1"}

    first = await context.http.post("/mdt/cases", json=body, headers=headers)
    again = await context.http.post("/mdt/cases", json=body, headers=headers)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.headers["location"] == f"/mdt/cases/{first.json()['id']}"
    assert again.json() == first.json()
    assert [event.referral_id for event in await context.published(CaseReferred)] == [None]


async def test_case_is_deferred_at_most_twice(context: RunningContext) -> None:
    patient = await Patient.listed(context, urgency=Urgency.URGENT)
    first = (await patient.case())["meeting_id"]
    second = (await patient.command("deferral", {"reason": "missing-information"}))["meeting_id"]
    third = (await patient.command("deferral", {"reason": "missing-information"}))["meeting_id"]

    refused = await patient.try_command("deferral", {"reason": "missing-information"})

    assert len({first, second, third}) == 3
    assert (refused.status_code, refused.json()["code"]) == (409, "deferred-too-often")
    assert [str(event.from_meeting_id) for event in await context.published(CaseDeferred)] == [first, second]


@pytest.mark.acceptance("mdt-3")
@pytest.mark.parametrize(
    ("missing", "code"),
    [({"joint_plan": None}, "joint-plan-missing"), ({"lead": None}, "lead-missing"), ({"actions": []}, "action-missing")],
)
async def test_incomplete_discussion_is_refused_and_changes_nothing(context: RunningContext, missing: dict[str, Any], code: str) -> None:
    patient = await Patient.listed(context)
    await patient.meet()
    before = await context.log()

    response = await patient.try_command("discussion", a_discussion(**missing))

    assert (response.status_code, response.json()["code"]) == (422, code)
    assert await context.log() == before
    assert await context.database.pool.fetchval("SELECT count(*) FROM care_plan") == 0
    assert await context.database.pool.fetchval("SELECT count(*) FROM lead") == 0


async def test_concurrent_discussions_record_one(context: RunningContext) -> None:
    patient = await Patient.listed(context)
    await patient.meet()
    case = await patient.case()

    responses = await asyncio.gather(
        *(
            send_command(context, f"/mdt/cases/{case['id']}/discussion", case["version"], a_discussion(actions=[an_action()] * count))
            for count in range(1, 5)
        )
    )

    assert sorted(response.status_code for response in responses) == [200, 412, 412, 412]
    assert len(await context.published(CaseDiscussed)) == 1


DIED = PersonDeceased(died_on=None, reported_by="CLCH", recorded_at=MONDAY)
MOVED = PersonMoved(moved_on=None, reported_by="CLCH", recorded_at=MONDAY)


@pytest.mark.acceptance("mdt-10")
@pytest.mark.parametrize(("change", "reason"), [(DIED, "died"), (MOVED, "moved-away")])
async def test_death_or_move_ends_case_plan_lead_and_deadlines(context: RunningContext, change: Event, reason: str) -> None:
    patient = await Patient.discussed(context)

    for _ in range(2):
        await context.deliver(change, key=patient.person_id, subject=patient.person_id)

    last = [event for event in await context.log() if isinstance(event, CaseClosed | CarePlanClosed | LeadEnded | CarePlanReviewDue)]
    assert [(type(event), event.reason) for event in last if not isinstance(event, CarePlanReviewDue)] == [
        (CaseClosed, reason),
        (CarePlanClosed, reason),
        (LeadEnded, reason),
    ]
    assert len(last) == 3
    assert await patient.leads() == []
    pending = "SELECT count(*) FROM deadline WHERE state = 'pending' AND subject NOT IN (SELECT id FROM meeting)"
    assert await context.database.pool.fetchval(pending) == 0


@pytest.mark.parametrize(
    "withdrawal",
    [
        ReferralReturned(service_code="mdt", reason=ReturnReason.OTHER),
        ReferralRecalled(service_code="mdt", routing=1),
        ReferralClosed(outcome=Outcome.NEED_MET, closed_at=MONDAY),
    ],
)
async def test_withdrawn_routing_closes_only_waiting_case(context: RunningContext, withdrawal: Event) -> None:
    waiting, discussed = await Patient.listed(context), await Patient.discussed(context)

    for patient in (waiting, discussed):
        await context.deliver(withdrawal, key=patient.person_id, subject=patient.referral_id)

    assert [event.referral_id for event in await context.published(CaseClosed)] == [waiting.referral_id]
    assert (await discussed.case())["status"] == "active-management"


async def test_cancelled_referral_closes_only_waiting_case(context: RunningContext) -> None:
    waiting, discussed = await Patient.listed(context), await Patient.discussed(context)
    withdrawn = ReferralCancelled(reason=CancelReason.WITHDRAWN)

    await context.deliver(withdrawn, key=waiting.person_id, subject=waiting.referral_id)
    await context.deliver(withdrawn, key=discussed.person_id, subject=discussed.referral_id)

    assert [event.referral_id for event in await context.published(CaseClosed)] == [waiting.referral_id]
    assert (await discussed.case())["status"] == "active-management"


async def test_case_forgets_a_withdrawn_referral_and_answers_the_other(context: RunningContext) -> None:
    patient, second = await Patient.listed(context), new_id()
    await context.deliver(a_routed_case(), key=patient.person_id, subject=second)
    withdrawn = ReferralCancelled(reason=CancelReason.WITHDRAWN)

    for _ in range(2):
        await context.deliver(withdrawn, key=patient.person_id, subject=second)

    assert (await patient.case())["referral_ids"] == [str(patient.referral_id)]
    assert [event.referral_id for event in await context.published(CaseReferralWithdrawn)] == [second]
    await patient.discuss()
    assert [event.referral_id for event in await context.published(CaseDiscussed)] == [patient.referral_id]


async def test_case_steps_down_then_closes_when_needs_met(context: RunningContext) -> None:
    patient = await Patient.discussed(context)

    await patient.command("step-down", {"destination": "integrated-locality-team"})
    assert (await patient.plan())["status"] == "agreed"
    closed = await patient.command("closure", {"reason": "needs-met"})

    assert closed["status"] == "closed"
    assert await context.published(CaseSteppedDown) == [
        CaseSteppedDown(destination=StepDown.INTEGRATED_LOCALITY_TEAM, practice_code="W07", locality=Locality.WEST)
    ]
    assert (await patient.plan())["status"] == "closed"
    assert await patient.leads() == []


async def test_person_can_be_referred_after_closure(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    await patient.command("closure", {"reason": "needs-met"})

    again = await Patient.listed(context, person_id=patient.person_id)
    await again.discuss()

    plan = await again.plan()
    assert (plan["status"], plan["plan_version"]) == ("agreed", 1)
    assert len(await again.leads()) == 1


async def test_unscreened_case_notifies_chair(context: RunningContext) -> None:
    patient = await Patient.referred(context)

    await context.let_pass(timedelta(days=2))

    found = await notifications(context, "mdt-chair")
    assert [(notification["kind"], notification["subject"]) for notification in found] == [
        ("screening-overdue", (await patient.case())["id"])
    ]


async def test_case_pages_list_each_case_once(context: RunningContext) -> None:
    patients = [await Patient.referred(context) for _ in range(5)]
    seen: list[UUID] = []
    page = await read(context, "/mdt/cases?status=referred&limit=2")
    while True:
        seen += [UUID(case["person_id"]) for case in page["items"]]
        if page.get("next") is None:
            break
        page = await read(context, f"/mdt/cases?status=referred&limit=2&cursor={page['next']}")

    assert sorted(seen) == sorted(patient.person_id for patient in patients)
