"""Two records of one person have a case each: one ends as a duplicate, and a referral is always answered for its own person."""

from uuid import UUID

import pytest

from shared.contracts.care_plans import CarePlanAgreed, CarePlanClosed, CarePlanReferralWithdrawn
from shared.contracts.event import Event
from shared.contracts.mdt import CaseClosed, CaseReferralWithdrawn
from shared.contracts.persons import PersonChange, PersonDeceased, PersonMerged, PersonRestored, PersonSeparated
from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext
from tests.builders.mdt import Patient, a_routed_case, notifications, read, send_command

DUPLICATE = {"reason": "duplicate"}


async def _deliver(context: RunningContext, event: Event, person_id: UUID) -> None:
    await context.deliver(event, key=person_id, subject=person_id)


async def _merge(context: RunningContext, merged: UUID, into: UUID) -> PersonMerged:
    merge = PersonMerged(into=into, merged_at=context.clock.at)
    await _deliver(context, merge, merged)
    return merge


async def _separate(context: RunningContext, merged: UUID, merge: PersonMerged) -> None:
    await _deliver(context, PersonSeparated(from_person=merge.into, merged_at=merge.merged_at, separated_at=context.clock.at), merged)


async def _waiting(context: RunningContext, person_id: UUID) -> dict[str, list[str]]:
    """The open cases under this id: status and waiting referrals."""
    found = await read(context, f"/mdt/cases?person_id={person_id}")
    own = [case for case in found["items"] if case["person_id"] == str(person_id) and case["status"] != "closed"]
    return {case["status"]: case["referral_ids"] for case in own}


async def _close(patient: Patient) -> tuple[int, str]:
    """The answer to a closure of the patient's own case as a duplicate."""
    cases = (await read(patient.context, f"/mdt/cases?person_id={patient.person_id}"))["items"]
    [case] = [each for each in cases if each["person_id"] == str(patient.person_id)]
    answer = await send_command(patient.context, f"/mdt/cases/{case['id']}/closure", case["version"], DUPLICATE)
    return answer.status_code, answer.json().get("code", "")


async def test_referrals_of_a_duplicate_wait_in_the_other_case(context: RunningContext) -> None:
    remaining, duplicate = await Patient.referred(context), await Patient.listed(context)
    await _merge(context, duplicate.person_id, remaining.person_id)

    assert await _close(duplicate) == (200, "")

    assert [(event.referral_id, event.reason) for event in await context.published(CaseClosed)] == [(duplicate.referral_id, "duplicate")]
    assert await _waiting(context, duplicate.person_id) == {}
    assert await _waiting(context, remaining.person_id) == {"referred": [str(remaining.referral_id), str(duplicate.referral_id)]}


async def test_case_without_other_open_case_is_no_duplicate(context: RunningContext) -> None:
    assert await _close(await Patient.listed(context)) == (409, "no-other-case")


async def test_of_two_cases_the_one_with_a_plan_stays(context: RunningContext) -> None:
    planned, other = await Patient.discussed(context), await Patient.listed(context)
    await _merge(context, other.person_id, planned.person_id)

    assert await _close(planned) == (409, "other-case-without-plan")

    assert await _close(other) == (200, "")
    assert await _waiting(context, planned.person_id) == {"listed": [str(other.referral_id)]}


async def test_unanswered_referral_of_duplicate_waits_in_other_case(context: RunningContext) -> None:
    remaining, duplicate = await Patient.discussed(context), await Patient.discussed(context, is_agreed_by_person=None)
    await _merge(context, duplicate.person_id, remaining.person_id)

    assert await _close(duplicate) == (200, "")

    assert [event.reason for event in await context.published(CarePlanClosed)] == ["duplicate"]
    assert await _waiting(context, remaining.person_id) == {"listed": [str(duplicate.referral_id)]}


@pytest.mark.parametrize("is_closed_as_duplicate", [False, True])
async def test_separation_returns_referral_to_case_of_its_person(context: RunningContext, *, is_closed_as_duplicate: bool) -> None:
    patient = await Patient.listed(context)
    if is_closed_as_duplicate:
        other = await Patient.referred(context)
        merge = await _merge(context, other.person_id, patient.person_id)
        await _close(other)
    else:
        other = Patient(context, new_id(), new_id())
        merge = await _merge(context, other.person_id, patient.person_id)
        await context.deliver(a_routed_case(context.clock.at), key=other.person_id, subject=other.referral_id)
    assert await _waiting(context, patient.person_id) == {"listed": [str(patient.referral_id), str(other.referral_id)]}

    for _ in range(2):
        await _separate(context, other.person_id, merge)

    assert await _waiting(context, patient.person_id) == {"listed": [str(patient.referral_id)]}
    assert await _waiting(context, other.person_id) == {"referred": [str(other.referral_id)]}
    assert [event.referral_id for event in await context.published(CaseReferralWithdrawn)] == [other.referral_id]
    chair = [each["kind"] for each in await notifications(context, "mdt-chair")]
    assert chair.count("person-separated") == 2


async def test_separation_returns_referral_that_waits_for_plan(context: RunningContext) -> None:
    patient, other = await Patient.listed(context), Patient(context, new_id(), new_id())
    merge = await _merge(context, other.person_id, patient.person_id)
    await context.deliver(a_routed_case(context.clock.at), key=other.person_id, subject=other.referral_id)
    await patient.discuss(is_agreed_by_person=None)

    await _separate(context, other.person_id, merge)

    assert await _waiting(context, other.person_id) == {"referred": [str(other.referral_id)]}
    assert [event.referral_id for event in await context.published(CarePlanReferralWithdrawn)] == [other.referral_id]
    plan = await patient.plan()
    answered = await send_command(context, f"/mdt/care-plans/{plan['id']}/agreement", plan["version"])
    assert answered.status_code == 200, answered.text
    assert [event.referral_ids for event in await context.published(CarePlanAgreed)] == [(patient.referral_id,)]


async def test_restored_case_returns_referral_of_a_person_separated_since(context: RunningContext) -> None:
    patient, other = await Patient.listed(context), Patient(context, new_id(), new_id())
    merge = await _merge(context, other.person_id, patient.person_id)
    await context.deliver(a_routed_case(context.clock.at), key=other.person_id, subject=other.referral_id)
    recorded_at = context.clock.at
    await _deliver(context, PersonDeceased(died_on=None, reported_by="gp", recorded_at=recorded_at), patient.person_id)
    await _separate(context, other.person_id, merge)

    restored = PersonRestored(mistaken=PersonChange.DEATH, recorded_at=recorded_at, restored_at=context.clock.at)
    await _deliver(context, restored, patient.person_id)

    assert await _waiting(context, patient.person_id) == {"listed": [str(patient.referral_id)]}
    assert await _waiting(context, other.person_id) == {"referred": [str(other.referral_id)]}
