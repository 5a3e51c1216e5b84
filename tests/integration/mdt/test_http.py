"""The meeting over HTTP: who may do what, versions, actions from the state tables, and stories that stay where they belong."""

from uuid import UUID

import pytest

from infra.dev_stack.dev_secrets import Keys
from services.mdt.api import router
from services.mdt.domain import care_plan, case, lead, meeting
from shared.contracts.referrals import SharingPreference
from shared.kernel.ids import new_id
from shared.kernel.state_table import Transitions
from shared.web.responses import Action
from tests.builders.context_app import RunningContext
from tests.builders.mdt import STAFF, Patient, a_person_record, act, mdt, meetings, read

TABLES = [meeting.MEETING, case.CASE, care_plan.CARE_PLAN, lead.LEAD]


@pytest.mark.parametrize("table", TABLES)
async def test_every_command_of_a_state_table_has_its_route(owner_url: str, keys: Keys, table: Transitions) -> None:
    async with mdt(owner_url, keys) as context:
        operations = (await context.http.get("/mdt/openapi.json")).json()["paths"]

    named = {operation["operationId"] for path in operations.values() for operation in path.values()}
    commands = [trigger.__name__ for trigger in table if isinstance(trigger, type)]
    assert all(any(name.startswith(command) for name in named) for command in commands)
    assert router.prefix == "/mdt"


async def test_what_may_be_done_comes_from_the_state(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        patient = await Patient.discussed(context)
        found, diary, plan = await patient.case(), await meetings(context), await patient.plan()

        async def names(path: str) -> list[str]:
            return [Action.model_validate(action).name for action in await read(context, f"{path}/actions")]

        assert await names(f"/mdt/cases/{found['id']}") == ["StepDownCase", "CloseCase"]
        assert await names(f"/mdt/meetings/{diary[0]['id']}") == ["HoldMeeting"]
        assert await names(f"/mdt/care-plans/{plan['id']}") == ["RequestReview", "FulfilAction"]


async def test_a_change_needs_the_version_that_it_is_based_on(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        patient = await Patient.referred(context)
        found = await patient.case()
        path, body = f"/mdt/cases/{found['id']}/screening", {"outcome": "eligible"}

        without = await context.http.post(path, json=body, headers=context.token(*STAFF))
        stale = await act(context, path, found["version"] + 1, body)

        assert (without.status_code, without.json()["code"]) == (428, "if-match-missing")
        assert (stale.status_code, stale.json()["code"]) == (412, "version-conflict")
        shown = await context.http.get(f"/mdt/cases/{found['id']}", headers=context.token(*STAFF))
        assert shown.headers["etag"] == f'W/"{found["version"]}"'
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
async def test_each_command_has_its_scope(owner_url: str, keys: Keys, path: str, scope: str) -> None:
    async with mdt(owner_url, keys) as context:
        headers = context.token(scope, "mdt:read") | {"If-Match": 'W/"1"'}

        answer = await context.http.post(f"/mdt/{path.format(id=new_id())}", json={}, headers=headers)

        assert (answer.status_code, answer.json()["code"]) == (403, "scope-missing")


async def test_an_organisation_that_does_not_sit_at_the_meeting_sees_nobody(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        patient = await Patient.discussed(context)
        await context.deliver(a_person_record(), key=patient.person_id, subject=patient.person_id)
        found, person = await patient.case(), f"/mdt/people/{patient.person_id}"
        stranger, practice = context.token("mdt:read", organisation="B02"), context.token("mdt:read", organisation="W07")

        for path in (f"{person}/story", f"{person}/care-plan", f"{person}/leads", f"/mdt/cases/{found['id']}", "/mdt/cases"):
            refused = await context.http.get(path, headers=stranger)
            assert (refused.status_code, refused.json()["code"]) == (403, "not-mdt-member"), path
        for path in (f"{person}/story", f"{person}/care-plan", f"{person}/leads", f"/mdt/cases/{found['id']}"):
            assert (await context.http.get(path, headers=practice)).status_code == 200, path


async def test_a_story_is_shown_only_of_people_before_the_meeting_and_only_if_they_let_it(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        patient, never_referred = await Patient.referred(context), new_id()
        await context.deliver(a_person_record(), key=never_referred, subject=never_referred)
        withheld = a_person_record(sharing=SharingPreference.WITHHELD)

        unknown = await story(context, patient.person_id)
        await context.deliver(withheld, key=patient.person_id, subject=patient.person_id)

        assert unknown == (404, "person-record-not-found")
        assert await story(context, patient.person_id) == (403, "story-withheld")
        assert await story(context, never_referred) == (403, "not-mdt-member")


async def test_an_older_record_does_not_replace_a_newer_one(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        patient = await Patient.referred(context)
        await context.deliver(a_person_record(address="Oakleigh"), key=patient.person_id, subject=patient.person_id, sequence=2)
        await context.deliver(a_person_record(address="elsewhere"), key=patient.person_id, subject=patient.person_id, sequence=1)

        assert (await read(context, f"/mdt/people/{patient.person_id}/story"))["address"] == "Oakleigh"


async def test_every_look_at_a_person_is_audited(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
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
async def test_what_does_not_exist_is_not_found(owner_url: str, keys: Keys, path: str, code: str) -> None:
    async with mdt(owner_url, keys) as context:
        answer = await context.http.get(f"/mdt/{path}/{new_id()}", headers=context.token(*STAFF))

        assert (answer.status_code, answer.json()["code"]) == (404, code)


async def story(context: RunningContext, person_id: UUID) -> tuple[int, str]:
    answer = await context.http.get(f"/mdt/people/{person_id}/story", headers=context.token(*STAFF))
    return answer.status_code, answer.json().get("code")
