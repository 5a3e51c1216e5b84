"""Tasks created or cancelled by events of referrals, rapid care and the weekly meeting."""

from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from shared.contracts.codes import Locality, RiskLevel, StepDown, TaskKind
from shared.contracts.event import Event
from shared.contracts.mdt import (
    CarePlanClosed,
    CaseClosed,
    CaseCloseReason,
    CaseRedirected,
    CaseSteppedDown,
    Destination,
    FindingDestination,
    LeadEnded,
    RiskHighClimberFound,
    RiskLevelCrossed,
    RiskScreened,
)
from shared.contracts.navigation import TaskAcknowledged, TaskCancelled, TaskCreated, TaskSource
from shared.contracts.rapid_care import ResponseClosed, ResponseOutcome
from shared.contracts.referrals import Outcome, Reason, ReferralCancelled, ReferralClosed, ReferralReturned, ReturnReason, Route
from shared.kernel.ids import new_id
from tests.builders.context_app import repeated
from tests.builders.navigation import (
    LEAD,
    NAVIGATOR,
    OTHER,
    WEDNESDAY,
    NavigationClient,
    a_routed_referral,
    a_step_down,
    an_action,
    an_activated_lead,
    at,
    mr_dales_record,
)


def a_crossing(to_level: RiskLevel) -> RiskLevelCrossed:
    return RiskLevelCrossed(from_level=RiskLevel.HIGH, to_level=to_level, practice_code="W07", valid_from=WEDNESDAY, rule_version="2014-12")


def a_screening(destination: FindingDestination, level: RiskLevel) -> RiskScreened:
    return RiskScreened(destination=destination, reason="watched", level=level, practice_code="W07")


def a_redirection(destination: Destination, locality: Locality | None = None) -> CaseRedirected:
    return CaseRedirected(referral_id=None, destination=destination, reason="social", locality=locality)


def a_closed_response(outcome: ResponseOutcome) -> ResponseClosed:
    return ResponseClosed(referral_id=new_id(), outcome=outcome, is_admission_avoided=False, benefit_pounds=0)


async def expect_home_check(client: NavigationClient, person_id: Any, discharged_on: date, **headers: str) -> httpx.Response:
    return await client.context.http.post(
        f"/navigation/people/{person_id}/home-checks",
        headers=client.coordinator | {"Idempotency-Key": str(new_id())} | headers,
        json={"discharged_on": discharged_on.isoformat()},
    )


async def test_acknowledged_task_names_its_referral(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    referral_id = new_id()

    await client.publish(a_routed_referral(at("13:00")), person=new_id(), subject=referral_id)
    [task] = await client.tasks()
    await client.advance(task["id"], "acknowledgement")

    assert (task["kind"], task["source_id"], task["due_at"]) == ("care-coordination", str(referral_id), "2015-03-11T14:00:00Z")
    assert await client.context.published(TaskAcknowledged) == [
        TaskAcknowledged(navigator_id=NAVIGATOR, source=TaskSource.REFERRAL, source_id=referral_id)
    ]


@pytest.mark.parametrize("route", [Route.MDT, Route.RAPID_CARE, Route.SERVICE])
async def test_rerouted_referral_cancels_task_and_may_return(client: NavigationClient, route: Route) -> None:
    person_id, referral_id = new_id(), new_id()
    await client.publish(a_routed_referral(at("13:00")), person=person_id, subject=referral_id)

    await client.publish(a_routed_referral(at("13:00"), route=route, routing=2), person=person_id, subject=referral_id)
    assert await client.unassigned() == []
    await client.publish(a_routed_referral(at("13:00"), routing=3), person=person_id, subject=referral_id)

    assert len(await client.unassigned()) == 1
    assert [event.reason for event in await client.context.published(TaskCancelled)] == ["referral-rerouted"]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (ReferralCancelled(reason="withdrawn"), "referral-cancelled"),
        (ReferralClosed(outcome=Outcome.NEED_MET, closed_at=at("15:00")), "referral-closed"),
        (ReferralReturned(service_code="care-navigation", reason=ReturnReason.OTHER), "referral-returned"),
    ],
)
async def test_ended_referral_cancels_only_its_task(client: NavigationClient, event: Event, reason: str) -> None:
    person_id, referral_id = new_id(), new_id()
    await client.publish(a_routed_referral(at("13:00")), person=person_id, subject=referral_id)
    await client.publish(a_step_down(), person=person_id, subject=new_id())

    await client.publish(event, person=person_id, subject=referral_id)

    assert [task["kind"] for task in await client.unassigned()] == ["follow-up-check"]
    assert [event.reason for event in await client.context.published(TaskCancelled)] == [reason]


async def test_closed_referral_leaves_fulfilled_task(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    person_id, referral_id = new_id(), new_id()
    await client.publish(a_routed_referral(at("13:00")), person=person_id, subject=referral_id)
    [task] = await client.tasks()
    await client.advance(task["id"], "acknowledgement", "start")
    await client.try_command(task["id"], "fulfilment", outcome="arranged")

    await client.publish(ReferralClosed(outcome=Outcome.NEED_MET, closed_at=at("15:00")), person=person_id, subject=referral_id)

    assert (await client.read(f"tasks/{task['id']}"))["status"] == "fulfilled"


async def test_stepped_down_response_creates_one_follow_up(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)

    record = await client.context.deliver(a_step_down(), key=new_id(), subject=new_id())
    await client.context.processor.apply(repeated(record, 2))

    assert [(task["kind"], task["source"]) for task in await client.tasks()] == [("follow-up-check", "rapid-care")]


@pytest.mark.acceptance("navigation-6")
async def test_referral_of_level_0_person_creates_information_task(client: NavigationClient) -> None:
    low, risen, unknown = new_id(), new_id(), new_id()
    await client.publish(a_crossing(RiskLevel.LOW), person=low, subject=low)
    await client.publish(a_crossing(RiskLevel.LOW), person=risen, subject=risen)
    await client.publish(a_crossing(RiskLevel.VERY_HIGH), person=risen, subject=risen)
    assert await client.unassigned() == []

    for person_id in (low, risen, unknown):
        await client.publish(a_routed_referral(at("13:00"), reason=Reason.COMPLEX_NEEDS), person=person_id, subject=new_id())

    kinds = {task["person_id"]: task["kind"] for task in await client.unassigned()}
    assert kinds == {str(low): "provide-information", str(risen): "care-coordination", str(unknown): "care-coordination"}


async def test_older_risk_level_does_not_replace_newer(client: NavigationClient) -> None:
    person_id, risk_id = new_id(), new_id()
    climbed = RiskHighClimberFound(
        level=RiskLevel.MEDIUM, previous_level=RiskLevel.LOW, practice_code="W07", valid_from=WEDNESDAY, rule_version="2014-12"
    )
    await client.context.deliver(climbed, key=person_id, subject=risk_id, sequence=2)
    await client.context.deliver(a_crossing(RiskLevel.LOW), key=person_id, subject=risk_id, sequence=1)

    await client.publish(a_routed_referral(at("13:00")), person=person_id, subject=new_id())

    assert [task["kind"] for task in await client.unassigned()] == ["care-coordination"]


async def test_known_person_falling_to_level_0_gets_information_task(client: NavigationClient) -> None:
    person_id, unknown = new_id(), new_id()
    await client.publish(mr_dales_record(), person=person_id, subject=person_id)

    await client.publish(a_crossing(RiskLevel.LOW), person=person_id, subject=person_id)
    await client.publish(a_crossing(RiskLevel.MEDIUM), person=person_id, subject=person_id)
    await client.publish(a_crossing(RiskLevel.LOW), person=unknown, subject=unknown)

    created = await client.context.published(TaskCreated)
    assert [(event.kind, event.source) for event in created] == [(TaskKind.PROVIDE_INFORMATION, TaskSource.RISK)]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        *(
            (a_redirection(destination), ("care-coordination", destination.value))
            for destination in Destination
            if destination is not Destination.NAVIGATION
        ),
        (a_redirection(Destination.NAVIGATION), ("care-coordination", None)),
        (CaseSteppedDown(destination=StepDown.NAVIGATION), ("care-coordination", None)),
        (a_screening(FindingDestination.NAVIGATION, RiskLevel.HIGH), ("care-coordination", None)),
        (a_screening(FindingDestination.NAVIGATION, RiskLevel.LOW), ("provide-information", None)),
        (a_screening(FindingDestination.GP, RiskLevel.HIGH), ("care-coordination", "gp")),
        (a_screening(FindingDestination.INTEGRATED_LOCALITY_TEAM, RiskLevel.HIGH), ("care-coordination", "integrated-locality-team")),
    ],
)
async def test_person_not_taken_by_mdt_gets_task(client: NavigationClient, event: Event, expected: tuple[str, str | None]) -> None:
    await client.publish(event, person=new_id(), subject=new_id())

    assert [(task["kind"], task["service_code"]) for task in await client.unassigned()] == [expected]
    assert [event.service_code for event in await client.context.published(TaskCreated)] == [expected[1]]


@pytest.mark.parametrize(
    "event",
    [
        CaseRedirected(referral_id=new_id(), destination=Destination.GP, reason="social"),
        CaseSteppedDown(destination=StepDown.GP),
        a_screening(FindingDestination.MDT, RiskLevel.HIGH),
        a_screening(FindingDestination.WATCHING_BRIEF, RiskLevel.HIGH),
    ],
)
async def test_person_in_other_hands_gets_no_task(client: NavigationClient, event: Event) -> None:
    """A referral returns to the Community Point of Access; the lead, the meeting or its watching brief keeps the other people."""
    await client.publish(event, person=new_id(), subject=new_id())

    assert await client.context.published(TaskCreated) == []


async def test_task_without_locality_waits_for_coordinator(client: NavigationClient) -> None:
    known, unknown = new_id(), new_id()
    await client.publish(a_redirection(Destination.GP), person=unknown, subject=new_id())
    await client.publish(a_redirection(Destination.GP, Locality.LOCALITY_B), person=known, subject=new_id())

    await client.register(NAVIGATOR, locality=Locality.LOCALITY_B)
    await client.register(OTHER)

    assert [task["person_id"] for task in await client.tasks()] == [str(known)]
    [waiting] = await client.unassigned()
    assert (waiting["person_id"], waiting["locality"]) == (str(unknown), None)
    assigned = await client.try_command(waiting["id"], "assignment", client.coordinator, navigator_id=OTHER)
    assert (assigned.status_code, assigned.json()["navigator_id"]) == (200, OTHER)


GP = {"professional_id": "gp-W07", "is_fallback": True}
NURSE = {"professional_id": LEAD}
SOCIAL_WORKER = {"professional_id": "lbb-social-worker-1", "organisation": "LBB"}
LATER = {"is_from_meeting": False}


@pytest.mark.parametrize(
    ("before", "after", "is_informed"),
    [
        (None, NURSE, False),
        (GP, NURSE, False),
        (GP, NURSE | LATER, True),
        (NURSE, SOCIAL_WORKER | LATER, True),
        (NURSE, GP | LATER, True),
        (NURSE, NURSE | LATER, False),
        (None, NURSE | LATER, True),
    ],
    ids=["first, at the meeting", "at the meeting", "after the fallback", "handed over", "to the GP", "the same", "first, later"],
)
async def test_new_lead_after_meeting_creates_information_task(
    client: NavigationClient, before: dict[str, Any] | None, after: dict[str, Any], *, is_informed: bool
) -> None:
    person_id = new_id()
    if before:
        await client.publish(an_activated_lead(at("13:00"), **before), person=person_id, subject=new_id())

    await client.publish(an_activated_lead(at("14:00"), **after), person=person_id, subject=new_id())

    created = [(task["kind"], task["source"], task["lead"]["professional_id"]) for task in await client.unassigned()]
    assert created == ([("inform-person-and-family", "lead", after["professional_id"])] if is_informed else [])


async def test_lead_is_cleared_only_without_successor(client: NavigationClient) -> None:
    person_id, first, second = new_id(), new_id(), new_id()
    await client.plan(an_action(), person=person_id)
    await client.publish(an_activated_lead(at("13:00")), person=person_id, subject=first)
    await client.publish(an_activated_lead(at("13:30")), person=person_id, subject=second)

    await client.publish(LeadEnded(reason="handed-over"), person=person_id, subject=first)
    assert (await client.unassigned())[0]["lead"]["professional_id"] == LEAD
    await client.publish(LeadEnded(reason="plan-closed"), person=person_id, subject=second)

    assert (await client.unassigned())[0]["lead"] is None


@pytest.mark.acceptance("navigation-5")
async def test_home_check_comes_91_days_after_discharge(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    person_id = new_id()
    await client.publish(mr_dales_record(), person=person_id, subject=person_id)
    responses = [await expect_home_check(client, person_id, WEDNESDAY) for _ in range(2)]
    assert [response.status_code for response in responses] == [201, 201]
    assert responses[0].json()["due_at"] == "2015-06-02T23:00:00Z"

    await client.context.let_pass(timedelta(days=90))
    assert await client.tasks() == []
    await client.context.let_pass(timedelta(days=1))

    assert [(task["kind"], task["source"]) for task in await client.tasks()] == [("follow-up-check", "hospital-discharge")]


@pytest.mark.acceptance("navigation-5")
@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (ReferralCancelled(reason="died"), "person-died"),
        (ReferralCancelled(reason="moved-away"), "person-moved-away"),
        (ReferralClosed(outcome=Outcome.DIED, closed_at=at("15:00")), "person-died"),
        (CarePlanClosed(reason="died"), "person-died"),
        (CaseClosed(referral_id=None, reason=CaseCloseReason.DIED), "person-died"),
        (a_closed_response(ResponseOutcome.DIED_IN_PREFERRED_PLACE), "person-died"),
        (a_closed_response(ResponseOutcome.DIED_ELSEWHERE), "person-died"),
    ],
)
async def test_death_or_move_cancels_tasks_and_home_check(client: NavigationClient, event: Event, reason: str) -> None:
    await client.register(NAVIGATOR)
    person_id, bystander = new_id(), new_id()
    await client.publish(mr_dales_record(), person=person_id, subject=person_id)
    await client.plan(an_action(), person=person_id)
    await client.publish(a_step_down(), person=person_id, subject=new_id())
    await client.publish(a_step_down(), person=bystander, subject=new_id())
    await expect_home_check(client, person_id, WEDNESDAY)

    await client.publish(event, person=person_id, subject=new_id())
    await client.context.let_pass(timedelta(days=100))

    assert [task["person_id"] for task in await client.tasks()] == [str(bystander)]
    assert [event.reason for event in await client.context.published(TaskCancelled)] == [reason] * 2
    assert len(await client.context.published(TaskCreated)) == 3


@pytest.mark.parametrize("event", [CarePlanClosed(reason="goals-reached"), a_closed_response(ResponseOutcome.ADMISSION_AVOIDED)])
async def test_other_closures_leave_other_tasks(client: NavigationClient, event: Event) -> None:
    person_id = new_id()
    await client.publish(a_step_down(), person=person_id, subject=new_id())

    await client.publish(event, person=person_id, subject=new_id())

    assert len(await client.unassigned()) == 1


async def test_invalid_home_check_is_refused(client: NavigationClient) -> None:
    person_id = new_id()
    await client.publish(mr_dales_record(), person=person_id, subject=person_id)

    tomorrow = await expect_home_check(client, person_id, WEDNESDAY + timedelta(days=1))
    last_year = await expect_home_check(client, person_id, WEDNESDAY - timedelta(days=91))
    unknown = await expect_home_check(client, new_id(), WEDNESDAY)

    codes = [(response.status_code, response.json()["code"]) for response in (tomorrow, last_year, unknown)]
    assert codes == [(409, "discharge-in-future"), (409, "home-check-in-past"), (404, "person-record-not-found")]
    assert await client.context.database.pool.fetchval("SELECT count(*) FROM deadline") == 0
