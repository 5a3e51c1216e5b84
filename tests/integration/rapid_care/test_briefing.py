"""Whoever goes knows what the person told once: from our own copies, whatever other services are doing."""

from datetime import date, timedelta
from uuid import UUID

import pytest

from infra.dev_stack.dev_secrets import Keys
from services.rapid_care.domain.response import Status
from shared.contracts.codes import Role
from shared.contracts.event import Event
from shared.contracts.mdt import CarePlanClosed, LeadEnded, LeadHandedOver
from shared.contracts.rapid_care import ResponseAssigned
from shared.contracts.referrals import SharingPreference, Story
from shared.kernel.ids import new_id
from tests.builders.rapid_care import NURSE, RapidCare, a_care_plan, a_lead, at, mr_dale, rapid_care


async def _tell(care: RapidCare, person_id: UUID, event: Event, subject: UUID | None = None, sequence: int = 1) -> None:
    await care.context.deliver(event, key=person_id, subject=subject or person_id, sequence=sequence)


@pytest.mark.acceptance("rapid_care-10")
async def test_the_assignment_shows_the_crisis_plan_and_says_which(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("19:30")) as care:
        person_id, plan = new_id(), a_care_plan(plan_version=2)
        await _tell(care, person_id, mr_dale())
        await _tell(care, person_id, plan, plan.care_plan_id, 2)
        await _tell(care, person_id, a_lead(), new_id())
        response_id = await care.routed(person_id=person_id)
        await care.bring(response_id, Status.ACCEPTED)

        assigned = await care.do(response_id, "assignment", clinician_id=NURSE)

        briefing = assigned["briefing"]
        assert briefing["crisis_plan"]["what_to_do"] == "Treat the infection at home"
        assert (briefing["crisis_plan"]["care_plan_id"], briefing["crisis_plan"]["plan_version"]) == (str(plan.care_plan_id), 2)
        assert (briefing["preferred_place_of_care"], briefing["preferred_visit_times"]) == ("home", "Mornings")
        assert briefing["story"]["narrative"] == mr_dale().story.narrative
        assert [contact["name"] for contact in briefing["contacts"]] == ["Louise"]
        assert (briefing["person"]["family_name"], briefing["person"]["address"]) == ("Dale", "Oakleigh")
        assert (briefing["lead"]["professional_id"], briefing["lead"]["role"]) == ("nurse-7", "community-nurse")
        assert await care.get(f"responses/{response_id}/briefing") == briefing
        events = await care.context.published(ResponseAssigned)
        assert [(event.care_plan_id, event.care_plan_version) for event in events] == [(plan.care_plan_id, 2)]


async def test_without_a_plan_the_assignment_names_none(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("19:30")) as care:
        person_id, plan = new_id(), a_care_plan(crisis=None)
        await _tell(care, person_id, plan, plan.care_plan_id)
        with_plan, stranger = await care.routed(person_id=person_id), await care.routed()
        for response_id in (with_plan, stranger):
            await care.bring(response_id, Status.ASSIGNED)

        assert [event.care_plan_id for event in await care.context.published(ResponseAssigned)] == [None, None]
        assert (await care.get(f"responses/{with_plan}/briefing"))["preferred_place_of_care"] == "home"
        told = await care.get(f"responses/{stranger}/briefing")
        assert (told["story"], told["contacts"], told["crisis_plan"], told["lead"], told["person"]) == (None, [], None, None, None)


async def test_the_story_is_read_from_our_own_copy_and_the_newest_stays(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        person_id = new_id()
        newer = mr_dale(story=Story(narrative="Sally has died."))
        await _tell(care, person_id, newer, sequence=2)
        await _tell(care, person_id, mr_dale(), sequence=1)

        story = await care.get(f"people/{person_id}/story")

        assert (story["person_id"], story["story"]["narrative"], story["given_name"]) == (str(person_id), "Sally has died.", "Colin")


async def test_every_look_at_a_person_is_audited(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        person_id = new_id()
        await _tell(care, person_id, mr_dale())
        response_id = await care.routed(person_id=person_id)
        await care.get(f"people/{person_id}/story")
        await care.get(f"responses/{response_id}/briefing")

        rows = await care.context.database.pool.fetch("SELECT action, subject, actor_org FROM audit WHERE action LIKE 'read_%'")

        assert [tuple(row) for row in rows] == [("read_story", person_id, "CLCH"), ("read_briefing", response_id, "CLCH")]


async def test_a_plan_that_was_closed_is_not_shown_whichever_was_heard_first(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        people = new_id(), new_id()
        closed, closed_before_told = a_care_plan(), a_care_plan()
        await _tell(care, people[0], closed, closed.care_plan_id)
        await _tell(care, people[0], CarePlanClosed(reason="moved"), closed.care_plan_id, 4)
        await _tell(care, people[1], CarePlanClosed(reason="moved"), closed_before_told.care_plan_id, 4)
        await _tell(care, people[1], closed_before_told, closed_before_told.care_plan_id)

        for person_id in people:
            response_id = await care.routed(person_id=person_id)
            assert (await care.get(f"responses/{response_id}/briefing"))["crisis_plan"] is None


async def test_a_revised_plan_replaces_the_one_before(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        person_id, plan_id = new_id(), new_id()
        await _tell(care, person_id, a_care_plan(care_plan_id=plan_id, plan_version=2), plan_id, 2)
        await _tell(care, person_id, a_care_plan(care_plan_id=plan_id, plan_version=1), plan_id, 1)
        response_id = await care.routed(person_id=person_id)

        assert (await care.get(f"responses/{response_id}/briefing"))["crisis_plan"]["plan_version"] == 2


async def test_the_lead_of_today_is_named_after_a_handover_and_nobody_after_the_end(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        person_id, first, second = new_id(), new_id(), new_id()
        gp = a_lead(
            professional_id="gp-W07", role=Role.GP, is_fallback=True, activated_at=at("14:00", date(2015, 3, 11)) + timedelta(hours=1)
        )
        await _tell(care, person_id, a_lead(), first, 3)
        await _tell(care, person_id, LeadHandedOver(to_lead_id=second), first, 4)
        await _tell(care, person_id, gp, second, 2)
        response_id = await care.routed(person_id=person_id)

        lead = (await care.get(f"responses/{response_id}/briefing"))["lead"]
        await _tell(care, person_id, LeadEnded(reason="moved"), second, 3)
        await _tell(care, person_id, gp, second, 2)

        assert (lead["professional_id"], lead["is_fallback"]) == ("gp-W07", True)
        assert (await care.get(f"responses/{response_id}/briefing"))["lead"] is None


async def test_a_withheld_story_is_shown_while_somebody_is_in_crisis_and_not_after(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        person_id = new_id()
        await _tell(care, person_id, mr_dale(sharing=SharingPreference.WITHHELD))
        response_id = await care.routed(person_id=person_id)
        during = await care.get(f"people/{person_id}/story"), await care.get(f"responses/{response_id}/briefing")
        await care.do(response_id, "decline", reason="ineligible")

        after = await care.context.http.get(f"/rapid-care/people/{person_id}/story", headers=care.staff)
        briefing = await care.get(f"responses/{response_id}/briefing")

        assert [told["story"]["narrative"] for told in during] == [mr_dale().story.narrative] * 2
        assert (after.status_code, after.json()["code"]) == (403, "story-withheld")
        assert (briefing["story"], briefing["contacts"], briefing["what_matters"]) == (None, [], None)
