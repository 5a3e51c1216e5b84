"""Death, move and change of practice on the real database: what they end, what a mistake restores, and who has access (G39, IG8)."""

from datetime import timedelta

import pytest

from shared.contracts.care_plans import CarePlanReopened
from shared.contracts.codes import Locality, RiskLevel
from shared.contracts.event import Event
from shared.contracts.mdt import (
    CaseClosed,
    CaseCloseReason,
    CaseListed,
    CaseReopened,
    CaseSteppedDown,
    LeadActivated,
    LeadEnded,
    LeadHandedOver,
    RiskEnded,
    RiskReopened,
    RiskRestored,
)
from shared.contracts.persons import PersonChange, PersonDeceased, PersonMoved, PersonRestored, PersonReturned
from shared.contracts.practices import UNKNOWN_PRACTICE
from shared.contracts.referral_codes import CancelReason, Outcome, ReopenReason
from shared.contracts.referrals import ReferralCancelled, ReferralClosed, ReferralReopened
from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext, repeated
from tests.builders.mdt import MONDAY, Patient, a_finding, a_lead, a_person_record, notifications, read, send_command

NURSE = "clch-community-nurse-1"


def recorded(context: RunningContext, change: PersonChange = PersonChange.DEATH) -> PersonDeceased | PersonMoved:
    match change:
        case PersonChange.DEATH:
            return PersonDeceased(died_on=None, reported_by="CLCH", recorded_at=context.clock.at)
        case PersonChange.MOVE:
            return PersonMoved(moved_on=None, reported_by="CLCH", recorded_at=context.clock.at)


def mistaken(event: PersonDeceased | PersonMoved, context: RunningContext) -> PersonRestored:
    change = PersonChange.DEATH if isinstance(event, PersonDeceased) else PersonChange.MOVE
    return PersonRestored(mistaken=change, recorded_at=event.recorded_at, restored_at=context.clock.at)


async def deliver(patient: Patient, event: Event) -> None:
    """An event of the person, as the Community Point of Access publishes it; it may arrive twice."""
    record = await patient.context.deliver(event, key=patient.person_id, subject=patient.person_id)
    await patient.context.processor.apply(repeated(record, 2))
    await patient.context.deliver(event, key=patient.person_id, subject=patient.person_id)


async def pending(context: RunningContext) -> list[str]:
    """The kinds of the pending deadlines, apart from those of meetings and imports."""
    rows = await context.database.pool.fetch(
        "SELECT kind FROM deadline WHERE state = 'pending' AND subject NOT IN (SELECT id FROM meeting UNION SELECT id FROM risk_import) "
        "ORDER BY kind"
    )
    return [row["kind"] for row in rows]


@pytest.mark.parametrize("change", PersonChange)
async def test_mistaken_change_restores_plan_lead_and_deadlines(context: RunningContext, change: PersonChange) -> None:
    patient = await Patient.discussed(context)
    plan, before = await patient.plan(), await pending(context)
    event = recorded(context, change)
    await deliver(patient, event)
    assert (await patient.case())["status"] == "closed"
    assert await pending(context) == []

    context.clock.advance(timedelta(hours=5))
    await deliver(patient, mistaken(event, context))

    assert (await patient.case())["status"] == "active-management"
    assert (await patient.plan())["in_force"] == plan["in_force"]
    assert [(lead["status"], lead["professional_id"]) for lead in await patient.leads()] == [("active", NURSE)]
    assert (len(await context.published(CaseReopened)), len(await context.published(CarePlanReopened))) == (1, 1)
    assert len(await context.published(LeadActivated)) == 2
    assert await pending(context) == sorted([*before, "notification-acknowledgement"])
    assert [notification["kind"] for notification in await notifications(context, NURSE)] == ["care-ended", "care-restored"]


async def test_mistaken_death_lists_waiting_case_again(context: RunningContext) -> None:
    listed, referred = await Patient.listed(context), await Patient.referred(context)
    event = recorded(context)
    for patient in (listed, referred):
        await deliver(patient, event)

    for patient in (listed, referred):
        await deliver(patient, mistaken(event, context))

    assert [(await patient.case())["status"] for patient in (listed, referred)] == ["listed", "referred"]
    assert (await listed.case())["referral_ids"] == [str(listed.referral_id)]
    assert "screening" in await pending(context)
    await listed.discuss()


async def test_late_reversal_of_an_older_death_restores_nothing(context: RunningContext) -> None:
    patient, first = await Patient.listed(context), recorded(context)
    reversal = mistaken(first, context)
    context.clock.advance(timedelta(minutes=5))
    await deliver(patient, recorded(context))

    await deliver(patient, reversal)

    assert (await patient.case())["status"] == "closed"


async def test_death_that_the_meeting_reports_is_reversible(context: RunningContext) -> None:
    """The closure over HTTP precedes the record of the death, which its event causes."""
    patient = await Patient.discussed(context)
    await patient.command("closure", {"reason": "died"})
    context.clock.advance(timedelta(seconds=2))
    event = recorded(context)
    await deliver(patient, event)

    await deliver(patient, mistaken(event, context))

    assert [closed.reason for closed in await context.published(CaseClosed)] == ["died"]
    assert (await patient.case())["status"] == "active-management"
    assert (await patient.plan())["status"] == "agreed"


async def test_mistake_leaves_what_ended_for_another_reason(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    await patient.command("closure", {"reason": "needs-met"})
    event = recorded(context)
    await deliver(patient, event)

    await deliver(patient, mistaken(event, context))

    assert (await patient.case())["status"] == "closed"
    assert await context.published(CaseReopened) == []


@pytest.mark.parametrize("ending", [ReferralClosed(outcome=Outcome.DIED, closed_at=MONDAY), ReferralCancelled(reason=CancelReason.DIED)])
@pytest.mark.parametrize("referral_is_first", [True, False])
async def test_death_and_end_of_referral_may_cross(context: RunningContext, ending: Event, *, referral_is_first: bool) -> None:
    patient = await Patient.referred(context)
    event = recorded(context)
    if referral_is_first:
        await context.deliver(ending, key=patient.person_id, subject=patient.referral_id)
    await deliver(patient, event)
    if not referral_is_first:
        await context.deliver(ending, key=patient.person_id, subject=patient.referral_id)

    assert [closed.reason for closed in await context.published(CaseClosed)] == ["died"]
    await deliver(patient, mistaken(event, context))
    assert (await patient.case())["status"] == "referred"
    reopened = ReferralReopened(reopened_at=context.clock.at)
    await context.deliver(reopened, key=patient.person_id, subject=patient.referral_id)
    assert len(await context.published(CaseReopened)) == 1


async def test_late_end_of_referral_is_undone_with_its_reopening(context: RunningContext) -> None:
    patient = await Patient.referred(context)
    event = recorded(context)
    await deliver(patient, event)
    await deliver(patient, mistaken(event, context))
    late = ReferralClosed(outcome=Outcome.DIED, closed_at=context.clock.at)
    await context.deliver(late, key=patient.person_id, subject=patient.referral_id)
    assert (await patient.case())["status"] == "closed"

    await context.deliver(ReferralReopened(reopened_at=context.clock.at), key=patient.person_id, subject=patient.referral_id)

    assert (await patient.case())["status"] == "referred"
    assert "screening" in await pending(context)


async def test_reopening_after_an_error_restores_no_case(context: RunningContext) -> None:
    """The Community Point of Access triages it again, and may choose another route."""
    patient = await Patient.referred(context)
    late = ReferralClosed(outcome=Outcome.DIED, closed_at=context.clock.at)
    await context.deliver(late, key=patient.person_id, subject=patient.referral_id)

    in_error = ReferralReopened(reopened_at=context.clock.at, reason=ReopenReason.ENDED_IN_ERROR)
    await context.deliver(in_error, key=patient.person_id, subject=patient.referral_id)

    assert (await patient.case())["status"] == "closed"


async def test_newer_case_takes_over_restored_plan(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    event = recorded(context)
    await deliver(patient, event)
    newer = await Patient.referred(context, person_id=patient.person_id)

    await deliver(patient, mistaken(event, context))

    assert (await newer.case())["status"] == "listed"
    assert (await newer.case())["care_plan_id"] == (await patient.plan())["id"]
    assert (await patient.plan())["status"] == "agreed"
    assert len(await patient.leads()) == 1


async def test_death_of_person_of_case_finding_is_reversible(context: RunningContext) -> None:
    person = await a_finding(context)
    patient = Patient(context, person, new_id())
    event = recorded(context)
    await deliver(patient, event)
    assert (await pending(context), len(await context.published(RiskEnded))) == ([], 1)
    page = await read(context, "/mdt/case-finding?practice=W07")
    assert page["items"] == []

    await deliver(patient, mistaken(event, context))

    assert [event.level for event in await context.published(RiskRestored)] == [RiskLevel.VERY_HIGH]
    assert await pending(context) == ["finding-screening"]
    assert (await read(context, f"/mdt/case-finding/{person}"))["status"] == "found"


async def test_person_who_died_before_first_score_is_unlisted(context: RunningContext) -> None:
    person = context.database.secrets.pseudonym("9990548609")
    patient = Patient(context, person, new_id())
    event = recorded(context)
    await deliver(patient, event)

    await a_finding(context)
    await context.let_pass(timedelta(weeks=3))

    assert (await read(context, "/mdt/case-finding?practice=W07"))["items"] == []
    assert (await notifications(context, "mdt-chair"), await pending(context)) == ([], [])
    context.clock.at = event.recorded_at + timedelta(hours=20)
    await deliver(patient, mistaken(event, context))
    assert [item["person_id"] for item in (await read(context, "/mdt/case-finding?practice=W07"))["items"]] == [str(person)]


async def test_death_recorded_during_an_import_ends_the_new_entry(context: RunningContext) -> None:
    """The import had not seen the death, and the death had not seen the entry: neither was committed."""
    person = await a_finding(context)
    await context.database.pool.execute(
        "INSERT INTO person_change (person_id, change, recorded_at) VALUES ($1, 'death', $2)", person, context.clock.at
    )

    await context.let_pass(timedelta(minutes=1))

    assert (await read(context, "/mdt/case-finding?practice=W07"))["items"] == []
    assert len(await context.published(RiskEnded)) == 1


@pytest.mark.parametrize("change", PersonChange)
async def test_returned_person_is_found_again_without_old_case(context: RunningContext, change: PersonChange) -> None:
    person = await a_finding(context)
    patient = await Patient.referred(context, person_id=person)
    event = recorded(context, change)
    await deliver(patient, event)
    context.clock.advance(timedelta(days=30))

    await deliver(patient, PersonReturned(after=change, reported_by="CLCH", recorded_at=context.clock.at))
    late = event.model_copy(update={"recorded_at": context.clock.at - timedelta(days=1)})
    await Patient.referred(context, person_id=person)
    await deliver(patient, late)

    assert [reopened.reason for reopened in await context.published(RiskReopened)] == ["person-returned"]
    assert (await read(context, f"/mdt/case-finding/{person}"))["status"] == "found"
    cases = await context.database.pool.fetch('SELECT status FROM "case" WHERE person_id = $1 ORDER BY id', person)
    assert [row["status"] for row in cases] == ["closed", "referred"]
    assert await context.published(CaseReopened) == []


async def register(patient: Patient, practice_code: str, sequence: int, locality: Locality = Locality.WEST) -> None:
    """The person's record with the practice at which they are registered."""
    record = a_person_record(practice_code=practice_code, locality=locality)
    await patient.context.deliver(record, key=patient.person_id, subject=patient.person_id, sequence=sequence)


async def test_fallback_lead_follows_registration(context: RunningContext) -> None:
    patient = await Patient.discussed(context, lead=a_lead(has_accepted=False))
    await register(patient, "W07", 1)

    await register(patient, "B01", 3, Locality.LOCALITY_B)
    await register(patient, "W07", 2)  # an older record arrives late

    leads = {lead["status"]: lead for lead in await patient.leads()}
    assert (leads["active"]["professional_id"], leads["active"]["organisation"]) == ("gp-B01", "B01")
    assert [event.reason for event in await context.published(LeadHandedOver)] == ["practice-changed"]
    assert [event.professional_id for event in await context.published(LeadActivated)] == ["gp-W07", "gp-B01"]


async def test_fallback_lead_follows_no_doubtful_practice(context: RunningContext) -> None:
    """The chair seeks another lead until the Community Point of Access has confirmed a practice."""
    patient = await Patient.listed(context, practice_code=UNKNOWN_PRACTICE)
    stated = a_person_record(practice_code="B01", locality=Locality.LOCALITY_B, is_practice_confirmed=False)
    await context.deliver(stated, key=patient.person_id, subject=patient.person_id, sequence=1)
    await patient.discuss(lead=a_lead(has_accepted=False))
    before = [lead["professional_id"] for lead in await patient.leads() if lead["status"] == "active"]
    asked = await context.database.pool.fetch("SELECT kind FROM notification WHERE kind = 'no-lead-found'")

    await register(patient, "B01", 2, Locality.LOCALITY_B)

    after = [lead["professional_id"] for lead in await patient.leads() if lead["status"] == "active"]
    assert (before, len(asked), after) == (["gp-unknown"], 1, ["gp-B01"])


async def test_score_names_fallback_lead_before_doubtful_practice(context: RunningContext) -> None:
    person = await a_finding(context)
    patient = await Patient.referred(context, person_id=person, practice_code=UNKNOWN_PRACTICE)
    stated = a_person_record(practice_code="B01", locality=Locality.LOCALITY_B, is_practice_confirmed=False)
    await context.deliver(stated, key=person, subject=person, sequence=1)
    await patient.command("screening", {"outcome": "eligible"})

    await patient.discuss(lead=a_lead(has_accepted=False))

    assert [lead["professional_id"] for lead in await patient.leads() if lead["status"] == "active"] == ["gp-W07"]


async def test_lead_by_name_falls_back_to_practice_of_today(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    await register(patient, "B01", 1, Locality.LOCALITY_B)
    (lead,) = await patient.leads()
    assert lead["professional_id"] == NURSE

    response = await send_command(context, f"/mdt/leads/{lead['id']}/handover", lead["version"], {"to": None}, actor=NURSE)

    assert response.json()["professional_id"] == "gp-B01", response.text
    assert await context.published(LeadEnded) == []


@pytest.mark.parametrize("path", ["cases/{case}", "care-plans/{plan}", "people/{person}/care-plan", "people/{person}/story"])
async def test_access_follows_registration(context: RunningContext, path: str) -> None:
    patient = await Patient.discussed(context)
    await register(patient, "W07", 1)
    ids = {"case": (await patient.case())["id"], "plan": (await patient.plan())["id"], "person": patient.person_id}

    async def status(practice_code: str) -> int:
        caller = context.token("mdt:read", organisation=practice_code, actor=f"gp-{practice_code}")
        return (await context.http.get(f"/mdt/{path.format(**ids)}", headers=caller)).status_code

    before = [await status(practice_code) for practice_code in ("W07", "B01")]
    await register(patient, "B01", 2, Locality.LOCALITY_B)

    assert before == [200, 404]
    assert [await status(practice_code) for practice_code in ("W07", "B01")] == [404, 200]


async def test_step_down_names_practice_and_locality_of_today(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    await register(patient, "B01", 1, Locality.LOCALITY_B)

    await patient.command("step-down", {"destination": "gp"})

    assert [(event.practice_code, event.locality) for event in await context.published(CaseSteppedDown)] == [("B01", "locality-b")]


async def test_restored_fallback_lead_is_the_gp_of_today(context: RunningContext) -> None:
    patient = await Patient.discussed(context, lead={"candidate": {"professional_id": "gp-W07", "role": "gp", "organisation": "W07"}})
    event = recorded(context)
    await deliver(patient, event)
    await register(patient, "B01", 1, Locality.LOCALITY_B)

    await deliver(patient, mistaken(event, context))

    assert [lead["professional_id"] for lead in await patient.leads()] == ["gp-B01"]
    assert [closed.reason for closed in await context.published(CaseClosed)] == [CaseCloseReason.DIED]
    assert len(await context.published(CaseListed)) == 1
