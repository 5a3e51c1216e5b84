"""Mr Dale's six weeks, and the acceptance criteria AC1 to AC12 of docs/rules.md at their end.

AC13 (a discharge-ready notification creates tasks the same day) needs the hospital feed, which is not part of the main path.
"""

from datetime import datetime, timedelta

import pytest

from infra.demo.story import NHS_NUMBER
from infra.demo.world import Call, Caller
from shared.clock import LONDON
from tests.journeys.story_run import StoryRun

pytestmark = pytest.mark.timeout(400)

_UNSTEADY_PERSON = {
    "nhs_number": "9434765919",
    "source": "gp",
    "reason": "falls",
    "urgency": "routine",
    "demographics": {
        "given_name": "Person",
        "family_name": "Unsteady",
        "born_on": "1940-01-01",
        "address": "Oakleigh",
        "practice_code": "W07",
        "residence": "LBB",
    },
    "story": {"narrative": "Unsteady on their feet since the winter."},
}


async def test_failures_do_not_change_the_six_weeks(story: StoryRun) -> None:
    """The numbers, times and responses of infra/demo/expectations.py, although workers were killed and the broker was wiped."""
    assert story.deviations == []


@pytest.mark.acceptance("AC1")
async def test_story_given_once_is_shown_in_every_service(story: StoryRun) -> None:
    person = story.world.ids["person"]
    screens = {
        "rapid-care": await story.world.caller("rapid-care").get(f"/rapid-care/people/{person}/story"),
        "mdt": await story.world.caller("mdt-coordinator").get(f"/mdt/people/{person}/story"),
        "navigation": await story.world.caller("clch-navigator-1").get(f"/navigation/people/{person}/story"),
    }
    access = story.world.caller("point-of-access")
    [person_found] = (await access.create("/referrals/people/search", {"nhs_number": NHS_NUMBER}))["items"]
    found = await access.get(f"/referrals/people/{person_found['id']}")

    assert {screen["story"]["narrative"] for screen in screens.values()} == {found["story"]["narrative"]}
    assert len(story.of("referrals.person-record.recorded.v1")) == 2  # with the first referral, and with its practice confirmed
    assert story.world.seen["story_known"] is True


@pytest.mark.acceptance("AC2")
async def test_person_has_one_contact_at_every_stage(story: StoryRun) -> None:
    moments = ("thirty days before", "after the meeting", "at the end")

    assert [story.world.seen[f"contact {moment}"] for moment in moments] == ["gp-W07", "clch-community-nurse-1", "clch-community-nurse-1"]
    assert await story.world.owner.fetchval("SELECT count(*) FROM mdt.lead WHERE status = 'active'") == 1


@pytest.mark.acceptance("AC3")
async def test_referrers_act_only_once(story: StoryRun) -> None:
    """The GP referred, his system repeated the request, and then he only read; Louise made one telephone call."""
    response = await story.world.caller("rapid-care").get(f"/rapid-care/responses/{story.world.ids['response']}")

    commands = [call for call in story.calls if call.caller == "gp" and call.method != "GET"]
    assert commands == [Call("gp", "POST", "/referrals")] * 2
    assert story.of("referrals.referral.information-requested.v1") == []
    assert _instant(response["due_at"]) - _instant(response["received_at"]) == timedelta(hours=2)
    assert response["referral_id"] == story.world.ids["urgent"]


@pytest.mark.acceptance("AC4")
async def test_returned_referral_reaches_other_service(story: StoryRun) -> None:
    """The falls clinic returns a referral; it is routed to another service, and the GP reads it under the same reference."""
    world, keys = story.world, story.world.product.keys
    gp, access = world.caller("gp"), world.caller("point-of-access")
    clinic = Caller("falls-clinic", world.http, keys.token("falls-clinic", "CLCH", "falls-nurse", ["referrals:receive"]))
    receipt = await gp.create("/referrals", _UNSTEADY_PERSON)
    path = f"/referrals/{receipt['id']}"
    await access.act(path, "triage", {"urgency": "routine", "is_complex": False, "reason": "Unsteady since the winter."})
    await access.act(path, "route", {"route": "service", "service_code": "falls-clinic"})
    await clinic.act(path, "return", {"reason": "ineligible"})
    await access.act(path, "triage", {"urgency": "routine", "is_complex": False, "reason": "Needs company, not a clinic."})
    await access.act(path, "route", {"route": "service", "service_code": "befriending"})

    seen = await gp.get(path)
    assert (seen["reference"], seen["status"], seen["service_code"]) == (receipt["reference"], "routed", "befriending")


@pytest.mark.acceptance("AC5")
async def test_every_task_shows_preferred_visit_times(story: StoryRun) -> None:
    tasks = await story.world.caller("clch-navigator-1").get(f"/navigation/people/{story.world.ids['person']}/tasks")

    assert tasks["items"]
    assert {task["person"]["preferred_visit_times"] for task in tasks["items"]} == {"after ten in the morning"}


@pytest.mark.acceptance("AC6")
async def test_timeline_has_entries_of_every_service(story: StoryRun) -> None:
    kinds = [entry["type"] for entry in story.world.seen["timeline"]]

    assert {kind.partition(".")[0] for kind in kinds} == {"referrals", "rapid-care", "mdt", "navigation"}
    assert [entry["occurred_at"] for entry in story.world.seen["timeline"]] == sorted(
        entry["occurred_at"] for entry in story.world.seen["timeline"]
    )


@pytest.mark.acceptance("AC7")
async def test_plan_is_never_without_lead(story: StoryRun) -> None:
    agreed, activated = story.of("mdt.care-plan.agreed.v1")[0], story.of("mdt.lead.activated.v1")[0]

    assert activated.committed_at == agreed.committed_at
    assert story.of("mdt.lead.ended.v1") == []


@pytest.mark.acceptance("AC8")
async def test_crisis_ends_with_named_follow_on_service(story: StoryRun) -> None:
    response = await story.world.caller("rapid-care").get(f"/rapid-care/responses/{story.world.ids['response']}")

    assert response["stepped_down_to"] == "integrated-locality-team"
    assert [(each["service_code"], each["state"]) for each in response["onward"]] == [("integrated-locality-team", "closed")]


@pytest.mark.acceptance("AC9")
async def test_sunday_evening_call_is_answered_in_two_hours(story: StoryRun) -> None:
    """The two hours run from the call and not from Monday, a nurse comes, and care begins the same night (T2, T5)."""
    response = await story.world.caller("rapid-care").get(f"/rapid-care/responses/{story.world.ids['response']}")
    begins = {item["kind"]: _instant(item["starts_at"]).astimezone(LONDON) for item in response["package"]}

    assert response["clock_starts_at"] == response["received_at"]
    assert story.of("rapid-care.response.held-until-opening.v1") == []
    assert response["clock"] == "met"
    assert {kind: f"{start:%a}" for kind, start in begins.items()} == {"iv-antibiotics": "Sun", "night-sitting": "Sun", "enablement": "Mon"}


@pytest.mark.acceptance("AC10")
async def test_plan_states_what_matters_and_is_agreed(story: StoryRun) -> None:
    plan = await story.world.caller("mdt-coordinator").get(f"/mdt/people/{story.world.ids['person']}/care-plan")

    assert plan["in_force"]["joint_plan"]["what_matters"] == "To stay at home with Sally."
    assert plan["in_force"]["number"] == 2


@pytest.mark.acceptance("AC11")
async def test_every_package_service_is_in_directory(story: StoryRun) -> None:
    directory = await story.world.caller("point-of-access").get("/referrals/directory")
    response = await story.world.caller("rapid-care").get(f"/rapid-care/responses/{story.world.ids['response']}")

    assert {item["service_code"] for item in response["package"]} <= {service["code"] for service in directory["items"]}


@pytest.mark.acceptance("AC12")
async def test_every_action_has_owner_and_due_day(story: StoryRun) -> None:
    plan = await story.world.caller("mdt-coordinator").get(f"/mdt/people/{story.world.ids['person']}/care-plan")

    assert plan["in_force"]["actions"]
    assert all(action["owner_role"] and action["due_on"] for action in plan["in_force"]["actions"])


async def test_gp_sees_outcome_under_first_reference(story: StoryRun) -> None:
    referral = story.world.seen["referral"]

    assert (referral["reference"], referral["status"], referral["outcome"]) == (story.world.seen["reference"], "closed", "care-plan-agreed")


async def test_avoided_admission_is_counted_once_and_confirmed(story: StoryRun) -> None:
    response = await story.world.caller("rapid-care").get(f"/rapid-care/responses/{story.world.ids['response']}")

    assert response["benefit_pounds"] == 2004
    assert (_instant(response["avoidance_confirmed_at"]) - _instant(response["ended_at"])).days == 14


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
