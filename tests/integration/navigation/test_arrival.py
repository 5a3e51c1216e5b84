"""Work that reaches navigation from referrals, rapid care and the weekly meeting, and what ends it."""

from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from infra.keys import Keys
from shared.contracts.codes import RiskLevel, StepDown, TaskKind
from shared.contracts.event import Event
from shared.contracts.mdt import (
    CarePlanClosed,
    CaseRedirected,
    CaseSteppedDown,
    Destination,
    FindingDestination,
    LeadEnded,
    RiskLevelCrossed,
    RiskScreened,
)
from shared.contracts.navigation import TaskAcknowledged, TaskCancelled, TaskCreated, TaskSource
from shared.contracts.rapid_care import ResponseClosed, ResponseOutcome
from shared.contracts.referrals import Reason, ReferralCancelled, Route
from shared.kernel.ids import new_id
from tests.builders.navigation import (
    LEAD,
    NAVIGATOR,
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
from tests.builders.running import repeated


def a_crossing(to_level: RiskLevel) -> RiskLevelCrossed:
    return RiskLevelCrossed(from_level=RiskLevel.HIGH, to_level=to_level, practice_code="W07", valid_from=WEDNESDAY, rule_version="2014-12")


def a_screening(destination: FindingDestination, level: RiskLevel) -> RiskScreened:
    return RiskScreened(destination=destination, reason="watched", level=level, practice_code="W07")


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

        await desk.tell(a_routed_referral(at("13:00"), route=route), person=person_id, subject=referral_id)
        assert await desk.unassigned() == []
        await desk.tell(a_routed_referral(at("13:00")), person=person_id, subject=referral_id)

        assert len(await desk.unassigned()) == 1
        assert [event.reason for event in await desk.context.published(TaskCancelled)] == ["referral-rerouted"]


async def test_a_cancelled_referral_ends_its_task_and_no_other(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        person_id, referral_id = new_id(), new_id()
        await desk.tell(a_routed_referral(at("13:00")), person=person_id, subject=referral_id)
        await desk.tell(a_step_down(), person=person_id, subject=new_id())

        await desk.tell(ReferralCancelled(reason="withdrawn"), person=person_id, subject=referral_id)

        assert [task["kind"] for task in await desk.unassigned()] == ["follow-up-check"]


async def test_a_response_that_steps_down_is_followed_up_by_a_navigator(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)

        record = await desk.context.deliver(a_step_down(), key=new_id(), subject=new_id())
        await desk.context.intake.apply(repeated(record, 2))

        assert [(task["kind"], task["source"]) for task in await desk.tasks()] == [("follow-up-check", "rapid-care")]


@pytest.mark.acceptance("navigation-6")
async def test_level_0_is_offered_information_and_no_care_plan(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        person_id, unknown = new_id(), new_id()
        await desk.tell(mr_dales_record(), person=person_id, subject=person_id)

        await desk.tell(a_crossing(RiskLevel.LOW), person=person_id, subject=person_id)
        await desk.tell(a_crossing(RiskLevel.MEDIUM), person=person_id, subject=person_id)
        await desk.tell(a_crossing(RiskLevel.LOW), person=unknown, subject=unknown)
        await desk.tell(a_routed_referral(at("13:00"), reason=Reason.INFORMATION), person=new_id(), subject=new_id())

        created = await desk.context.published(TaskCreated)
        assert [(event.kind, event.source) for event in created] == [
            (TaskKind.PROVIDE_INFORMATION, TaskSource.RISK),
            (TaskKind.PROVIDE_INFORMATION, TaskSource.REFERRAL),
        ]


@pytest.mark.parametrize(
    ("event", "kinds"),
    [
        (CaseRedirected(referral_id=None, destination=Destination.NAVIGATION, reason="social"), ["care-coordination"]),
        (CaseRedirected(referral_id=new_id(), destination=Destination.NAVIGATION, reason="social"), []),
        (CaseRedirected(referral_id=None, destination=Destination.GP, reason="social"), []),
        (CaseSteppedDown(destination=StepDown.NAVIGATION), ["care-coordination"]),
        (CaseSteppedDown(destination=StepDown.GP), []),
        (a_screening(FindingDestination.NAVIGATION, RiskLevel.HIGH), ["care-coordination"]),
        (a_screening(FindingDestination.NAVIGATION, RiskLevel.LOW), ["provide-information"]),
        (a_screening(FindingDestination.GP, RiskLevel.HIGH), []),
    ],
)
async def test_whom_the_meeting_hands_to_navigation_has_a_task(owner_url: str, keys: Keys, event: Event, kinds: list[str]) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.tell(event, person=new_id(), subject=new_id())

        assert [task["kind"] for task in await desk.unassigned()] == kinds


async def test_person_and_family_are_told_when_another_professional_leads(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        person_id = new_id()
        fallback = an_activated_lead(at("10:00"), professional_id="gp-W07", is_fallback=True)
        successor = an_activated_lead(at("14:00"), professional_id="lbb-social-worker-1", organisation="LBB")
        await desk.tell(fallback, person=person_id, subject=new_id())
        await desk.tell(an_activated_lead(at("13:40")), person=person_id, subject=new_id())
        await desk.tell(an_activated_lead(at("13:50")), person=person_id, subject=new_id())
        assert await desk.unassigned() == []

        await desk.tell(successor, person=person_id, subject=new_id())

        [task] = await desk.unassigned()
        assert (task["kind"], task["source"], task["lead"]["professional_id"]) == (
            "inform-person-and-family",
            "lead",
            "lbb-social-worker-1",
        )


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
        (CarePlanClosed(reason="died"), "person-died"),
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
        assert codes == [(409, "discharge-in-future"), (409, "home-check-passed"), (404, "person-not-known")]
        assert await desk.context.database.pool.fetchval("SELECT count(*) FROM timer") == 0
