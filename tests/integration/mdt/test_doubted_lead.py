"""A practice whose confirmation is withdrawn keeps no lead and no proposal, and comes back with a later confirmation (docs/adr/0048)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from infra.dev_stack.dev_secrets import Keys
from services.mdt.domain.policy import Policy
from shared.contracts.codes import Locality
from shared.contracts.mdt import LeadEnded, LeadHandedOver
from shared.contracts.persons import PersonMerged
from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext, repeated
from tests.builders.mdt import MONDAY, Patient, a_discussion, a_lead, a_person_record, mdt, notifications, send_command
from tests.builders.population import HEADER
from tests.builders.practices import a_practice_entry, load_entries

_UNANSWERED = a_lead(has_accepted=False)
_NURSE, _OTHER = "clch-community-nurse-1", "clch-community-nurse-2"
_GP = {"professional_id": "gp-B01", "role": "gp", "organisation": "B01"}
_OTHER_NURSE = {"professional_id": _OTHER, "role": "community-nurse", "organisation": "CLCH"}


@pytest.fixture
async def separate_context(own_url: str, keys: Keys) -> AsyncIterator[RunningContext]:
    """The weekly meeting on a database whose practices a test may change."""
    async with mdt(own_url, keys) as context:
        yield context


def _b01(*, is_confirmed: bool) -> Any:
    return a_person_record(practice_code="B01", locality=Locality.LOCALITY_B, is_practice_confirmed=is_confirmed)


async def _record(patient: Patient, sequence: int, *, is_confirmed: bool, person: UUID | None = None) -> Any:
    """The record names practice B01."""
    key = person or patient.person_id
    return await patient.context.deliver(_b01(is_confirmed=is_confirmed), key=key, subject=key, sequence=sequence)


async def _led_by_b01(context: RunningContext, lead: Any = _UNANSWERED) -> Patient:
    """A person of the confirmed practice B01, whose GP leads until the nurse answers."""
    patient = await Patient.listed(context, practice_code="B01", locality=Locality.LOCALITY_B)
    await _record(patient, 1, is_confirmed=True)
    await patient.discuss(lead=lead)
    assert await _leads(patient, "active") == ["gp-B01"]
    return patient


async def _proposed_to_b01(context: RunningContext, *alternatives: dict[str, str]) -> Patient:
    """The GP of B01 is asked to lead a person of practice W07."""
    patient = await Patient.listed(context)
    await patient.discuss(lead={"candidate": _GP, "alternatives": list(alternatives)})
    assert await _leads(patient, "proposed") == ["gp-B01"]
    return patient


async def _leads(patient: Patient, status: str) -> list[str]:
    return [lead["professional_id"] for lead in await patient.leads() if lead["status"] == status]


async def _story_of_b01(patient: Patient) -> int:
    caller = patient.context.token("mdt:lead", organisation="B01", actor="gp-B01")
    return (await patient.context.http.get(f"/mdt/people/{patient.person_id}/story", headers=caller)).status_code


async def _asked_chair(context: RunningContext) -> int:
    return [each["kind"] for each in await notifications(context, "mdt-chair")].count("no-lead-found")


@pytest.mark.parametrize("lead", [_UNANSWERED, {"candidate": _GP, "has_accepted": True}], ids=["fallback", "named"])
async def test_doubt_ends_the_lead_of_the_practice(context: RunningContext, lead: Any) -> None:
    """Finding: the lead read the story after a triager had doubted the practice."""
    patient = await _led_by_b01(context, lead)
    before = await _story_of_b01(patient)

    await _record(patient, 2, is_confirmed=False)

    assert (before, await _story_of_b01(patient)) == (200, 404)
    assert (await _leads(patient, "active"), await _asked_chair(context)) == (["gp-unknown"], 1)
    assert "practice-changed" in [event.reason for event in await context.published(LeadHandedOver)]


async def test_doubt_leaves_the_proposal_of_another_professional(context: RunningContext) -> None:
    patient = await _led_by_b01(context)

    await _record(patient, 2, is_confirmed=False)

    assert (await _leads(patient, "active"), await _leads(patient, "proposed")) == (["gp-unknown"], [_NURSE])


async def test_doubt_leaves_a_lead_by_name(context: RunningContext) -> None:
    patient = await Patient.listed(context, practice_code="B01", locality=Locality.LOCALITY_B)
    await _record(patient, 1, is_confirmed=True)
    await patient.discuss()

    await _record(patient, 2, is_confirmed=False)

    assert await _leads(patient, "active") == [_NURSE]


async def test_doubt_about_another_practice_leaves_the_lead(context: RunningContext) -> None:
    """No practice takes the lead from another one by stating itself."""
    patient = await _led_by_b01(context)
    stated = a_person_record(practice_code="W08", is_practice_confirmed=False)

    await context.deliver(stated, key=patient.person_id, subject=patient.person_id, sequence=2)

    assert await _leads(patient, "active") == ["gp-B01"]


async def test_repeated_doubt_hands_over_once(context: RunningContext) -> None:
    patient = await _led_by_b01(context)

    record = await _record(patient, 2, is_confirmed=False)
    await context.processor.apply(repeated(record, 2))
    await _record(patient, 3, is_confirmed=False)

    assert (await _leads(patient, "active"), len(await context.published(LeadHandedOver))) == (["gp-unknown"], 1)


async def test_confirmation_brings_the_practice_back(context: RunningContext) -> None:
    patient = await _led_by_b01(context)
    await _record(patient, 2, is_confirmed=False)

    await _record(patient, 3, is_confirmed=True)

    assert (await _leads(patient, "active"), await _story_of_b01(patient)) == (["gp-B01"], 200)


@pytest.mark.parametrize(("last", "lead"), [(False, "gp-unknown"), (True, "gp-B01")], ids=["doubt", "confirmation"])
async def test_last_record_decides_in_any_order(context: RunningContext, *, last: bool, lead: str) -> None:
    """The record before the last one arrives after it."""
    patient = await _led_by_b01(context)

    await _record(patient, 3, is_confirmed=last)
    await _record(patient, 2, is_confirmed=not last)

    assert await _leads(patient, "active") == [lead]


async def test_doubt_ends_the_lead_of_the_successor(separate_context: RunningContext, own_url: str, tmp_path: Path) -> None:
    """The record keeps the former code, under which a triager doubts the practice."""
    patient = await Patient.listed(separate_context)
    record = a_person_record(is_practice_confirmed=True)
    await separate_context.deliver(record, key=patient.person_id, subject=patient.person_id, sequence=1)
    await load_entries(own_url, separate_context.clock.at, tmp_path, a_practice_entry("W07", closed=MONDAY.date(), successor="B01"))
    await patient.discuss(lead=_UNANSWERED)
    before = await _leads(patient, "active")

    doubted = a_person_record(is_practice_confirmed=False)
    await separate_context.deliver(doubted, key=patient.person_id, subject=patient.person_id, sequence=2)

    assert (before, await _leads(patient, "active")) == (["gp-B01"], ["gp-unknown"])


async def test_doubt_ends_the_lead_of_a_merged_record(context: RunningContext) -> None:
    """The one record is published under each id of the person."""
    patient, survivor = await _led_by_b01(context), new_id()
    await _record(patient, 1, is_confirmed=True, person=survivor)
    await context.deliver(PersonMerged(into=survivor, merged_at=MONDAY), key=patient.person_id, subject=patient.person_id)

    for person in (survivor, patient.person_id):
        await _record(patient, 2, is_confirmed=False, person=person)

    assert await _leads(patient, "active") == ["gp-unknown"]


async def test_doubt_moves_a_proposal_to_the_next_candidate(context: RunningContext) -> None:
    patient = await _proposed_to_b01(context, _OTHER_NURSE)

    await _record(patient, 1, is_confirmed=False)

    assert (await _leads(patient, "active"), await _leads(patient, "proposed")) == (["gp-W07"], [_OTHER])
    assert [event.reason for event in await context.published(LeadEnded)] == ["practice-unconfirmed"]


async def test_chair_hears_that_a_doubt_ended_the_only_proposal(context: RunningContext) -> None:
    patient = await _proposed_to_b01(context)

    await _record(patient, 1, is_confirmed=False)

    assert (await _leads(patient, "proposed"), await _asked_chair(context)) == ([], 1)


async def test_no_practice_in_doubt_is_the_next_candidate(context: RunningContext) -> None:
    patient = await Patient.listed(context)
    await patient.discuss(lead=_UNANSWERED | {"alternatives": [_GP]})
    await _record(patient, 1, is_confirmed=False)
    [asked] = [lead for lead in await patient.leads() if lead["status"] == "proposed"]

    declined = await send_command(context, f"/mdt/leads/{asked['id']}/decline", asked["version"], {"reason": "caseload"}, actor=_NURSE)

    assert declined.status_code == 200, declined.text
    assert (await _leads(patient, "proposed"), await _asked_chair(context)) == ([], 1)


async def _name_in_meeting(patient: Patient, to: dict[str, Any]) -> httpx.Response:
    await patient.meet()
    return await patient.try_command("discussion", a_discussion(patient.context.clock.at.date(), lead=to))


async def _name_in_hand_over(patient: Patient, to: dict[str, Any]) -> httpx.Response:
    await patient.discuss()
    [lead] = await patient.leads()
    return await send_command(patient.context, f"/mdt/leads/{lead['id']}/handover", lead["version"], {"to": to}, actor=_NURSE)


@pytest.mark.parametrize("to", [{"candidate": _GP}, {"candidate": _OTHER_NURSE, "alternatives": [_GP]}], ids=["candidate", "alternative"])
@pytest.mark.parametrize("name", [_name_in_meeting, _name_in_hand_over])
async def test_practice_in_doubt_is_named_as_no_lead(context: RunningContext, name: Any, to: dict[str, Any]) -> None:
    patient = await Patient.listed(context)
    await _record(patient, 1, is_confirmed=False)

    refused = await name(patient, to)

    assert (refused.status_code, refused.json().get("code")) == (409, "lead-practice-unconfirmed")


async def _import(context: RunningContext, organisation: str) -> UUID:
    """A score that names practice B01."""
    number = "9990548609"
    caller = context.token("mdt:import-risk", actor="analyst-1", organisation=organisation)
    headers = caller | {"Idempotency-Key": str(new_id()), "Content-Type": "text/csv"}
    content = f"{HEADER}\n{number},B01,27.10,,2015-01-31\n".encode()
    assert (await context.http.post("/mdt/risk/imports", content=content, headers=headers)).status_code == 201
    return context.database.secrets.pseudonym(number)


@pytest.mark.parametrize("policy", [replace(Policy(), risk_organisations=("BCCG", "B01"))])
@pytest.mark.parametrize(("sender", "lead"), [("B01", "gp-unknown"), ("BCCG", "gp-B01")])
async def test_only_the_score_of_another_outweighs_the_doubt(context: RunningContext, sender: str, lead: str) -> None:
    person = await _import(context, sender)
    patient = await Patient.referred(context, person_id=person, practice_code="B01", locality=Locality.LOCALITY_B)
    await patient.command("screening", {"outcome": "eligible"})
    await _record(patient, 1, is_confirmed=True)
    await patient.discuss(lead=_UNANSWERED)

    await _record(patient, 2, is_confirmed=False)

    assert await _leads(patient, "active") == [lead]
