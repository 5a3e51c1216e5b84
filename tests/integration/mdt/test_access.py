"""What the meeting shows, to whom, and for how long (docs/access.md)."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.contracts.persons import SharingPreference
from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext
from tests.builders.mdt import Patient, a_lead, a_person_record, read, send_command

_NURSE = "clch-community-nurse-1"
_PARTS = ("/mdt/people/{person}/story", "/mdt/people/{person}/care-plan", "/mdt/people/{person}/leads", "/mdt/cases/{case}")


async def _statuses(context: RunningContext, patient: Patient, case_id: str, caller: dict[str, str]) -> list[int]:
    """Of the story, the plan, the leads and the case."""
    paths = [path.format(person=patient.person_id, case=case_id) for path in _PARTS]
    return [(await context.http.get(path, headers=caller)).status_code for path in paths]


async def _with_record(context: RunningContext, **changes: Any) -> tuple[Patient, str]:
    patient = await Patient.discussed(context)
    await context.deliver(a_person_record(**changes), key=patient.person_id, subject=patient.person_id)
    return patient, (await patient.case())["id"]


async def test_members_see_a_closed_case_for_a_time(context: RunningContext) -> None:
    patient, case_id = await _with_record(context)
    member = context.token("mdt:read", "mdt:coordinate", organisation="LBB")
    await patient.command("closure", {"reason": "needs-met"})

    async def seen() -> tuple[list[int], int]:
        listed = await read(context, f"/mdt/cases?person_id={patient.person_id}")
        return await _statuses(context, patient, case_id, member), len(listed["items"])

    await context.let_pass(timedelta(days=27))
    before = await seen()
    await context.let_pass(timedelta(days=2))

    assert (before, await seen()) == (([200] * 4, 1), ([404] * 4, 0))


async def test_coordinator_opens_no_case_of_a_stranger(context: RunningContext) -> None:
    """A case is a relationship: who could open one for any person read every story."""
    strangers = [new_id(), new_id()]
    await context.deliver(a_person_record(), key=strangers[0], subject=strangers[0])
    member = context.token("mdt:coordinate", "mdt:read", organisation="LBB")

    answers = []
    for person_id in strangers:
        body = {"person_id": str(person_id), "practice_code": "W07", "locality": "west"}
        answer = await context.http.post("/mdt/cases", json=body, headers=member | {"Idempotency-Key": str(new_id())})
        answers.append((answer.status_code, answer.json() | {"instance": None}))

    assert answers[0] == answers[1]
    assert (answers[0][0], answers[0][1]["code"]) == (404, "person-record-not-found")
    assert (await context.http.get(f"/mdt/people/{strangers[0]}/story", headers=member)).status_code == 404


async def test_redirected_case_is_seen_by_practice_alone(context: RunningContext) -> None:
    patient = await Patient.referred(context)
    await context.deliver(a_person_record(), key=patient.person_id, subject=patient.person_id)
    redirected = await patient.command("screening", {"outcome": "not-eligible", "destination": "gp", "reason": "standard-measures-suffice"})
    await context.let_pass(timedelta(days=29))

    member, practice = (context.token("mdt:read", organisation=organisation) for organisation in ("LBB", "W07"))

    assert await _statuses(context, patient, redirected["id"], member) == [404] * 4
    assert await _statuses(context, patient, redirected["id"], practice) == [200, 404, 200, 200]  # there is no plan


@pytest.mark.parametrize(
    ("sharing", "member", "practice"),
    [
        (SharingPreference.DIRECT_CARE, [200, 200, 200, 200], [200, 200, 200, 200]),
        (SharingPreference.RESTRICTED, [200, 200, 200, 200], [403, 200, 200, 200]),
        (SharingPreference.WITHHELD, [403, 200, 200, 200], [403, 403, 200, 403]),
    ],
)
async def test_preference_closes_parts(context: RunningContext, sharing: str, member: list[int], practice: list[int]) -> None:
    patient, case_id = await _with_record(context, sharing=sharing)

    callers = [context.token("mdt:read", organisation=organisation) for organisation in ("LBB", "W07")]

    assert [await _statuses(context, patient, case_id, caller) for caller in callers] == [member, practice]


async def test_lead_reads_plan_and_story_of_own_people_alone(context: RunningContext) -> None:
    patient, case_id = await _with_record(context)
    lead = context.token("mdt:lead", actor="clch-community-nurse-1")
    colleague = context.token("mdt:lead", actor="clch-community-nurse-2")

    assert await _statuses(context, patient, case_id, lead) == [200] * 4
    assert await _statuses(context, patient, case_id, colleague) == [404] * 4


async def test_proposed_lead_reads_story_after_acceptance_alone(context: RunningContext) -> None:
    """Finding: an unanswered proposal, which may have been a mistake, opened the story and the plan."""
    patient = await Patient.discussed(context, lead=a_lead(has_accepted=False))
    await context.deliver(a_person_record(), key=patient.person_id, subject=patient.person_id)
    case_id, lead = (await patient.case())["id"], context.token("mdt:lead", actor=_NURSE)
    proposal = next(each for each in await patient.leads() if each["status"] == "proposed")

    before = await _statuses(context, patient, case_id, lead)
    [own] = await read(context, f"/mdt/leads/people?professional_id={_NURSE}", actor=_NURSE)
    glass = await context.http.post(
        f"/mdt/people/{patient.person_id}/break-glass",
        json={"reason": "emergency", "explanation": "The person has called."},
        headers=lead | {"Idempotency-Key": str(new_id())},
    )
    accepted = await send_command(context, f"/mdt/leads/{proposal['id']}/acceptance", proposal["version"], actor=_NURSE)

    assert before == [403, 403, 200, 403]
    assert (own["lead"]["id"], own["lead"]["status"]) == (proposal["id"], "proposed")
    assert (own["care_plan_id"], own["next_steps"], own["meeting_id"]) == (None, [], None)
    assert (glass.status_code, glass.json()["code"]) == (403, "part-not-shared")
    assert accepted.status_code == 200, accepted.text
    assert await _statuses(context, patient, case_id, lead) == [200] * 4


async def test_proposed_lead_is_no_stranger_and_no_lead(context: RunningContext) -> None:
    patient = await Patient.discussed(context, lead=a_lead(has_accepted=False))
    active = next(lead for lead in await patient.leads() if lead["status"] == "active")

    refused = await send_command(
        context, f"/mdt/leads/{active['id']}/handover", active["version"], {"to": a_lead("nurse-3")}, actor="clch-community-nurse-1"
    )

    assert (refused.status_code, refused.json()["code"]) == (403, "not-your-lead")


@pytest.mark.parametrize("path", _PARTS)
async def test_person_of_others_looks_like_an_unknown_one(context: RunningContext, path: str) -> None:
    patient, case_id = await _with_record(context)
    unknown = str(new_id())
    stranger = context.token("mdt:read", "mdt:lead", organisation="EVIL")

    known = await context.http.get(path.format(person=patient.person_id, case=case_id), headers=stranger)
    unheard = await context.http.get(path.format(person=unknown, case=unknown), headers=stranger)

    assert _problem(known, case_id) == _problem(unheard, unknown)
    assert known.status_code == 404


def _problem(response: httpx.Response, shown_id: str) -> tuple[int, dict[str, Any]]:
    body = response.json()
    return response.status_code, body | {"instance": None, "detail": body["detail"].replace(shown_id, "ID")}
