"""Mr Dale's six weeks, and the acceptance criteria AC1 to AC12 of domain.md §3.2 as they stand after them.

AC13 (a discharge-ready notice makes tasks the same day) needs the hospital feed, which is not part of the main path.
"""

from datetime import datetime, timedelta

import pytest

from infra.demo.calendar import day
from infra.demo.story import NHS_NUMBER
from shared.clock import LONDON
from tests.journeys.living import Lived

pytestmark = pytest.mark.timeout(400)


async def test_six_weeks_happen_as_the_documents_tell_them(story: Lived) -> None:
    assert story.unexpected == {}


async def test_he_was_reached_after_102_minutes_warned_twice_and_not_late(story: Lived) -> None:
    warned = [event.occurred_at.astimezone(LONDON).replace(microsecond=0) for event in story.of("rapid-care.response.at-risk.v1")]

    assert story.world.seen["minutes"] == 102
    assert [instant - day(14, "19:30") < timedelta(minutes=minutes, seconds=30) for instant, minutes in zip(warned, (60, 90), strict=True)]
    assert [instant.strftime("%H:%M") for instant in warned] == ["20:30", "21:00"]
    assert story.of("rapid-care.response.breached.v1") == []


@pytest.mark.acceptance("AC1")
async def test_he_told_his_story_once_and_every_service_shows_it(story: Lived) -> None:
    person = story.world.ids["person"]
    screens = {
        "rapid-care": await story.world.caller("rapid-care").get(f"/rapid-care/people/{person}/story"),
        "mdt": await story.world.caller("mdt-coordinator").get(f"/mdt/people/{person}/story"),
        "navigation": await story.world.caller("clch-navigator-1").get(f"/navigation/people/{person}/story"),
    }
    told = await story.world.caller("point-of-access").create("/referrals/people/search", {"nhs_number": NHS_NUMBER})

    assert {screen["story"]["narrative"] for screen in screens.values()} == {told["story"]["narrative"]}
    assert len(story.of("referrals.person-record.recorded.v1")) == 1
    assert story.world.seen["story_known"] is True


@pytest.mark.acceptance("AC2")
async def test_he_has_exactly_one_contact(story: Lived) -> None:
    contact = story.world.seen["contact"]

    assert (contact["role"], contact["organisation"]) == ("community-nurse", "CLCH")
    assert await story.world.owner.fetchval("SELECT count(*) FROM mdt.lead WHERE status = 'active'") == 1


@pytest.mark.acceptance("AC3")
async def test_the_referrer_had_nothing_more_to_do_after_one_call(story: Lived) -> None:
    response = await story.world.caller("rapid-care").get(f"/rapid-care/responses/{story.world.ids['response']}")

    assert datetime.fromisoformat(response["due_at"]) - datetime.fromisoformat(response["received_at"]) == timedelta(hours=2)
    assert response["referral_id"] == story.world.ids["urgent"]


@pytest.mark.acceptance("AC5")
async def test_the_times_that_suit_him_stand_on_every_task(story: Lived) -> None:
    tasks = await story.world.caller("clch-navigator-1").get(f"/navigation/people/{story.world.ids['person']}/tasks")

    assert tasks["items"]
    assert {task["person"]["preferred_visit_times"] for task in tasks["items"]} == {"after ten in the morning"}


@pytest.mark.acceptance("AC6")
async def test_one_timeline_holds_what_every_service_did(story: Lived) -> None:
    kinds = [entry["type"] for entry in story.world.seen["timeline"]]

    assert {kind.partition(".")[0] for kind in kinds} == {"referrals", "rapid-care", "mdt", "navigation"}
    assert [entry["occurred_at"] for entry in story.world.seen["timeline"]] == sorted(
        entry["occurred_at"] for entry in story.world.seen["timeline"]
    )


@pytest.mark.acceptance("AC7")
async def test_no_plan_was_ever_without_a_lead(story: Lived) -> None:
    agreed, activated = story.of("mdt.care-plan.agreed.v1")[0], story.of("mdt.lead.activated.v1")[0]

    assert activated.committed_at == agreed.committed_at
    assert story.of("mdt.lead.ended.v1") == []


@pytest.mark.acceptance("AC8")
async def test_the_crisis_ended_with_somebody_who_carries_on(story: Lived) -> None:
    response = await story.world.caller("rapid-care").get(f"/rapid-care/responses/{story.world.ids['response']}")

    assert response["stepped_down_to"] == "integrated-locality-team"


@pytest.mark.acceptance("AC9")
async def test_a_sunday_evening_was_no_obstacle(story: Lived) -> None:
    requested = story.of("rapid-care.response.requested.v1")[0].occurred_at.astimezone(LONDON)

    assert requested.strftime("%a %H:%M") == "Sun 19:30"


@pytest.mark.acceptance("AC10")
async def test_the_plan_says_what_matters_to_him_and_he_agreed_to_it(story: Lived) -> None:
    plan = await story.world.caller("mdt-coordinator").get(f"/mdt/people/{story.world.ids['person']}/care-plan")

    assert plan["in_force"]["joint_plan"]["what_matters"] == "To stay at home with Sally."
    assert plan["in_force"]["number"] == 2


@pytest.mark.acceptance("AC11")
async def test_every_service_of_his_package_has_a_directory_entry(story: Lived) -> None:
    directory = await story.world.caller("point-of-access").get("/referrals/directory")
    response = await story.world.caller("rapid-care").get(f"/rapid-care/responses/{story.world.ids['response']}")

    assert {item["service_code"] for item in response["package"]} <= {service["code"] for service in directory["items"]}


@pytest.mark.acceptance("AC12")
async def test_every_action_has_one_owner_and_a_due_day(story: Lived) -> None:
    plan = await story.world.caller("mdt-coordinator").get(f"/mdt/people/{story.world.ids['person']}/care-plan")

    assert plan["in_force"]["actions"]
    assert all(action["owner_role"] and action["due_on"] for action in plan["in_force"]["actions"])


async def test_his_gp_sees_how_it_ended_under_the_reference_of_the_first_day(story: Lived) -> None:
    referral = story.world.seen["referral"]

    assert (referral["reference"], referral["status"], referral["outcome"]) == (story.world.seen["reference"], "closed", "care-plan-agreed")


async def test_the_avoided_admission_is_counted_once_and_confirmed(story: Lived) -> None:
    assert story.world.seen["benefit_pounds"] == 2004
    assert len(story.of("rapid-care.response.avoidance-confirmed.v1")) == 1
