"""The practice whose GP is the fallback lead: none in doubt, also when a case names it, and none that is unknown."""

from typing import Any
from uuid import UUID

import pytest

from shared.contracts.codes import Locality
from shared.contracts.mdt import CaseSteppedDown
from shared.contracts.practices import UNKNOWN_PRACTICE
from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext
from tests.builders.mdt import STAFF, Patient, a_finding, a_lead, a_person_record

_UNANSWERED = a_lead(has_accepted=False)
_NOT_ELIGIBLE = {"outcome": "not-eligible", "destination": "gp", "reason": "standard-measures-suffice"}


async def _record(context: RunningContext, person: UUID, **changes: Any) -> None:
    await context.deliver(a_person_record(**changes), key=person, subject=person, sequence=1)


async def _doubt(context: RunningContext, person: UUID) -> None:
    """Practice B01 alone says that the person is registered with it."""
    await _record(context, person, practice_code="B01", locality=Locality.LOCALITY_B, is_practice_confirmed=False)


async def _active(patient: Patient) -> list[str]:
    return [lead["professional_id"] for lead in await patient.leads() if lead["status"] == "active"]


async def _story_of_b01(context: RunningContext, person: UUID) -> Any:
    caller = context.token("mdt:read", "mdt:lead", organisation="B01", actor="gp-B01")
    return (await context.http.get(f"/mdt/people/{person}/story", headers=caller)).status_code


async def _open_case(context: RunningContext, person: UUID, practice: str) -> Patient:
    """As the coordinator does, with the practice that the record shows."""
    headers = context.token(*STAFF) | {"Idempotency-Key": str(new_id())}
    opened = await context.http.post("/mdt/cases", json={"person_id": str(person), "practice_code": practice}, headers=headers)
    assert opened.status_code == 201, opened.text
    return Patient(context, person, new_id())


async def test_case_of_the_coordinator_confirms_no_practice(context: RunningContext) -> None:
    """Finding: the practice that the record showed, in doubt, became the lead and read the story."""
    person = await a_finding(context)
    await _doubt(context, person)
    patient = await _open_case(context, person, "B01")
    await patient.command("screening", {"outcome": "eligible"})

    await patient.discuss(lead=_UNANSWERED)

    assert (await _active(patient), await _story_of_b01(context, person)) == (["gp-W07"], 404)


async def test_stored_case_with_doubtful_practice_has_no_lead(context: RunningContext) -> None:
    patient = await Patient.listed(context, practice_code="B01", locality=Locality.LOCALITY_B)
    await _doubt(context, patient.person_id)

    await patient.discuss(lead=_UNANSWERED)

    assert (await _active(patient), await _story_of_b01(context, patient.person_id)) == (["gp-unknown"], 404)


async def test_step_down_names_no_doubtful_practice(context: RunningContext) -> None:
    patient = await Patient.listed(context, practice_code="B01", locality=Locality.LOCALITY_B)
    await _doubt(context, patient.person_id)
    await patient.discuss(lead=_UNANSWERED)

    await patient.command("step-down", {"destination": "gp"})

    [event] = await context.published(CaseSteppedDown)
    assert event.practice_code == UNKNOWN_PRACTICE


@pytest.mark.parametrize("is_discussed", [True, False], ids=["lead-stays", "lead-begins"])
async def test_record_without_practice_leaves_the_known_lead(context: RunningContext, *, is_discussed: bool) -> None:
    """Finding: the record of an urgent referral without a practice took the lead from the GP whom case finding named."""
    person = await a_finding(context)
    patient = await Patient.referred(context, person_id=person, practice_code=UNKNOWN_PRACTICE)
    await patient.command("screening", {"outcome": "eligible"})
    if is_discussed:
        await patient.discuss(lead=_UNANSWERED)

    await _record(context, person, practice_code=UNKNOWN_PRACTICE, locality=None)
    if not is_discussed:
        await patient.discuss(lead=_UNANSWERED)

    assert await _active(patient) == ["gp-W07"]


async def test_known_practice_hears_despite_an_unknown_one_of_record(context: RunningContext) -> None:
    """Finding: the news went to the GP `unknown`, who does not exist."""
    person = await a_finding(context)
    await _record(context, person, practice_code=UNKNOWN_PRACTICE, locality=None)
    patient = await _open_case(context, person, "B01")

    await patient.command("screening", _NOT_ELIGIBLE)

    [asked] = await context.database.pool.fetch("SELECT professional_id FROM notification WHERE kind = 'redirected'")
    assert asked["professional_id"] == "gp-B01"
