"""Practices that are unknown or close, at the weekly meeting: leads, access, case finding and the agenda (A15, B11)."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.contracts.codes import Locality
from shared.contracts.mdt import CaseSteppedDown, LeadActivated, LeadHandedOver
from tests.builders.context_app import RunningContext
from tests.builders.mdt import MONDAY, Patient, a_finding, a_lead, a_person_record, mdt, notifications, read, send_command
from tests.builders.practices import a_practice_entry, load_entries

CLOSING = MONDAY.date() + timedelta(days=14)


@pytest.fixture
async def separate_context(own_url: str, keys: Keys) -> AsyncIterator[RunningContext]:
    """The weekly meeting on a database whose practices a test may change."""
    async with mdt(own_url, keys) as context:
        yield context


async def register(patient: Patient, practice_code: str, sequence: int = 1, locality: Locality | None = Locality.WEST) -> None:
    record = a_person_record(practice_code=practice_code, locality=locality)
    await patient.context.deliver(record, key=patient.person_id, subject=patient.person_id, sequence=sequence)


async def led_by_gp(context: RunningContext, practice_code: str = "W07") -> Patient:
    """A person whose plan the GP leads."""
    patient = await Patient.listed(context, practice_code=practice_code)
    await register(patient, practice_code)
    await patient.discuss(lead={"candidate": {"professional_id": f"gp-{practice_code}", "role": "gp", "organisation": practice_code}})
    return patient


async def active_lead(patient: Patient) -> str:
    [active] = [lead["professional_id"] for lead in await patient.leads() if lead["status"] == "active"]
    return str(active)


async def asked_chair(context: RunningContext) -> list[str]:
    return [each["kind"] for each in await notifications(context, "mdt-chair") if each["kind"] == "no-lead-found"]


async def _until(context: RunningContext, day: date) -> None:
    """To the evening of the day; the hand-over happens at its beginning."""
    await context.let_pass(timedelta(days=(day - context.clock.at.date()).days, hours=8))


async def test_successor_becomes_lead_on_the_closing_day(separate_context: RunningContext, own_url: str, tmp_path: Path) -> None:
    patient = await led_by_gp(separate_context)
    await load_entries(own_url, separate_context.clock.at, tmp_path, a_practice_entry("W07", closed=CLOSING, successor="W08"))

    await _until(separate_context, CLOSING - timedelta(days=1))
    before = await active_lead(patient)
    await _until(separate_context, CLOSING)

    assert (before, await active_lead(patient)) == ("gp-W07", "gp-W08")
    assert [event.reason for event in await separate_context.published(LeadHandedOver)] == ["practice-changed"]
    [*_, activated] = await separate_context.published(LeadActivated)
    assert (activated.organisation, activated.activated_at.astimezone(MONDAY.tzinfo).date()) == ("W08", CLOSING)
    assert await asked_chair(separate_context) == []


async def test_lead_by_name_stays_when_the_practice_closes(separate_context: RunningContext, own_url: str, tmp_path: Path) -> None:
    patient = await Patient.discussed(separate_context)
    await register(patient, "W07")
    await load_entries(own_url, separate_context.clock.at, tmp_path, a_practice_entry("W07", closed=CLOSING, successor="W08"))

    await _until(separate_context, CLOSING)

    assert await active_lead(patient) == "clch-community-nurse-1"
    assert await separate_context.published(LeadHandedOver) == []


async def test_chair_seeks_lead_after_closing_without_successor(separate_context: RunningContext, own_url: str, tmp_path: Path) -> None:
    patient = await led_by_gp(separate_context)
    asked = len(await asked_chair(separate_context))
    await load_entries(own_url, separate_context.clock.at, tmp_path, a_practice_entry("W07", closed=CLOSING))

    await _until(separate_context, CLOSING)

    assert await active_lead(patient) == "gp-W07"  # the plan is never without a lead
    assert len(await asked_chair(separate_context)) == asked + 1


async def test_withdrawn_closing_gives_the_lead_back(separate_context: RunningContext, own_url: str, tmp_path: Path) -> None:
    patient = await led_by_gp(separate_context)
    await load_entries(own_url, separate_context.clock.at, tmp_path, a_practice_entry("W07", closed=CLOSING, successor="W08"))
    await _until(separate_context, CLOSING)

    await load_entries(own_url, separate_context.clock.at, tmp_path)
    await separate_context.let_pass(timedelta(minutes=1))

    assert await active_lead(patient) == "gp-W07"


async def test_access_and_case_finding_follow_the_successor_at_once(separate_context: RunningContext, own_url: str, tmp_path: Path) -> None:
    patient, finding = await led_by_gp(separate_context), await a_finding(separate_context)
    await load_entries(own_url, separate_context.clock.at, tmp_path, a_practice_entry("W07", closed=CLOSING, successor="W08"))

    async def seen_by(practice: str, code: str) -> tuple[int, int, list[str]]:
        caller = separate_context.token("mdt:read", organisation=practice, actor=f"gp-{practice}")
        case = await separate_context.http.get(f"/mdt/people/{patient.person_id}/care-plan", headers=caller)
        found = await separate_context.http.get(f"/mdt/case-finding?practice={code}", headers=caller)
        return case.status_code, found.status_code, [item["person_id"] for item in found.json().get("items", [])]

    before = [await seen_by("W07", "W07"), await seen_by("W08", "W07")]
    separate_context.clock.at = MONDAY + timedelta(days=14)  # no deadline has fired: a read resolves the code
    after = [await seen_by("W07", "W07"), await seen_by("W08", "W07"), await seen_by("W08", "W08")]

    assert before == [(200, 200, [str(finding)]), (404, 403, [])]
    assert after == [(404, 403, []), (200, 200, [str(finding)]), (200, 200, [str(finding)])]


async def test_step_down_names_successor_and_its_locality(separate_context: RunningContext, own_url: str, tmp_path: Path) -> None:
    patient = await led_by_gp(separate_context)
    await load_entries(own_url, separate_context.clock.at, tmp_path, a_practice_entry("W07", closed=CLOSING, successor="B01"))
    separate_context.clock.at = MONDAY + timedelta(days=14)

    await patient.command("step-down", {"destination": "gp"})

    assert [(event.practice_code, event.locality) for event in await separate_context.published(CaseSteppedDown)] == [("B01", "locality-b")]


async def test_chair_seeks_lead_instead_of_unknown_practice(context: RunningContext) -> None:
    patient = await Patient.listed(context, practice_code="E85001")

    await patient.discuss(lead=a_lead(has_accepted=False))

    assert await active_lead(patient) == "gp-E85001"
    assert await asked_chair(context) == ["no-lead-found"]


async def test_person_without_locality_reaches_agenda_and_plan(context: RunningContext) -> None:
    patient = await Patient.listed(context, practice_code="E85001", locality=None)
    await patient.discuss()

    assert (await patient.case())["locality"] is None
    assert (await patient.plan())["status"] == "agreed"


async def test_case_of_case_finding_has_locality_of_the_table(context: RunningContext) -> None:
    person = await a_finding(context)

    screened = await send_command(context, f"/mdt/case-finding/{person}/screening", 1, {"destination": "mdt", "reason": "complex-needs"})

    assert screened.status_code == 200, screened.text
    [case] = (await read(context, "/mdt/cases?status=referred"))["items"]
    assert case["locality"] == "west"


async def test_case_with_successor_of_doubtful_practice_has_no_lead(separate_context: RunningContext, own_url: str, tmp_path: Path) -> None:
    """The record has the former code, and the case that of today."""
    patient = await Patient.listed(separate_context, practice_code="B01", locality=Locality.LOCALITY_B)
    record = a_person_record(practice_code="W07", is_practice_confirmed=False)
    await separate_context.deliver(record, key=patient.person_id, subject=patient.person_id)
    await load_entries(own_url, separate_context.clock.at, tmp_path, a_practice_entry("W07", closed=MONDAY.date(), successor="B01"))

    await patient.discuss(lead=a_lead(has_accepted=False))

    assert "gp-B01" not in [lead["professional_id"] for lead in await patient.leads()]
