"""Tasks created or cancelled by events of referrals, rapid care and the weekly meeting."""

from typing import Any

import pytest

from shared.contracts.care_plans import CarePlanClosed
from shared.contracts.codes import Locality, RiskLevel, StepDown, TaskKind
from shared.contracts.event import Event
from shared.contracts.mdt import (
    CaseRedirected,
    CaseSteppedDown,
    Destination,
    FindingDestination,
    LeadEnded,
    RiskHighClimberFound,
    RiskLevelCrossed,
    RiskScreened,
)
from shared.contracts.navigation import TaskAcknowledged, TaskCancelled, TaskCreated, TaskFulfilled, TaskSource
from shared.contracts.referral_codes import Outcome, Reason, ReturnReason, Route
from shared.contracts.referrals import ReferralCancelled, ReferralClosed, ReferralRecalled, ReferralReturned
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


def a_stepped_down_case(destination: StepDown) -> CaseSteppedDown:
    return CaseSteppedDown(destination=destination, practice_code="W07", locality=Locality.LOCALITY_C)


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
        (ReferralRecalled(service_code="care-navigation", routing=1), "referral-recalled"),
        (ReferralCancelled(reason="died"), "person-died"),
        (ReferralClosed(outcome=Outcome.MOVED_AWAY, closed_at=at("15:00")), "person-moved-away"),
    ],
)
async def test_ended_referral_cancels_only_its_task(client: NavigationClient, event: Event, reason: str) -> None:
    person_id, referral_id = new_id(), new_id()
    await client.publish(a_routed_referral(at("13:00")), person=person_id, subject=referral_id)
    await client.publish(a_step_down(), person=person_id, subject=new_id())

    await client.publish(event, person=person_id, subject=referral_id)

    assert [task["kind"] for task in await client.unassigned()] == ["follow-up-check"]
    [cancelled] = await client.context.published(TaskCancelled)
    assert (cancelled.kind, cancelled.source, cancelled.source_id) == (TaskKind.CARE_COORDINATION, TaskSource.REFERRAL, referral_id)
    assert cancelled.reason == reason


async def test_referral_routed_here_again_has_one_task(client: NavigationClient) -> None:
    person_id, referral_id = new_id(), new_id()
    await client.publish(a_routed_referral(at("13:00")), person=person_id, subject=referral_id)
    [first] = await client.unassigned()

    await client.publish(a_routed_referral(at("13:00"), routing=2), person=person_id, subject=referral_id)

    [second] = await client.unassigned()
    assert second["id"] != first["id"]
    assert [event.reason for event in await client.context.published(TaskCancelled)] == ["referral-rerouted"]


@pytest.mark.parametrize("reason", ["created-in-error", "duplicate", "no-longer-needed"])
async def test_coordinators_cancellation_names_the_source(client: NavigationClient, reason: str) -> None:
    person_id, referral_id = new_id(), new_id()
    await client.publish(a_routed_referral(at("13:00")), person=person_id, subject=referral_id)
    [task] = await client.unassigned()

    response = await client.try_command(task["id"], "cancellation", client.coordinator, reason=reason)

    assert (response.status_code, response.json()["cancel_reason"]) == (200, reason)
    [cancelled] = await client.context.published(TaskCancelled)
    assert (cancelled.source, cancelled.source_id, cancelled.reason) == (TaskSource.REFERRAL, referral_id, reason)


async def test_upstream_reason_of_a_cancellation_is_refused(client: NavigationClient) -> None:
    await client.publish(a_routed_referral(at("13:00")), person=new_id(), subject=new_id())
    [task] = await client.unassigned()

    response = await client.try_command(task["id"], "cancellation", client.coordinator, reason="person-died")

    assert (response.status_code, response.json()["code"]) == (422, "cancel-reason-of-source")
    assert [task["id"]] == [each["id"] for each in await client.unassigned()]


@pytest.mark.parametrize("outcome", ["checked-concern", "unable-to-contact"])
async def test_concern_found_stays_visible_as_a_concern(client: NavigationClient, outcome: str) -> None:
    """A person who was not reached could be reported only as not needed, or as having declined."""
    await client.register(NAVIGATOR)
    await client.publish(a_step_down(), person=new_id(), subject=new_id())
    [task] = await client.tasks()

    response = await client.try_command(task["id"], "fulfilment", outcome=outcome)

    assert (response.json()["status"], response.json()["outcome"], response.json()["is_concern"]) == ("fulfilled", outcome, True)
    assert [event.is_concern for event in await client.context.published(TaskFulfilled)] == [True]


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
        (a_stepped_down_case(StepDown.NAVIGATION), ("care-coordination", None)),
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
        a_stepped_down_case(StepDown.GP),
        a_stepped_down_case(StepDown.INTEGRATED_LOCALITY_TEAM),
        a_stepped_down_case(StepDown.COMMUNITY_NURSING),
        a_screening(FindingDestination.MDT, RiskLevel.HIGH),
        a_screening(FindingDestination.WATCHING_BRIEF, RiskLevel.HIGH),
    ],
)
async def test_person_in_other_hands_gets_no_task(client: NavigationClient, event: Event) -> None:
    """A referral returns to the Community Point of Access; the lead, the meeting or its watching brief keeps the other people."""
    await client.publish(event, person=new_id(), subject=new_id())

    assert await client.context.published(TaskCreated) == []


async def test_stepped_down_case_keeps_locality_of_event(client: NavigationClient) -> None:
    await client.publish(a_stepped_down_case(StepDown.NAVIGATION), person=new_id(), subject=new_id())

    assert [task["locality"] for task in await client.unassigned()] == ["locality-c"]


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


async def test_closed_plan_leaves_tasks_of_other_sources(client: NavigationClient) -> None:
    person_id = new_id()
    await client.publish(a_step_down(), person=person_id, subject=new_id())

    for reason in ("goals-reached", "died"):
        await client.publish(CarePlanClosed(reason=reason), person=person_id, subject=new_id())

    assert len(await client.unassigned()) == 1
