"""Work that reaches navigation from referrals, rapid care and the weekly meeting, and what ends it."""

from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from infra.dev_stack.dev_secrets import Keys
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
    Navigation,
    a_routed_referral,
    a_step_down,
    an_action,
    an_activated_lead,
    at,
    mr_dales_record,
    navigation,
)


def a_crossing(to_level: RiskLevel) -> RiskLevelCrossed:
    return RiskLevelCrossed(from_level=RiskLevel.HIGH, to_level=to_level, practice_code="W07", valid_from=WEDNESDAY, rule_version="2014-12")


def a_screening(destination: FindingDestination, level: RiskLevel) -> RiskScreened:
    return RiskScreened(destination=destination, reason="watched", level=level, practice_code="W07")


def a_redirection(destination: Destination, locality: Locality | None = None) -> CaseRedirected:
    return CaseRedirected(referral_id=None, destination=destination, reason="social", locality=locality)


def a_closed_response(outcome: ResponseOutcome) -> ResponseClosed:
    return ResponseClosed(referral_id=new_id(), outcome=outcome, is_admission_avoided=False, benefit_pounds=0)


async def expect_home_check(desk: Navigation, person_id: Any, discharged_on: date, **headers: str) -> httpx.Response:
    return await desk.context.http.post(
        f"/navigation/people/{person_id}/home-checks",
        headers=desk.coordinator | {"Idempotency-Key": str(new_id())} | headers,
        json={"discharged_on": discharged_on.isoformat()},
    )


async def test_a_referral_routed_here_is_a_task_whose_acknowledgement_names_the_referral(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        referral_id = new_id()

        await desk.tell(a_routed_referral(at("13:00")), person=new_id(), subject=referral_id)
        [task] = await desk.tasks()
        await desk.bring(task["id"], "acknowledgement")

        assert (task["kind"], task["source_id"], task["due_at"]) == ("care-coordination", str(referral_id), "2015-03-11T14:00:00Z")
        assert await desk.context.published(TaskAcknowledged) == [
            TaskAcknowledged(navigator_id=NAVIGATOR, source=TaskSource.REFERRAL, source_id=referral_id)
        ]


@pytest.mark.parametrize("route", [Route.MDT, Route.RAPID_CARE, Route.SERVICE])
async def test_a_referral_routed_elsewhere_after_all_ends_its_task_and_may_come_back(owner_url: str, keys: Keys, route: Route) -> None:
    async with navigation(owner_url, keys) as desk:
        person_id, referral_id = new_id(), new_id()
        await desk.tell(a_routed_referral(at("13:00")), person=person_id, subject=referral_id)

        await desk.tell(a_routed_referral(at("13:00"), route=route, routing=2), person=person_id, subject=referral_id)
        assert await desk.unassigned() == []
        await desk.tell(a_routed_referral(at("13:00"), routing=3), person=person_id, subject=referral_id)

        assert len(await desk.unassigned()) == 1
        assert [event.reason for event in await desk.context.published(TaskCancelled)] == ["referral-rerouted"]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (ReferralCancelled(reason="withdrawn"), "referral-cancelled"),
        (ReferralClosed(outcome=Outcome.NEED_MET, closed_at=at("15:00")), "referral-closed"),
        (ReferralReturned(service_code="care-navigation", reason=ReturnReason.OTHER), "referral-returned"),
    ],
)
async def test_a_referral_that_ends_or_is_taken_back_ends_its_task_and_no_other(
    owner_url: str, keys: Keys, event: Event, reason: str
) -> None:
    async with navigation(owner_url, keys) as desk:
        person_id, referral_id = new_id(), new_id()
        await desk.tell(a_routed_referral(at("13:00")), person=person_id, subject=referral_id)
        await desk.tell(a_step_down(), person=person_id, subject=new_id())

        await desk.tell(event, person=person_id, subject=referral_id)

        assert [task["kind"] for task in await desk.unassigned()] == ["follow-up-check"]
        assert [event.reason for event in await desk.context.published(TaskCancelled)] == [reason]


async def test_a_referral_closed_because_its_task_was_fulfilled_changes_nothing_more(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        person_id, referral_id = new_id(), new_id()
        await desk.tell(a_routed_referral(at("13:00")), person=person_id, subject=referral_id)
        [task] = await desk.tasks()
        await desk.bring(task["id"], "acknowledgement", "start")
        await desk.ask(task["id"], "fulfilment", outcome="arranged")

        await desk.tell(ReferralClosed(outcome=Outcome.NEED_MET, closed_at=at("15:00")), person=person_id, subject=referral_id)

        assert (await desk.read(f"tasks/{task['id']}"))["status"] == "fulfilled"


async def test_a_response_that_steps_down_is_followed_up_by_a_navigator(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)

        record = await desk.context.deliver(a_step_down(), key=new_id(), subject=new_id())
        await desk.context.intake.apply(repeated(record, 2))

        assert [(task["kind"], task["source"]) for task in await desk.tasks()] == [("follow-up-check", "rapid-care")]


@pytest.mark.acceptance("navigation-6")
async def test_a_referral_of_a_level_0_person_gives_information_and_no_care_plan(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        low, risen, unknown = new_id(), new_id(), new_id()
        await desk.tell(a_crossing(RiskLevel.LOW), person=low, subject=low)
        await desk.tell(a_crossing(RiskLevel.LOW), person=risen, subject=risen)
        await desk.tell(a_crossing(RiskLevel.VERY_HIGH), person=risen, subject=risen)
        assert await desk.unassigned() == []

        for person_id in (low, risen, unknown):
            await desk.tell(a_routed_referral(at("13:00"), reason=Reason.COMPLEX_NEEDS), person=person_id, subject=new_id())

        kinds = {task["person_id"]: task["kind"] for task in await desk.unassigned()}
        assert kinds == {str(low): "provide-information", str(risen): "care-coordination", str(unknown): "care-coordination"}


async def test_an_older_level_does_not_replace_a_newer_one(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        person_id, risk_id = new_id(), new_id()
        climbed = RiskHighClimberFound(
            level=RiskLevel.MEDIUM, previous_level=RiskLevel.LOW, practice_code="W07", valid_from=WEDNESDAY, rule_version="2014-12"
        )
        await desk.context.deliver(climbed, key=person_id, subject=risk_id, sequence=2)
        await desk.context.deliver(a_crossing(RiskLevel.LOW), key=person_id, subject=risk_id, sequence=1)

        await desk.tell(a_routed_referral(at("13:00")), person=person_id, subject=new_id())

        assert [task["kind"] for task in await desk.unassigned()] == ["care-coordination"]


async def test_whoever_falls_to_level_0_is_offered_information_if_they_are_known_here(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        person_id, unknown = new_id(), new_id()
        await desk.tell(mr_dales_record(), person=person_id, subject=person_id)

        await desk.tell(a_crossing(RiskLevel.LOW), person=person_id, subject=person_id)
        await desk.tell(a_crossing(RiskLevel.MEDIUM), person=person_id, subject=person_id)
        await desk.tell(a_crossing(RiskLevel.LOW), person=unknown, subject=unknown)

        created = await desk.context.published(TaskCreated)
        assert [(event.kind, event.source) for event in created] == [(TaskKind.PROVIDE_INFORMATION, TaskSource.RISK)]


@pytest.mark.parametrize(
    ("event", "wanted"),
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
async def test_whoever_the_meeting_does_not_take_is_led_to_where_they_go(
    owner_url: str, keys: Keys, event: Event, wanted: tuple[str, str | None]
) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.tell(event, person=new_id(), subject=new_id())

        assert [(task["kind"], task["service_code"]) for task in await desk.unassigned()] == [wanted]
        assert [event.service_code for event in await desk.context.published(TaskCreated)] == [wanted[1]]


@pytest.mark.parametrize(
    "event",
    [
        CaseRedirected(referral_id=new_id(), destination=Destination.GP, reason="social"),
        CaseSteppedDown(destination=StepDown.GP),
        a_screening(FindingDestination.MDT, RiskLevel.HIGH),
        a_screening(FindingDestination.WATCHING_BRIEF, RiskLevel.HIGH),
    ],
)
async def test_whoever_somebody_else_has_in_hand_makes_no_task(owner_url: str, keys: Keys, event: Event) -> None:
    """A referral goes back to the Community Point of Access; a lead, the meeting or its watching brief goes on with the others."""
    async with navigation(owner_url, keys) as desk:
        await desk.tell(event, person=new_id(), subject=new_id())

        assert await desk.context.published(TaskCreated) == []


async def test_a_person_whose_locality_nobody_knows_waits_for_a_coordinator(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        known, unknown = new_id(), new_id()
        await desk.tell(a_redirection(Destination.GP), person=unknown, subject=new_id())
        await desk.tell(a_redirection(Destination.GP, Locality.LOCALITY_B), person=known, subject=new_id())

        await desk.register(NAVIGATOR, locality=Locality.LOCALITY_B)
        await desk.register(OTHER)

        assert [task["person_id"] for task in await desk.tasks()] == [str(known)]
        [waiting] = await desk.unassigned()
        assert (waiting["person_id"], waiting["locality"]) == (str(unknown), None)
        assigned = await desk.ask(waiting["id"], "assignment", desk.coordinator, navigator_id=OTHER)
        assert (assigned.status_code, assigned.json()["navigator_id"]) == (200, OTHER)


GP = {"professional_id": "gp-W07", "is_fallback": True}
NURSE = {"professional_id": LEAD}
SOCIAL_WORKER = {"professional_id": "lbb-social-worker-1", "organisation": "LBB"}
LATER = {"is_from_meeting": False}


@pytest.mark.parametrize(
    ("before", "after", "is_told"),
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
async def test_person_and_family_are_told_who_leads_unless_the_meeting_settled_it_with_them(
    owner_url: str, keys: Keys, before: dict[str, Any] | None, after: dict[str, Any], *, is_told: bool
) -> None:
    async with navigation(owner_url, keys) as desk:
        person_id = new_id()
        if before:
            await desk.tell(an_activated_lead(at("13:00"), **before), person=person_id, subject=new_id())

        await desk.tell(an_activated_lead(at("14:00"), **after), person=person_id, subject=new_id())

        told = [(task["kind"], task["source"], task["lead"]["professional_id"]) for task in await desk.unassigned()]
        assert told == ([("inform-person-and-family", "lead", after["professional_id"])] if is_told else [])


async def test_a_lead_who_has_ended_leads_no_more_unless_somebody_followed(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        person_id, first, second = new_id(), new_id(), new_id()
        await desk.plan(an_action(), person=person_id)
        await desk.tell(an_activated_lead(at("13:00")), person=person_id, subject=first)
        await desk.tell(an_activated_lead(at("13:30")), person=person_id, subject=second)

        await desk.tell(LeadEnded(reason="handed-over"), person=person_id, subject=first)
        assert (await desk.unassigned())[0]["lead"]["professional_id"] == LEAD
        await desk.tell(LeadEnded(reason="plan-closed"), person=person_id, subject=second)

        assert (await desk.unassigned())[0]["lead"] is None


@pytest.mark.acceptance("navigation-5")
async def test_ninety_one_days_after_discharge_somebody_looks_whether_the_person_is_at_home(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        person_id = new_id()
        await desk.tell(mr_dales_record(), person=person_id, subject=person_id)
        answers = [await expect_home_check(desk, person_id, WEDNESDAY) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json()["looks_at"] == "2015-06-02T23:00:00Z"

        await desk.context.let_pass(timedelta(days=90))
        assert await desk.tasks() == []
        await desk.context.let_pass(timedelta(days=1))

        assert [(task["kind"], task["source"]) for task in await desk.tasks()] == [("follow-up-check", "hospital-discharge")]


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
async def test_when_the_person_is_gone_every_task_ends_and_no_check_comes(owner_url: str, keys: Keys, event: Event, reason: str) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        person_id, bystander = new_id(), new_id()
        await desk.tell(mr_dales_record(), person=person_id, subject=person_id)
        await desk.plan(an_action(), person=person_id)
        await desk.tell(a_step_down(), person=person_id, subject=new_id())
        await desk.tell(a_step_down(), person=bystander, subject=new_id())
        await expect_home_check(desk, person_id, WEDNESDAY)

        await desk.tell(event, person=person_id, subject=new_id())
        await desk.context.let_pass(timedelta(days=100))

        assert [task["person_id"] for task in await desk.tasks()] == [str(bystander)]
        assert [event.reason for event in await desk.context.published(TaskCancelled)] == [reason] * 2
        assert len(await desk.context.published(TaskCreated)) == 3


@pytest.mark.parametrize("event", [CarePlanClosed(reason="goals-reached"), a_closed_response(ResponseOutcome.ADMISSION_AVOIDED)])
async def test_other_ends_leave_the_persons_other_tasks_alone(owner_url: str, keys: Keys, event: Event) -> None:
    async with navigation(owner_url, keys) as desk:
        person_id = new_id()
        await desk.tell(a_step_down(), person=person_id, subject=new_id())

        await desk.tell(event, person=person_id, subject=new_id())

        assert len(await desk.unassigned()) == 1


async def test_a_home_check_needs_a_day_of_discharge_that_makes_sense(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        person_id = new_id()
        await desk.tell(mr_dales_record(), person=person_id, subject=person_id)

        tomorrow = await expect_home_check(desk, person_id, WEDNESDAY + timedelta(days=1))
        last_year = await expect_home_check(desk, person_id, WEDNESDAY - timedelta(days=91))
        unknown = await expect_home_check(desk, new_id(), WEDNESDAY)

        codes = [(answer.status_code, answer.json()["code"]) for answer in (tomorrow, last_year, unknown)]
        assert codes == [(409, "discharge-in-future"), (409, "home-check-in-past"), (404, "person-record-not-found")]
        assert await desk.context.database.pool.fetchval("SELECT count(*) FROM deadline") == 0
