"""The briefing of a clinician is read from Rapid Care's projections, so that it is available while other services are down."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.rapid_care.domain.response import Status
from shared.contracts.care_plans import CarePlanClosed, CarePlanReopened
from shared.contracts.codes import Condition, PlaceOfCare, Role
from shared.contracts.event import Event
from shared.contracts.mdt import LeadEnded, LeadHandedOver
from shared.contracts.persons import Story
from shared.contracts.rapid_care import ResponseAssigned, ResponseConditionSet, Skill
from shared.contracts.referrals import ReferralConditionSet
from shared.kernel.ids import new_id
from tests.builders.rapid_care import NURSE, RapidCareClient, a_care_plan, a_lead, at, mr_dale


async def _deliver(team: RapidCareClient, person_id: UUID, event: Event, subject: UUID | None = None, sequence: int = 1) -> None:
    await team.context.deliver(event, key=person_id, subject=subject or person_id, sequence=sequence)


@pytest.mark.acceptance("rapid_care-10")
async def test_assignment_shows_and_names_crisis_plan(team: RapidCareClient) -> None:
    person_id, plan = new_id(), a_care_plan(plan_version=2, preferred_place_of_death=PlaceOfCare.HOSPICE)
    await _deliver(team, person_id, mr_dale())
    await _deliver(team, person_id, plan, plan.care_plan_id, 2)
    await _deliver(team, person_id, a_lead(), new_id())
    response_id = await team.receive_referral(person_id=person_id)
    await team.advance(response_id, Status.ACCEPTED)

    assigned = await team.command(response_id, "assignment", clinician_id=NURSE)

    briefing = assigned["briefing"]
    assert briefing["crisis_plan"]["what_to_do"] == "Treat the infection at home"
    assert (briefing["crisis_plan"]["care_plan_id"], briefing["crisis_plan"]["plan_version"]) == (str(plan.care_plan_id), 2)
    assert (briefing["preferred_place_of_care"], briefing["preferred_visit_times"]) == ("home", "Mornings")
    assert (briefing["preferred_place_of_death"], briefing["newer_call"]) == ("hospice", None)
    assert briefing["story"]["narrative"] == mr_dale().story.narrative
    assert [contact["name"] for contact in briefing["contacts"]] == ["Louise"]
    assert (briefing["person"]["family_name"], briefing["person"]["address"]) == ("Dale", "Oakleigh")
    assert (briefing["lead"]["professional_id"], briefing["lead"]["role"]) == ("nurse-7", "community-nurse")
    assert await team.get(f"responses/{response_id}/briefing") == briefing
    events = await team.context.published(ResponseAssigned)
    assert [(event.care_plan_id, event.care_plan_version) for event in events] == [(plan.care_plan_id, 2)]


async def test_assignment_without_plan_names_none(team: RapidCareClient) -> None:
    person_id, plan = new_id(), a_care_plan(crisis=None)
    await _deliver(team, person_id, plan, plan.care_plan_id)
    with_plan, unknown = await team.receive_referral(person_id=person_id), await team.receive_referral()
    for response_id in (with_plan, unknown):
        await team.advance(response_id, Status.ASSIGNED)

    assert [event.care_plan_id for event in await team.context.published(ResponseAssigned)] == [None, None]
    assert (await team.get(f"responses/{with_plan}/briefing"))["preferred_place_of_care"] == "home"
    briefing = await team.get(f"responses/{unknown}/briefing")
    nothing_known: dict[str, Any] = {"story": None, "contacts": [], "crisis_plan": None, "lead": None, "person": None}
    assert {name: briefing[name] for name in nothing_known} == nothing_known


async def test_story_comes_from_newest_record_out_of_order(team: RapidCareClient) -> None:
    person_id = new_id()
    newer = mr_dale(story=Story(narrative="Sally has died."))
    await _deliver(team, person_id, newer, sequence=2)
    await _deliver(team, person_id, mr_dale(), sequence=1)
    await team.receive_referral(person_id=person_id)

    story = await team.get(f"people/{person_id}/story")

    assert (story["person_id"], story["story"]["narrative"], story["given_name"]) == (str(person_id), "Sally has died.", "Colin")


async def test_reading_story_or_briefing_is_audited(team: RapidCareClient) -> None:
    person_id = new_id()
    await _deliver(team, person_id, mr_dale())
    response_id = await team.receive_referral(person_id=person_id)
    await team.get(f"people/{person_id}/story")
    await team.get(f"responses/{response_id}/briefing")

    rows = await team.context.database.pool.fetch("SELECT action, subject, actor_org FROM audit WHERE action LIKE 'read_%'")

    assert [tuple(row) for row in rows] == [("read_story", person_id, "CLCH"), ("read_briefing", response_id, "CLCH")]


async def test_closed_plan_is_hidden_in_any_order(team: RapidCareClient) -> None:
    people = new_id(), new_id()
    closed, closed_first = a_care_plan(), a_care_plan()
    await _deliver(team, people[0], closed, closed.care_plan_id)
    await _deliver(team, people[0], CarePlanClosed(reason="moved"), closed.care_plan_id, 4)
    await _deliver(team, people[1], CarePlanClosed(reason="moved"), closed_first.care_plan_id, 4)
    await _deliver(team, people[1], closed_first, closed_first.care_plan_id)

    for person_id in people:
        response_id = await team.receive_referral(person_id=person_id)
        assert (await team.get(f"responses/{response_id}/briefing"))["crisis_plan"] is None


async def test_reopened_plan_is_shown_again_in_any_order(team: RapidCareClient) -> None:
    people = new_id(), new_id()
    plan, reopened_first = a_care_plan(), a_care_plan()
    await _deliver(team, people[0], plan, plan.care_plan_id)
    await _deliver(team, people[0], CarePlanClosed(reason="died"), plan.care_plan_id, 4)
    await _deliver(team, people[0], CarePlanReopened(), plan.care_plan_id, 5)
    await _deliver(team, people[1], CarePlanReopened(), reopened_first.care_plan_id, 5)
    await _deliver(team, people[1], CarePlanClosed(reason="died"), reopened_first.care_plan_id, 4)
    await _deliver(team, people[1], reopened_first, reopened_first.care_plan_id)

    for person_id in people:
        response_id = await team.receive_referral(person_id=person_id)
        assert (await team.get(f"responses/{response_id}/briefing"))["crisis_plan"] is not None


async def test_condition_set_later_reaches_briefing_and_skill_match(team: RapidCareClient) -> None:
    person_id, referral_id = new_id(), new_id()
    response_id = await team.receive_referral(person_id=person_id, referral_id=referral_id, condition=None)
    await team.command(response_id, "acceptance")
    await team.roster("therapist-1", Skill.OCCUPATIONAL_THERAPIST)
    unknown = await team.refusal(response_id, "assignment")

    for _ in range(2):
        await team.context.deliver(ReferralConditionSet(condition=Condition.FALL), key=person_id, subject=referral_id, sequence=5)

    assert unknown == (409, "no-clinician-available")
    assert (await team.read(response_id))["condition"] == "fall"
    assert (await team.get(f"responses/{response_id}/briefing"))["condition"] == "fall"
    assert (await team.command(response_id, "assignment"))["clinician_id"] == "therapist-1"
    assert [event.condition for event in await team.context.published(ResponseConditionSet)] == [Condition.FALL]


async def test_condition_of_ended_response_stays(team: RapidCareClient) -> None:
    person_id, referral_id = new_id(), new_id()
    response_id = await team.receive_referral(person_id=person_id, referral_id=referral_id)
    await team.command(response_id, "decline", reason="capacity")

    await team.context.deliver(ReferralConditionSet(condition=Condition.FALL), key=person_id, subject=referral_id, sequence=5)

    assert (await team.read(response_id))["condition"] == "urinary-tract-infection"


async def test_revised_plan_replaces_earlier_version(team: RapidCareClient) -> None:
    person_id, plan_id = new_id(), new_id()
    await _deliver(team, person_id, a_care_plan(care_plan_id=plan_id, plan_version=2), plan_id, 2)
    await _deliver(team, person_id, a_care_plan(care_plan_id=plan_id, plan_version=1), plan_id, 1)
    response_id = await team.receive_referral(person_id=person_id)

    assert (await team.get(f"responses/{response_id}/briefing"))["crisis_plan"]["plan_version"] == 2


async def test_briefing_names_current_lead_until_end(team: RapidCareClient) -> None:
    person_id, first, second = new_id(), new_id(), new_id()
    gp = a_lead(professional_id="gp-W07", role=Role.GP, is_fallback=True, activated_at=at("14:00", date(2015, 3, 11)) + timedelta(hours=1))
    await _deliver(team, person_id, a_lead(), first, 3)
    await _deliver(team, person_id, LeadHandedOver(to_lead_id=second), first, 4)
    await _deliver(team, person_id, gp, second, 2)
    response_id = await team.receive_referral(person_id=person_id)

    lead = (await team.get(f"responses/{response_id}/briefing"))["lead"]
    await _deliver(team, person_id, LeadEnded(reason="moved"), second, 3)
    await _deliver(team, person_id, gp, second, 2)

    assert (lead["professional_id"], lead["is_fallback"]) == ("gp-W07", True)
    assert (await team.get(f"responses/{response_id}/briefing"))["lead"] is None
