"""Rapid Care sees a person by its response, for a time after its end, and as far as the person shares (finding C8, IG8, G12)."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.rapid_care.domain.response import Status
from shared.contracts.persons import PersonMerged, SharingPreference
from shared.kernel.ids import new_id
from tests.builders.rapid_care import STEPS, RapidCareClient, a_care_plan, at, mr_dale

_DAY = timedelta(days=1)
_COMMANDS: dict[str, dict[str, Any]] = {
    "acceptance": {},
    "assignment": {},
    "decline": {"reason": "capacity"},
    "hand-back": {},
    "call-answer": {},
    "departure": {},
    "first-contact": {"contacted_at": at("14:00").isoformat()},
    "assessment": {"health_needs": ["infection"], "social_needs": ["none"]},
    "package": STEPS[Status.PACKAGE_AGREED][1],
    "step-down": {"destination": "integrated-locality-team"},
    "closure": {"outcome": "admission-avoided"},
}


async def _a_person(team: RapidCareClient, sharing: SharingPreference = SharingPreference.DIRECT_CARE) -> UUID:
    person_id, plan = new_id(), a_care_plan()
    await team.context.deliver(mr_dale(sharing=sharing), key=person_id, subject=person_id)
    await team.context.deliver(plan, key=person_id, subject=plan.care_plan_id)
    return person_id


async def _an_ended_response(team: RapidCareClient, person_id: UUID) -> UUID:
    response_id = await team.receive_referral(person_id=person_id)
    await team.command(response_id, "decline", reason="ineligible")
    return response_id


async def _answer(team: RapidCareClient, path: str, asked_for: UUID, **command: Any) -> tuple[int, Any]:
    """The status and the body; the id that was asked for, and the id of the request, are left out."""
    url = f"/rapid-care/{path.format(asked_for)}"
    if command:
        headers = team.staff | {"If-Match": 'W/"2"'}
        response = await team.context.http.post(url, headers=headers, json=command["body"])
    else:
        response = await team.context.http.get(url, headers=team.staff)
    body = response.json()
    shown = {name: value for name, value in body.items() if name != "instance"} if isinstance(body, dict) else body
    return response.status_code, str(shown).replace(str(asked_for), "ID")


async def _listed(team: RapidCareClient) -> list[UUID]:
    return [UUID(item["id"]) for item in (await team.get("responses", status="closed"))["items"]]


async def test_story_of_a_person_without_response_does_not_exist(team: RapidCareClient) -> None:
    """Finding C8: staff of Rapid Care read the story of every person in the borough."""
    known, unknown = await _a_person(team), new_id()

    answers = [await _answer(team, "people/{}/story", person_id) for person_id in (known, unknown)]

    assert answers[0] == answers[1]
    assert answers[0][0] == 404
    assert await team.context.database.pool.fetchval("SELECT count(*) FROM audit WHERE action = 'read_story' AND refusal IS NULL") == 0


async def test_response_and_story_are_seen_for_a_time(team: RapidCareClient) -> None:
    person_id = await _a_person(team)
    response_id = await _an_ended_response(team, person_id)
    ended, paths = team.context.clock.at, {f"people/{person_id}/story", f"responses/{response_id}"}
    paths |= {f"responses/{response_id}/{part}" for part in ("actions", "briefing")}

    team.context.clock.at = ended + 28 * _DAY - timedelta(seconds=1)
    seen = {(await team.context.http.get(f"/rapid-care/{path}", headers=team.staff)).status_code for path in paths}
    listed = await _listed(team)
    team.context.clock.at = ended + 28 * _DAY
    later = {(await team.context.http.get(f"/rapid-care/{path}", headers=team.staff)).status_code for path in paths}

    assert (seen, listed) == ({200}, [response_id])
    assert (later, await _listed(team)) == ({404}, [])


async def test_long_ended_response_is_answered_as_an_unknown_one(team: RapidCareClient) -> None:
    response_id = await _an_ended_response(team, await _a_person(team))
    team.context.clock.at += 28 * _DAY

    for path in ("responses/{}", "responses/{}/actions", "responses/{}/briefing"):
        answer = await _answer(team, path, response_id)
        assert (answer, answer[0]) == (await _answer(team, path, new_id()), 404), path


async def test_command_finds_no_long_ended_response(team: RapidCareClient) -> None:
    response_id = await _an_ended_response(team, await _a_person(team))
    team.context.clock.at += 28 * _DAY

    for verb, body in _COMMANDS.items():
        answer = await _answer(team, f"responses/{{}}/{verb}", response_id, body=body)
        assert (answer, answer[0]) == (await _answer(team, f"responses/{{}}/{verb}", new_id(), body=body), 404), verb


async def test_contact_reopens_no_long_ended_response(team: RapidCareClient) -> None:
    """A contact that crossed a decline is recorded after the end: the one command on an ended response that nothing else refuses."""
    response_id = await team.receive_referral(person_id=await _a_person(team))
    await team.advance(response_id, Status.EN_ROUTE)
    await team.command(response_id, "decline", reason="capacity")
    ended, contact = await team.read(response_id), {"mode": "face-to-face", "contacted_at": at("14:00").isoformat()}
    headers = team.staff | {"If-Match": f'W/"{ended["version"]}"'}
    url = f"/rapid-care/responses/{response_id}/first-contact"

    team.context.clock.at += 28 * _DAY
    late = await team.context.http.post(url, headers=headers, json=contact)
    team.context.clock.at -= timedelta(seconds=1)
    untouched = await team.read(response_id)
    in_time = await team.context.http.post(url, headers=headers, json=contact)

    assert (late.status_code, late.json()["code"], untouched) == (404, "response-not-found", ended)
    assert (in_time.status_code, in_time.json()["status"]) == (200, "contacted")


async def test_later_response_opens_the_earlier_one_again(team: RapidCareClient) -> None:
    person_id = await _a_person(team)
    earlier = await _an_ended_response(team, person_id)
    team.context.clock.at += 40 * _DAY

    await team.receive_referral(person_id=person_id)

    assert (await team.read(earlier))["status"] == "declined"
    assert await _listed(team) == []


async def test_response_of_a_merged_record_opens_the_person(team: RapidCareClient) -> None:
    survivor, merged = await _a_person(team), await _a_person(team, SharingPreference.WITHHELD)
    await team.receive_referral(person_id=merged)
    before, _ = await _answer(team, "people/{}/story", survivor)

    await team.context.deliver(PersonMerged(into=survivor, merged_at=at("14:00")), key=merged, subject=merged)

    assert before == 404
    assert (await team.get(f"people/{survivor}/story"))["merged_into"] is None


@pytest.mark.parametrize(
    ("sharing", "expected", "is_shown"),
    [
        (SharingPreference.DIRECT_CARE, (200, None), True),
        (SharingPreference.RESTRICTED, (200, None), True),
        (SharingPreference.WITHHELD, (403, "story-withheld"), False),
    ],
)
async def test_withheld_story_is_shown_during_crisis_only(
    team: RapidCareClient, sharing: SharingPreference, expected: tuple[int, str | None], *, is_shown: bool
) -> None:
    person_id = await _a_person(team, sharing)
    response_id = await team.receive_referral(person_id=person_id)
    during = await team.get(f"people/{person_id}/story"), await team.get(f"responses/{response_id}/briefing")
    await team.command(response_id, "decline", reason="ineligible")
    await team.context.let_pass(timedelta(minutes=60))

    after = await team.context.http.get(f"/rapid-care/people/{person_id}/story", headers=team.staff)
    briefing = await team.get(f"responses/{response_id}/briefing")

    assert [view["story"]["narrative"] for view in during] == [mr_dale().story.narrative] * 2
    assert (after.status_code, after.json().get("code")) == expected
    assert (briefing["story"] is not None, briefing["contacts"] != []) == (is_shown, is_shown)
    assert briefing["crisis_plan"]["what_to_do"] == "Treat the infection at home"


async def test_crisis_view_of_a_withheld_story_is_reviewed(team: RapidCareClient) -> None:
    """Finding C7: in a crisis the story opened by itself, without a mark."""
    shared, withheld = await _a_person(team), await _a_person(team, SharingPreference.WITHHELD)
    for person_id in (shared, withheld):
        response_id = await team.receive_referral(person_id=person_id)
        for _ in range(2):
            await team.get(f"responses/{response_id}/briefing")

    acts = await team.context.http.get("/rapid-care/break-glass", headers=team.context.token("rapid-care:audit", actor="guardian-1"))

    assert [(act["person_id"], act["reason"]) for act in acts.json()["items"]] == [(str(withheld), "running-clock")]


async def test_stated_reason_stands_beside_the_running_clock(team: RapidCareClient) -> None:
    person_id = await _a_person(team, SharingPreference.WITHHELD)
    await team.get(f"responses/{await team.receive_referral(person_id=person_id)}/briefing")
    act = {"reason": "safeguarding", "explanation": "His purse is empty again."}
    stated = await team.context.http.post(
        f"/rapid-care/people/{person_id}/break-glass", json=act, headers=team.staff | {"Idempotency-Key": str(new_id())}
    )

    acts = await team.context.http.get("/rapid-care/break-glass", headers=team.context.token("rapid-care:audit", actor="guardian-1"))

    assert stated.status_code == 201, stated.text
    assert [(each["reason"], each["explanation"]) for each in acts.json()["items"]] == [
        ("running-clock", ""),
        ("safeguarding", "His purse is empty again."),
    ]


async def test_strictest_preference_of_merged_records_counts(team: RapidCareClient) -> None:
    survivor, merged = await _a_person(team), await _a_person(team, SharingPreference.WITHHELD)
    await _an_ended_response(team, survivor)
    before, _ = await _answer(team, "people/{}/story", survivor)

    await team.context.deliver(PersonMerged(into=survivor, merged_at=at("14:00")), key=merged, subject=merged)

    status, body = await _answer(team, "people/{}/story", survivor)
    assert (before, status) == (200, 403)
    assert "story-withheld" in body


async def test_command_within_28_days_keeps_its_own_refusal(team: RapidCareClient) -> None:
    response_id = await _an_ended_response(team, await _a_person(team))
    team.context.clock.at += 27 * _DAY

    assert await team.refusal(response_id, "acceptance") == (409, "illegal-transition")
    assert (await team.read(response_id))["status"] == Status.DECLINED
