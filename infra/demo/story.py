"""Mr Dale's six weeks, chapter by chapter, as calls of the HTTP API. Mr Dale and Louise are from the documents (000:1063-1104)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.demo.story_dates import day
from infra.demo.world import StoryBroken, World
from shared.clock import LONDON

#: From the range of synthetic numbers, which is never issued.
NHS_NUMBER = "9990548609"
PRACTICE = "W07"


@dataclass(frozen=True, slots=True)
class Chapter:
    """A step of the story at a time. `act` calls the API and returns the lines to print."""

    at: datetime
    title: str
    act: Callable[[World], Awaitable[list[str]]]


async def staff_are_registered(world: World) -> list[str]:
    coordinator, rapid = world.caller("navigation-coordinator"), world.caller("rapid-care")
    await coordinator.put("/navigation/navigators/clch-navigator-1", {"locality": "west", "role": "care-navigator"})
    await coordinator.put("/navigation/navigators/clch-navigator-2", {"locality": "west", "role": "case-manager"})
    await rapid.put("/rapid-care/clinicians/clch-enp-1", {"skills": ["emergency-nurse-practitioner"], "is_on_duty": True})
    return ["Two navigators in the west, one emergency nurse practitioner on duty."]


async def risk_is_level_two(world: World) -> list[str]:
    report = await _import_risk(world, "9.80", "2026-08-08")
    await world.wait_until_drained()
    found = await _finding(world)
    world.ids["person"] = found["person_id"]
    contact = await _contact(world, "thirty days before")
    return [
        f"The practices' risk scores are imported: {report['rows']} person, ratio {found['ratio']:.2f} is level {found['level']}.",
        f"His one contact is now: {contact}.",
    ]


async def risk_climbs(world: World) -> list[str]:
    await _import_risk(world, "27.10", "2026-09-06")
    found = await _finding(world)
    if not found["is_high_climber"]:
        raise StoryBroken("Mr Dale is not shown as a high climber")
    return [
        f"Two admissions later the ratio is {found['ratio']:.2f}: level {found['level']}, and a high climber.",
        "His practice's case-finding list shows him.",
    ]


async def his_gp_refers(world: World) -> list[str]:
    receipt = await world.caller("gp").create("/referrals", _first_referral(), key="mr-dale-complex")
    if receipt["person_id"] != world.ids["person"]:
        raise StoryBroken("the person referred is not the one whose score was imported")
    world.ids["referral"] = receipt["id"]
    world.seen["reference"] = receipt["reference"]
    return [f"His GP gives his story once and refers him. The receipt: {receipt['reference']}."]


async def the_referral_is_sent_twice(world: World) -> list[str]:
    again = await world.caller("gp").create("/referrals", _first_referral(), key="mr-dale-complex")
    if again["id"] != world.ids["referral"]:
        raise StoryBroken("the repeated request made a second referral")
    return ["The practice's system sends the referral again: the same reference, no second referral."]


async def it_is_triaged(world: World) -> list[str]:
    access, path = world.caller("point-of-access"), f"/referrals/{world.ids['referral']}"
    await access.act(path, "triage", {"urgency": "routine", "is_complex": True, "reason": "Standard measures have not kept him well."})
    await access.act(path, "route", {"route": "mdt", "service_code": "mdt"})
    return ["The Community Point of Access finds it complex, not urgent, and routes it to the weekly meeting."]


async def the_case_is_screened(world: World) -> list[str]:
    coordinator = world.caller("mdt-coordinator")
    cases = await coordinator.get("/mdt/cases", person_id=world.ids["person"])
    world.ids["case"] = cases["items"][0]["id"]
    await coordinator.act(f"/mdt/cases/{world.ids['case']}", "screening", {"outcome": "eligible"})
    return ["Screened before the cut-off: eligible, listed for Wednesday."]


async def the_meeting_agrees(world: World) -> list[str]:
    coordinator, path = world.caller("mdt-coordinator"), f"/mdt/cases/{world.ids['case']}"
    meeting = (await coordinator.get(path))["meeting_id"]
    await coordinator.act(f"/mdt/meetings/{meeting}", "attendance", {"attended": _ATTENDED})
    await coordinator.act(path, "discussion", _discussion())
    plan = await coordinator.get(f"/mdt/people/{world.ids['person']}/care-plan")
    world.ids["plan"] = plan["id"]
    seen = await _navigator_acknowledges(world)
    contact = await _contact(world, "after the meeting")
    return [
        f"GP, consultant, social worker, mental health and community nurse agree one plan with him: {_what_matters(plan)}",
        f"His accountable lead is now: {contact}. The navigator acknowledges {seen} actions in the feed.",
    ]


async def the_navigator_works(world: World) -> list[str]:
    navigator = world.caller("clch-navigator-1")
    tasks = (await navigator.get("/navigation/navigators/clch-navigator-1/tasks"))["items"]
    planned = [task for task in tasks if task["source"] == "care-plan"]
    if len(planned) != len(_ACTIONS):
        raise StoryBroken(f"{len(planned)} tasks were created from the plan, not {len(_ACTIONS)}")
    for task, outcome in zip(planned[:2], ("arranged", "advice-given"), strict=True):
        for verb, body in (("start", None), ("fulfilment", {"outcome": outcome})):
            await navigator.act(f"/navigation/tasks/{task['id']}", verb, body)
    await navigator.act(f"/navigation/tasks/{planned[2]['id']}", "block", {"reason": "waiting-list"})
    return [
        "The navigator arranges the social care assessment and advises on a personal budget.",
        "Befriending has a waiting list: the task is blocked and escalated to his lead.",
    ]


async def louise_calls(world: World) -> list[str]:
    access = world.caller("point-of-access")
    [known] = (await access.create("/referrals/people/search", {"nhs_number": NHS_NUMBER}))["items"]
    world.seen["story_known"] = (await access.get(f"/referrals/people/{known['id']}"))["story"] is not None
    receipt = await access.create("/referrals", _second_referral())
    world.ids["urgent"] = receipt["id"]
    path = f"/referrals/{receipt['id']}"
    await access.act(path, "triage", {"urgency": "urgent", "is_complex": False, "reason": "New confusion and fever, likely infection."})
    await access.act(path, "route", {"route": "rapid-care", "service_code": "rapid-care"})
    return [
        "Louise calls: her father is confused and hot. "
        + ("His story is on the screen; she need not repeat it." if world.seen["story_known"] else "His story is unknown."),
        f"{receipt['reference']} is urgent and is routed to Rapid Care in the same minute.",
    ]


async def a_nurse_is_assigned(world: World) -> list[str]:
    rapid = world.caller("rapid-care")
    queue = await rapid.get("/rapid-care/responses", status="waiting")
    world.ids["response"] = queue["items"][0]["id"]
    path = f"/rapid-care/responses/{world.ids['response']}"
    await rapid.act(path, "acceptance")
    await rapid.act(path, "assignment", {"clinician_id": "clch-enp-1"})
    briefing = await rapid.get(f"{path}/briefing")
    await rapid.act(path, "departure")
    world.seen["crisis"] = briefing["crisis_plan"]["what_to_do"]
    due = f"{datetime.fromisoformat(queue['items'][0]['due_at']).astimezone(LONDON):%H:%M}"
    return [
        f"First contact is due by {due}. Accepted, assigned, on the way.",
        f"The crisis plan is on her screen: “{world.seen['crisis']}”",
    ]


async def the_nurse_arrives(world: World) -> list[str]:
    rapid, path = world.caller("rapid-care"), f"/rapid-care/responses/{world.ids['response']}"
    response = await rapid.act(path, "first-contact", {"contacted_at": day(14, "21:12").isoformat(), "mode": "face-to-face"})
    received, contacted = (datetime.fromisoformat(response[name]) for name in ("received_at", "contacted_at"))
    world.seen |= {"minutes": round((contacted - received).total_seconds() / 60), "clock": response["clock"]}
    return [f"First contact, {response['contact_mode']}, {world.seen['minutes']} minutes after the call. The clock: {response['clock']}."]


async def care_at_home(world: World) -> list[str]:
    rapid, path = world.caller("rapid-care"), f"/rapid-care/responses/{world.ids['response']}"
    await rapid.act(path, "assessment", {"health_needs": ["infection", "confusion"], "social_needs": ["personal-care"]})
    agreed = await rapid.act(path, "package", {"items": _PACKAGE})
    return ["Assessed for health and social need together:"] + [
        f"  {each['kind']} from {_local(each['starts_at'])}" for each in agreed["package"]
    ]


async def the_crisis_is_over(world: World) -> list[str]:
    rapid, path = world.caller("rapid-care"), f"/rapid-care/responses/{world.ids['response']}"
    stepped = await rapid.act(path, "step-down", {"destination": "integrated-locality-team"})
    closed = await rapid.act(path, "closure", {"outcome": "admission-avoided"})
    world.seen["benefit_pounds"] = closed["benefit_pounds"]
    return [
        f"Stepped down to: {stepped['stepped_down_to']}. Outcome: {closed['outcome']}.",
        f"Counted benefit: £{closed['benefit_pounds']:,} (scheme 3a).",
    ]


async def the_navigator_checks(world: World) -> list[str]:
    navigator = world.caller("clch-navigator-1")
    tasks = (await navigator.get("/navigation/navigators/clch-navigator-1/tasks"))["items"]
    check = next(task for task in tasks if task["kind"] == "follow-up-check")
    for verb, body in (("acknowledgement", None), ("start", None), ("fulfilment", {"outcome": "checked-well"})):
        done = await navigator.act(f"/navigation/tasks/{check['id']}", verb, body)
    return [f"The step-down created a {check['kind']} task. It is {done['status']}: {done['outcome']}."]


async def the_team_takes_over(world: World) -> list[str]:
    """The step-down is a referral of its own, which the locality team acknowledges."""
    team, rapid = world.caller("locality-team"), world.caller("rapid-care")
    world.ids["onward"] = (await team.get("/referrals/incoming"))["items"][0]["id"]
    accepted = await team.act(f"/referrals/{world.ids['onward']}", "acceptance")
    await world.wait_until_drained()
    response = await rapid.get(f"/rapid-care/responses/{world.ids['response']}")
    return [
        f"The Integrated Locality Team has {accepted['reference']} in its list, with his story, and accepts it.",
        f"Rapid Care sees at its response: {response['onward'][0]['state']}.",
    ]


async def the_team_reports(world: World) -> list[str]:
    closed = await world.caller("locality-team").act(f"/referrals/{world.ids['onward']}", "closure", {"outcome": "need-met"})
    return [f"The locality team closes {closed['reference']}: {closed['outcome']}."]


async def the_meeting_reviews(world: World) -> list[str]:
    coordinator, path = world.caller("mdt-coordinator"), f"/mdt/cases/{world.ids['case']}"
    meeting = (await coordinator.get(path))["meeting_id"]
    await coordinator.act(f"/mdt/meetings/{meeting}", "attendance", {"attended": _ATTENDED})
    await coordinator.act(path, "discussion", _revision())
    plan = await coordinator.get(f"/mdt/people/{world.ids['person']}/care-plan")
    world.seen["plan_version"] = plan["plan_version"]
    await _navigator_acknowledges(world)
    return [f"The meeting revises the plan: version {plan['plan_version']}."]


async def two_weeks_later(world: World) -> list[str]:
    access = world.caller("point-of-access")
    timeline = await access.get(f"/referrals/people/{world.ids['person']}/timeline")
    contact = await _contact(world, "at the end")
    referral = await world.caller("gp").get(f"/referrals/{world.ids['referral']}")
    response = await world.caller("rapid-care").get(f"/rapid-care/responses/{world.ids['response']}")
    confirmed = response["avoidance_confirmed_at"]
    world.seen |= {"timeline": timeline["items"], "referral": referral, "is_confirmed": confirmed is not None}
    world.seen["outcome for his GP"] = referral["outcome"]
    lines = ["The timeline that all involved organisations can read:", ""]
    lines += [f"{_local(each['occurred_at'])}  {each['type']}" for each in timeline["items"]]
    lines += ["", f"His one contact: {contact}."]
    lines += [f"What his GP sees under {referral['reference']}: {referral['status']}, {referral['outcome']}."]
    lines += [f"Two-hour response: {world.seen['minutes']} minutes, {world.seen['clock']}."]
    lines += [f"{response['outcome']}, confirmed {_local(confirmed) if confirmed else 'not yet'}: £{response['benefit_pounds']:,}."]
    return lines


CHAPTERS: Sequence[Chapter] = (
    Chapter(day(-30, "09:00"), "Before the story", staff_are_registered),
    Chapter(day(-29, "09:00"), "Thirty days before: a score", risk_is_level_two),
    Chapter(day(0, "09:00"), "Day 0: the score has climbed", risk_climbs),
    Chapter(day(1, "10:05"), "Day 1: the GP refers Mr Colin Dale, 82, who lives alone in Oakleigh", his_gp_refers),
    Chapter(day(1, "10:06"), "A minute later", the_referral_is_sent_twice),
    Chapter(day(1, "10:20"), "Triage", it_is_triaged),
    Chapter(day(1, "11:30"), "Screening", the_case_is_screened),
    Chapter(day(3, "13:30"), "Day 3: the weekly meeting", the_meeting_agrees),
    Chapter(day(9, "11:00"), "Day 9: the navigator", the_navigator_works),
    Chapter(day(14, "19:30"), "Day 14, a Sunday evening: the crisis", louise_calls),
    Chapter(day(14, "20:05"), "Rapid Care", a_nurse_is_assigned),
    Chapter(day(14, "21:12"), "First contact", the_nurse_arrives),
    Chapter(day(14, "21:50"), "Care at home", care_at_home),
    Chapter(day(18, "15:00"), "Day 18", the_crisis_is_over),
    Chapter(day(19, "10:00"), "Day 19: the navigator checks", the_navigator_checks),
    Chapter(day(19, "11:00"), "Day 19: the locality team", the_team_takes_over),
    Chapter(day(24, "13:30"), "The next weekly meeting", the_meeting_reviews),
    Chapter(day(31, "15:00"), "Day 31: the locality team", the_team_reports),
    Chapter(day(33, "12:00"), "Two weeks after the crisis was closed", two_weeks_later),
)

_ATTENDED = ["gp", "acute-consultant", "social-worker", "mental-health", "community-nurse"]

_STORY: dict[str, Any] = {
    "narrative": "Lives alone with his dog Sally. Twice in hospital within a year; each time it was unclear who was responsible for what.",
    "history": ["two admissions in the last year", "several long-term conditions"],
    "what_matters": "To stay at home with Sally.",
    "communication_needs": ["speak slowly"],
    "preferred_visit_times": "after ten in the morning",
    "contacts": [{"name": "Louise", "relationship": "daughter", "lives_in": "East Finchley"}],
}

_ACTIONS: list[dict[str, Any]] = [
    {"kind": "arrange-social-care-assessment", "owner_role": "care-navigator", "due_on": "2026-09-16"},
    {"kind": "personal-budget-advice", "owner_role": "care-navigator", "due_on": "2026-09-18"},
    {"kind": "signpost", "owner_role": "care-navigator", "due_on": "2026-09-23", "service_code": "befriending"},
]

_PACKAGE = [
    {"kind": "iv-antibiotics", "service_code": "district-nursing", "starts_at": day(14, "21:50").isoformat()},
    {"kind": "enablement", "service_code": "enablement", "starts_at": day(15, "08:00").isoformat()},
    {"kind": "night-sitting", "service_code": "night-sitting", "starts_at": day(14, "22:30").isoformat()},
]


def _first_referral() -> dict[str, Any]:
    demographics = {
        "given_name": "Colin",
        "family_name": "Dale",
        "born_on": "1944-03-02",
        "address": "Oakleigh",
        "telephone": None,
        "practice_code": PRACTICE,
        "residence": "LBB",
    }
    request = {"nhs_number": NHS_NUMBER, "source": "gp", "reason": "complex-needs", "urgency": "routine"}
    return {**request, "demographics": demographics, "story": _STORY}


def _second_referral() -> dict[str, Any]:
    request = {"nhs_number": NHS_NUMBER, "source": "self-or-carer", "reason": "urgent-deterioration", "urgency": "urgent"}
    return {**request, "condition": "urinary-tract-infection"}


def _discussion() -> dict[str, Any]:
    crisis = {
        "warning_signs": "Sudden confusion, fever, not answering the telephone.",
        "what_to_do": "Treat at home first; antibiotics work quickly for him. Louise can stay the night.",
        "whom_to_call": "Rapid Care until ten at night, then the out-of-hours GP; always call Louise.",
    }
    plan = {"what_matters": "To stay at home with Sally.", "preferred_place_of_care": "home", "problems": ["falls"], "crisis": crisis}
    candidate = {"professional_id": "clch-community-nurse-1", "role": "community-nurse", "organisation": "CLCH"}
    lead = {"candidate": candidate, "has_accepted": True}
    return {"joint_plan": plan, "actions": _ACTIONS, "lead": lead, "is_agreed_by_person": True}


def _revision() -> dict[str, Any]:
    follow_up = {"kind": "care-coordination", "owner_role": "care-navigator", "due_on": "2026-10-14"}
    return {**{key: value for key, value in _discussion().items() if key != "lead"}, "actions": [follow_up]}


async def _finding(world: World) -> Any:
    found = await world.caller("mdt-coordinator").get("/mdt/case-finding", practice=PRACTICE)
    if not found["items"]:
        raise StoryBroken("Mr Dale is not on his practice's case-finding list")
    return found["items"][0]


async def _contact(world: World, when: str) -> str:
    """The professional responsible for him now, as a phrase; records the id under `contact {when}`."""
    contact = await world.caller("point-of-access").get(f"/referrals/people/{world.ids['person']}/contact")
    world.seen[f"contact {when}"] = contact["professional_id"]
    return f"{contact['role']} of {contact['organisation']}, {contact['telephone']}"


def _what_matters(plan: Any) -> str:
    return f"“{plan['in_force']['joint_plan']['what_matters']}”"


async def _navigator_acknowledges(world: World) -> int:
    """Acknowledges the new tasks in the feed; returns their number."""
    await world.wait_until_drained()
    navigator = world.caller("clch-navigator-1")
    tasks = (await navigator.get("/navigation/navigators/clch-navigator-1/tasks"))["items"]
    new = [task for task in tasks if task["status"] == "assigned"]
    for task in new:
        await navigator.act(f"/navigation/tasks/{task['id']}", "acknowledgement")
    return len(new)


async def _import_risk(world: World, ratio: str, valid_from: str) -> Any:
    csv = f"nhs_number,practice,ratio,level,valid_from\n{NHS_NUMBER},{PRACTICE},{ratio},,{valid_from}\n".encode()
    importer = world.caller("risk-analyst")
    return await importer.create("/mdt/risk/imports", csv, **{"Content-Type": "text/csv"})


def _local(instant: str) -> str:
    return f"{datetime.fromisoformat(instant).astimezone(LONDON):%a %d %b %H:%M}"
