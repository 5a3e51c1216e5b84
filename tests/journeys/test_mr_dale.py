"""Mr Dale's six weeks, and the acceptance criteria AC1 to AC12 of domain.md §3.2 as they stand after them.

AC13 (a discharge-ready notification makes tasks the same day) needs the hospital feed, which is not part of the main path.
"""

from datetime import datetime, timedelta

import pytest

from infra.demo.story import NHS_NUMBER
from infra.demo.world import Call, Caller
from shared.clock import LONDON
from tests.journeys.story_run import StoryRun

pytestmark = pytest.mark.timeout(400)

_SOMEBODY_UNSTEADY = {
    "nhs_number": "9434765919",
    "source": "gp",
    "reason": "falls",
    "urgency": "routine",
    "demographics": {
        "given_name": "Somebody",
        "family_name": "Unsteady",
        "born_on": "1940-01-01",
        "address": "Oakleigh",
        "practice_code": "W07",
        "residence": "LBB",
    },
    "story": {"narrative": "Unsteady on their feet since the winter."},
}


async def test_six_weeks_happen_as_the_documents_tell_them(story: StoryRun) -> None:
    """Every count, every time, every answer that §3.4 fixes: infra/demo/expected.py."""
    assert story.faults == []


@pytest.mark.acceptance("AC1")
async def test_he_told_his_story_once_and_every_service_shows_it(story: StoryRun) -> None:
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
async def test_he_has_exactly_one_contact(story: StoryRun) -> None:
    moments = ("thirty days before", "after the meeting", "at the end")

    assert [story.world.seen[f"contact {moment}"] for moment in moments] == ["gp-W07", "clch-community-nurse-1", "clch-community-nurse-1"]
    assert await story.world.owner.fetchval("SELECT count(*) FROM mdt.lead WHERE status = 'active'") == 1


@pytest.mark.acceptance("AC3")
async def test_the_referrers_had_nothing_more_to_do_after_one_call(story: StoryRun) -> None:
    """The GP referred, his system repeated it, and then he only looked; Louise made one telephone call."""
    response = await story.world.caller("rapid-care").get(f"/rapid-care/responses/{story.world.ids['response']}")
    told = [event.type for event in story.events].count("referrals.referral.information-requested.v1")

    asked = [call for call in story.calls if call.caller == "gp" and call.method != "GET"]
    assert asked == [Call("gp", "POST", "/referrals")] * 2
    assert told == 0
    assert _instant(response["due_at"]) - _instant(response["received_at"]) == timedelta(hours=2)
    assert response["referral_id"] == story.world.ids["urgent"]


@pytest.mark.acceptance("AC4")
async def test_no_door_is_the_wrong_one(story: StoryRun) -> None:
    """The falls clinic cannot help somebody sent to it and gives them back; they are sent on, and the GP looks under the same reference."""
    world, keys = story.world, story.world.product.keys
    gp, access = world.caller("gp"), world.caller("point-of-access")
    clinic = Caller("falls-clinic", world.http, keys.token("falls-clinic", "CLCH", "falls-nurse", ["referrals:receive"]))
    receipt = await gp.create("/referrals", _SOMEBODY_UNSTEADY)
    path = f"/referrals/{receipt['id']}"
    await access.act(path, "triage", {"urgency": "routine", "is_complex": False, "reason": "Unsteady since the winter."})
    await access.act(path, "route", {"route": "service", "service_code": "falls-clinic"})
    await clinic.act(path, "return", {"reason": "ineligible"})
    await access.act(path, "triage", {"urgency": "routine", "is_complex": False, "reason": "Needs company, not a clinic."})
    await access.act(path, "route", {"route": "service", "service_code": "befriending"})

    seen = await gp.get(path)
    assert (seen["reference"], seen["status"], seen["service_code"]) == (receipt["reference"], "routed", "befriending")


@pytest.mark.acceptance("AC5")
async def test_the_times_that_suit_him_stand_on_every_task(story: StoryRun) -> None:
    tasks = await story.world.caller("clch-navigator-1").get(f"/navigation/people/{story.world.ids['person']}/tasks")

    assert tasks["items"]
    assert {task["person"]["preferred_visit_times"] for task in tasks["items"]} == {"after ten in the morning"}


@pytest.mark.acceptance("AC6")
async def test_one_timeline_holds_what_every_service_did(story: StoryRun) -> None:
    kinds = [entry["type"] for entry in story.world.seen["timeline"]]

    assert {kind.partition(".")[0] for kind in kinds} == {"referrals", "rapid-care", "mdt", "navigation"}
    assert [entry["occurred_at"] for entry in story.world.seen["timeline"]] == sorted(
        entry["occurred_at"] for entry in story.world.seen["timeline"]
    )


@pytest.mark.acceptance("AC7")
async def test_no_plan_was_ever_without_a_lead(story: StoryRun) -> None:
    agreed, activated = story.of("mdt.care-plan.agreed.v1")[0], story.of("mdt.lead.activated.v1")[0]

    assert activated.committed_at == agreed.committed_at
    assert story.of("mdt.lead.ended.v1") == []


@pytest.mark.acceptance("AC8")
async def test_the_crisis_ended_with_somebody_who_carries_on(story: StoryRun) -> None:
    response = await story.world.caller("rapid-care").get(f"/rapid-care/responses/{story.world.ids['response']}")

    assert response["stepped_down_to"] == "integrated-locality-team"


@pytest.mark.acceptance("AC9")
async def test_a_sunday_evening_was_no_obstacle(story: StoryRun) -> None:
    """The two hours ran from the call and not from Monday, somebody came, and care began the same night (T2, T5)."""
    response = await story.world.caller("rapid-care").get(f"/rapid-care/responses/{story.world.ids['response']}")
    begins = {item["kind"]: _instant(item["starts_at"]).astimezone(LONDON) for item in response["package"]}

    assert response["clock_starts_at"] == response["received_at"]
    assert story.of("rapid-care.response.held-until-opening.v1") == []
    assert response["clock"] == "met"
    assert {kind: f"{start:%a}" for kind, start in begins.items()} == {"iv-antibiotics": "Sun", "night-sitting": "Sun", "enablement": "Mon"}


@pytest.mark.acceptance("AC10")
async def test_the_plan_says_what_matters_to_him_and_he_agreed_to_it(story: StoryRun) -> None:
    plan = await story.world.caller("mdt-coordinator").get(f"/mdt/people/{story.world.ids['person']}/care-plan")

    assert plan["in_force"]["joint_plan"]["what_matters"] == "To stay at home with Sally."
    assert plan["in_force"]["number"] == 2


@pytest.mark.acceptance("AC11")
async def test_every_service_of_his_package_has_a_directory_entry(story: StoryRun) -> None:
    directory = await story.world.caller("point-of-access").get("/referrals/directory")
    response = await story.world.caller("rapid-care").get(f"/rapid-care/responses/{story.world.ids['response']}")

    assert {item["service_code"] for item in response["package"]} <= {service["code"] for service in directory["items"]}


@pytest.mark.acceptance("AC12")
async def test_every_action_has_one_owner_and_a_due_day(story: StoryRun) -> None:
    plan = await story.world.caller("mdt-coordinator").get(f"/mdt/people/{story.world.ids['person']}/care-plan")

    assert plan["in_force"]["actions"]
    assert all(action["owner_role"] and action["due_on"] for action in plan["in_force"]["actions"])


async def test_his_gp_sees_how_it_ended_under_the_reference_of_the_first_day(story: StoryRun) -> None:
    referral = story.world.seen["referral"]

    assert (referral["reference"], referral["status"], referral["outcome"]) == (story.world.seen["reference"], "closed", "care-plan-agreed")


async def test_the_avoided_admission_is_counted_once_and_confirmed(story: StoryRun) -> None:
    response = await story.world.caller("rapid-care").get(f"/rapid-care/responses/{story.world.ids['response']}")

    assert response["benefit_pounds"] == 2004
    assert (_instant(response["avoidance_confirmed_at"]) - _instant(response["ended_at"])).days == 14


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
