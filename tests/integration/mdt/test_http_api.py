"""The weekly meeting over HTTP: scopes, versions, permitted commands of each caller, and access to people's stories."""

from uuid import UUID

import pytest

from services.mdt.api import router
from services.mdt.domain import care_plan, case, lead, meeting
from shared.contracts.persons import PersonMerged, SharingPreference
from shared.kernel.ids import new_id
from shared.kernel.state_table import Transitions
from shared.web.responses import Action
from tests.builders.context_app import RunningContext
from tests.builders.mdt import STAFF, Patient, a_person_record, an_action, meetings, read, send_command

TABLES = [meeting.MEETING, case.CASE, care_plan.CARE_PLAN, lead.LEAD]


@pytest.mark.parametrize("table", TABLES)
async def test_every_command_has_a_route(context: RunningContext, table: Transitions) -> None:
    operations = (await context.http.get("/mdt/openapi.json")).json()["paths"]

    named = {operation["operationId"] for path in operations.values() for operation in path.values()}
    commands = [trigger.__name__ for trigger in table if isinstance(trigger, type)]
    assert set(commands) <= named
    assert router.prefix == "/mdt"


async def test_actions_are_those_of_the_caller(context: RunningContext) -> None:
    patient = await Patient.discussed(context, actions=[an_action(owner_role="gp")])
    found, [diary, *_], plan, [lead] = await patient.case(), await meetings(context), await patient.plan(), await patient.leads()
    staff, nurse = context.token(*STAFF), context.token("mdt:lead", actor=lead["professional_id"])
    paths = [f"/mdt/cases/{found['id']}", f"/mdt/meetings/{diary['id']}", f"/mdt/care-plans/{plan['id']}", f"/mdt/leads/{lead['id']}"]

    assert [await offered(context, path, staff) for path in paths] == [
        ["StepDownCase", "CloseCase"],
        ["HoldMeeting"],
        ["RequestReview"],
        ["HandOverLead"],
    ]
    assert [await offered(context, path, nurse) for path in paths[2:]] == [["FulfilAction"], ["HandOverLead"]]
    assert [await offered(context, path, context.token("mdt:read")) for path in paths[:3]] == [[], [], []]


async def test_actions_of_the_agenda_wait_for_the_meeting(context: RunningContext) -> None:
    patient = await Patient.listed(context)
    found, [diary, *_] = await patient.case(), await meetings(context)
    staff, case_path, meeting_path = context.token(*STAFF), f"/mdt/cases/{found['id']}", f"/mdt/meetings/{diary['id']}"
    before = await offered(context, case_path, staff), await offered(context, meeting_path, staff)

    await patient.meet()

    assert "DiscussCase" not in before[0]
    assert before[1] == ["CancelMeeting"]
    assert "DiscussCase" in await offered(context, case_path, staff)
    assert await offered(context, meeting_path, staff) == ["HoldMeeting"]


async def test_deferral_is_not_offered_at_its_limit(context: RunningContext) -> None:
    patient = await Patient.listed(context)
    path, staff = f"/mdt/cases/{(await patient.case())['id']}", context.token(*STAFF)
    assert "DeferCase" in await offered(context, path, staff)

    for _ in range(context.database.policy.max_deferrals):
        await patient.command("deferral", {"reason": "professional-absent"})

    assert "DeferCase" not in await offered(context, path, staff)


async def test_actions_of_a_lead_are_refused_to_another_professional(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    plan, [lead] = await patient.plan(), await patient.leads()
    other = context.token("mdt:lead", actor="clch-community-nurse-2", organisation="B02")

    for path, code in ((f"/mdt/leads/{lead['id']}", "lead-not-found"), (f"/mdt/care-plans/{plan['id']}", "care-plan-not-found")):
        refused = await context.http.get(f"{path}/actions", headers=other)
        assert (refused.status_code, refused.json()["code"]) == (404, code)


async def test_change_needs_current_version(context: RunningContext) -> None:
    patient = await Patient.referred(context)
    found = await patient.case()
    path, body = f"/mdt/cases/{found['id']}/screening", {"outcome": "eligible"}

    without = await context.http.post(path, json=body, headers=context.token(*STAFF))
    stale = await send_command(context, path, found["version"] + 1, body)

    assert (without.status_code, without.json()["code"]) == (428, "if-match-missing")
    assert (stale.status_code, stale.json()["code"]) == (412, "version-conflict")
    response = await context.http.get(f"/mdt/cases/{found['id']}", headers=context.token(*STAFF))
    assert response.headers["etag"] == f'W/"{found["version"]}"'
    assert (await patient.case())["status"] == "referred"


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("cases/{id}/screening", "mdt:decide"),
        ("cases/{id}/deferral", "mdt:decide"),
        ("cases/{id}/discussion", "mdt:coordinate"),
        ("cases/{id}/closure", "mdt:coordinate"),
        ("meetings/{id}/attendance", "mdt:decide"),
        ("leads/{id}/acceptance", "mdt:coordinate"),
    ],
)
async def test_command_requires_its_scope(context: RunningContext, path: str, scope: str) -> None:
    headers = context.token(scope, "mdt:read") | {"If-Match": 'W/"1"'}

    response = await context.http.post(f"/mdt/{path.format(id=new_id())}", json={}, headers=headers)

    assert (response.status_code, response.json()["code"]) == (403, "scope-missing")


async def test_organisation_outside_mdt_sees_nothing(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    await context.deliver(a_person_record(), key=patient.person_id, subject=patient.person_id)
    found, person = await patient.case(), f"/mdt/people/{patient.person_id}"
    other, practice = context.token("mdt:read", organisation="B02"), context.token("mdt:read", organisation="W07")

    for path in (f"{person}/story", f"{person}/care-plan", f"{person}/leads", f"/mdt/cases/{found['id']}"):
        assert (await context.http.get(path, headers=other)).status_code == 404, path
    listed = await context.http.get("/mdt/cases", headers=other)
    assert (listed.status_code, listed.json()["code"]) == (403, "not-mdt-member")
    for path in (f"{person}/story", f"{person}/care-plan", f"{person}/leads", f"/mdt/cases/{found['id']}"):
        assert (await context.http.get(path, headers=practice)).status_code == 200, path


async def test_story_is_shown_only_to_mdt_when_shared(context: RunningContext) -> None:
    patient, never_referred = await Patient.referred(context), new_id()
    await context.deliver(a_person_record(), key=never_referred, subject=never_referred)
    withheld = a_person_record(sharing=SharingPreference.WITHHELD)

    unknown = await read_story(context, patient.person_id)
    await context.deliver(withheld, key=patient.person_id, subject=patient.person_id)

    assert unknown == (404, "person-record-not-found")
    assert await read_story(context, patient.person_id) == (403, "story-withheld")
    assert await read_story(context, never_referred) == (404, "person-record-not-found")


async def test_older_person_record_does_not_replace_newer(context: RunningContext) -> None:
    patient = await Patient.referred(context)
    await context.deliver(a_person_record(address="Oakleigh"), key=patient.person_id, subject=patient.person_id, sequence=2)
    await context.deliver(a_person_record(address="elsewhere"), key=patient.person_id, subject=patient.person_id, sequence=1)

    assert (await read(context, f"/mdt/people/{patient.person_id}/story"))["address"] == "Oakleigh"


async def test_cases_show_names_and_audit_each_person_once(context: RunningContext) -> None:
    """Of a merged record without a record of its own, the name of the surviving one."""
    known, merged, unknown = new_id(), new_id(), new_id()
    await context.deliver(a_person_record(), key=known, subject=known)
    await context.deliver(PersonMerged(into=known, merged_at=context.clock.at), key=merged, subject=merged)
    for person_id in (merged, unknown):
        await Patient.referred(context, person_id)

    items = (await read(context, "/mdt/cases"))["items"]

    name = {"given_name": "Colin", "family_name": "Dale", "born_on": "1933-03-02"}
    assert {item["person_id"]: item["person"] for item in items} == {str(merged): name, str(unknown): None}
    rows = await context.database.pool.fetch("SELECT subject FROM audit WHERE action = 'list_cases'")
    assert sorted(row["subject"] for row in rows) == sorted([merged, unknown])


async def test_every_read_of_a_person_is_audited(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    await patient.plan()
    await read(context, "/mdt/leads/people?professional_id=clch-community-nurse-1", actor="clch-community-nurse-1")

    rows = await context.database.pool.fetch("SELECT DISTINCT action FROM audit WHERE subject = $1", patient.person_id)
    assert {row["action"] for row in rows} >= {"read_plan_of_person", "own_people"}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("cases", "case-not-found"),
        ("care-plans", "care-plan-not-found"),
        ("leads", "lead-not-found"),
        ("meetings", "meeting-not-found"),
    ],
)
async def test_unknown_id_is_not_found(context: RunningContext, path: str, code: str) -> None:
    before = await context.log()

    response = await context.http.get(f"/mdt/{path}/{new_id()}", headers=context.token(*STAFF))

    assert (response.status_code, response.json()["code"]) == (404, code)
    assert await context.log() == before


async def read_story(context: RunningContext, person_id: UUID) -> tuple[int, str]:
    response = await context.http.get(f"/mdt/people/{person_id}/story", headers=context.token(*STAFF))
    return response.status_code, response.json().get("code")


async def offered(context: RunningContext, path: str, caller: dict[str, str]) -> list[str]:
    response = await context.http.get(f"{path}/actions", headers=caller)
    assert response.status_code == 200, response.text
    return [Action.model_validate(action).name for action in response.json()]
