"""Two records of one person are merged, and separated again: cases and plans stay under their id, and the person has one lead."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.mdt import subscriptions
from shared.contracts.event import Event
from shared.contracts.mdt import LeadActivated, LeadEnded
from shared.contracts.persons import PersonChange, PersonDeceased, PersonMerged, PersonRestored, PersonSeparated
from shared.contracts.rapid_care import ResponseClosed, ResponseOutcome
from shared.kernel.ids import new_id
from shared.messaging.event_processor import EventProcessor
from tests.builders.context_app import RunningContext, arrived
from tests.builders.mdt import (
    MONDAY,
    Patient,
    a_discussion,
    a_finding,
    a_lead,
    a_person_record,
    a_routed_case,
    acknowledge,
    notifications,
    read,
    send_command,
)

MERGED_AT, SEPARATED_AT = MONDAY.astimezone(UTC), (MONDAY + timedelta(hours=1)).astimezone(UTC)
NURSE, OTHER_NURSE = "clch-community-nurse-1", "clch-community-nurse-2"


def a_merge(into: UUID, merged_at: datetime = MERGED_AT) -> PersonMerged:
    return PersonMerged(into=into, merged_at=merged_at)


def a_separation(from_person: UUID) -> PersonSeparated:
    return PersonSeparated(from_person=from_person, merged_at=MERGED_AT, separated_at=SEPARATED_AT)


async def _deliver(context: RunningContext, event: Event, person_id: UUID) -> None:
    await context.deliver(event, key=person_id, subject=person_id)


async def _two_led_patients(context: RunningContext) -> tuple[Patient, Patient]:
    """The survivor and the merged record, each with a case, a plan and a lead."""
    survivor = await Patient.discussed(context, lead=a_lead(NURSE))
    merged = await Patient.discussed(context, lead=a_lead(OTHER_NURSE))
    return survivor, merged


async def _leads(context: RunningContext, person_id: UUID) -> list[tuple[str, str]]:
    """The person's open leads: id of the person and professional."""
    found = await read(context, f"/mdt/people/{person_id}/leads")
    return [(each["person_id"], each["professional_id"]) for each in found]


async def _kinds(context: RunningContext, professional_id: str) -> list[str]:
    kinds = [each["kind"] for each in await notifications(context, professional_id)]
    return [kind for kind in kinds if kind.endswith(("merged", "separated"))]


async def _close_response(context: RunningContext, person_id: UUID) -> None:
    closed = ResponseClosed(
        referral_id=new_id(), outcome=ResponseOutcome.ADMISSION_AVOIDED, is_admission_avoided=True, benefit_pounds=0, routing=1
    )
    await context.deliver(closed, key=person_id, subject=new_id())


async def test_merge_leaves_one_lead_and_separation_returns_the_other(context: RunningContext) -> None:
    survivor, merged = await _two_led_patients(context)

    for _ in range(2):
        await _deliver(context, a_merge(survivor.person_id), merged.person_id)

    assert [event.reason for event in await context.published(LeadEnded)] == ["merged"]
    for person_id in (survivor.person_id, merged.person_id):
        assert await _leads(context, person_id) == [(str(survivor.person_id), NURSE)]
    assert (await _kinds(context, NURSE), await _kinds(context, OTHER_NURSE)) == (["person-merged"], ["lead-merged"])
    assert all(each["needs_answer"] for each in (await notifications(context, OTHER_NURSE))[-1:])
    own = await read(context, f"/mdt/leads/people?professional_id={NURSE}", actor=NURSE)
    assert {each["care_plan_id"] for each in own} == {(await survivor.plan())["id"], (await merged.plan())["id"]}
    assert await read(context, f"/mdt/leads/people?professional_id={OTHER_NURSE}", actor=OTHER_NURSE) == []

    for event in (a_separation(survivor.person_id), a_separation(survivor.person_id), a_merge(survivor.person_id)):
        await _deliver(context, event, merged.person_id)

    assert await _leads(context, survivor.person_id) == [(str(survivor.person_id), NURSE)]
    assert await _leads(context, merged.person_id) == [(str(merged.person_id), OTHER_NURSE)]
    assert [event.professional_id for event in await context.published(LeadActivated)] == [NURSE, OTHER_NURSE, OTHER_NURSE]
    assert await _kinds(context, OTHER_NURSE) == ["lead-merged", "person-separated"]
    assert not any(each["needs_answer"] for each in await notifications(context, OTHER_NURSE) if each["kind"] == "lead-merged")
    [separated] = [each for each in await notifications(context, NURSE) if each["kind"] == "person-separated"]
    await acknowledge(context, separated, actor=NURSE)
    assert await _kinds(context, "mdt-chair") == ["person-separated"] * 2


async def test_separation_leaves_another_lead_of_the_merged_record(context: RunningContext) -> None:
    survivor, merged = await _two_led_patients(context)
    await _deliver(context, a_merge(survivor.person_id), merged.person_id)
    plan = await merged.plan()
    await send_command(context, f"/mdt/care-plans/{plan['id']}/review", plan["version"])
    await merged.discuss(lead=a_lead("clch-community-nurse-3"))
    assert await _leads(context, survivor.person_id) == [(str(merged.person_id), "clch-community-nurse-3")]

    await _deliver(context, a_separation(survivor.person_id), merged.person_id)

    assert await _leads(context, merged.person_id) == [(str(merged.person_id), "clch-community-nurse-3")]
    assert await _leads(context, survivor.person_id) == [(str(survivor.person_id), "gp-W07")]


async def test_lead_of_either_record_leads_the_person(context: RunningContext) -> None:
    survivor, merged = await Patient.listed(context), await Patient.discussed(context, lead=a_lead(OTHER_NURSE))
    await _deliver(context, a_merge(survivor.person_id), merged.person_id)
    assert await context.published(LeadEnded) == []

    await _close_response(context, survivor.person_id)

    kinds = [each["kind"] for each in await notifications(context, OTHER_NURSE)]
    assert kinds == ["person-merged", "response-closed", "review-due"]
    assert (await merged.plan())["status"] == "review-due"
    plan = await read(context, f"/mdt/people/{survivor.person_id}/care-plan")
    assert plan["person_id"] == str(merged.person_id)

    await _deliver(context, a_separation(survivor.person_id), merged.person_id)

    assert (await _leads(context, survivor.person_id), len(await _leads(context, merged.person_id))) == ([], 1)


async def test_views_and_agenda_show_the_other_open_case(context: RunningContext) -> None:
    survivor, merged, alone = [await Patient.listed(context) for _ in range(3)]
    cases = [(await each.case())["id"] for each in (survivor, merged, alone)]
    await _deliver(context, a_merge(survivor.person_id), merged.person_id)

    first = await read(context, f"/mdt/cases/{cases[0]}")
    agenda = await read(context, f"/mdt/meetings/{first['meeting_id']}/agenda")

    assert first["other_case_ids"] == [cases[1]]
    shown = {item["case"]["id"]: item["case"]["other_case_ids"] for item in agenda["items"]}
    assert shown == {cases[0]: [cases[1]], cases[1]: [cases[0]], cases[2]: []}
    for person_id in (survivor.person_id, merged.person_id):
        assert len((await read(context, f"/mdt/cases?person_id={person_id}"))["items"]) == 2


async def test_lead_stays_for_other_plan_when_case_closes(context: RunningContext) -> None:
    survivor, merged = await _two_led_patients(context)
    case = await survivor.case()
    await _deliver(context, a_merge(survivor.person_id), merged.person_id)

    closed = await send_command(context, f"/mdt/cases/{case['id']}/closure", case["version"], {"reason": "needs-met"})

    assert (closed.status_code, closed.json()["other_case_ids"]) == (200, [(await merged.case())["id"]])
    assert await _leads(context, survivor.person_id) == [(str(merged.person_id), NURSE)]
    [own] = await read(context, f"/mdt/leads/people?professional_id={NURSE}", actor=NURSE)
    assert own["care_plan_id"] == (await merged.plan())["id"]
    await _deliver(context, a_separation(survivor.person_id), merged.person_id)
    assert await _leads(context, merged.person_id) == [(str(merged.person_id), NURSE)]


async def test_referral_joins_the_open_case_of_the_person(context: RunningContext) -> None:
    survivor, merged = new_id(), await Patient.listed(context)
    await _deliver(context, a_merge(survivor), merged.person_id)
    referral_id = new_id()

    await context.deliver(a_routed_case(context.clock.at), key=survivor, subject=referral_id)

    assert (await merged.case())["referral_ids"] == [str(merged.referral_id), str(referral_id)]
    headers = context.token("mdt:coordinate") | {"Idempotency-Key": str(new_id())}
    body = {"person_id": str(survivor), "practice_code": "W07", "locality": "west"}
    refused = await context.http.post("/mdt/cases", headers=headers, json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "case-already-open")

    await _deliver(context, a_separation(survivor), merged.person_id)
    await context.deliver(a_routed_case(context.clock.at), key=survivor, subject=new_id())
    assert [each["person_id"] for each in (await read(context, f"/mdt/cases?person_id={survivor}"))["items"]] == [str(survivor)]


async def test_highest_risk_of_the_records_counts(context: RunningContext) -> None:
    found = await a_finding(context)
    patient = await Patient.listed(context)
    await _deliver(context, a_merge(found), patient.person_id)

    case = await patient.case()
    finding = await read(context, f"/mdt/case-finding/{patient.person_id}")

    assert (case["risk_level"], finding["person_id"], finding["level"]) == (3, str(found), 3)
    await _deliver(context, a_separation(found), patient.person_id)
    assert (await patient.case())["risk_level"] is None


async def test_story_and_access_follow_the_person(context: RunningContext) -> None:
    survivor, merged = new_id(), await Patient.listed(context)
    await context.deliver(a_person_record(), key=survivor, subject=survivor)
    await _deliver(context, a_merge(survivor), merged.person_id)

    stories = [await read(context, f"/mdt/people/{person_id}/story") for person_id in (merged.person_id, survivor)]

    assert [(story["person_id"], story["merged_into"], story["family_name"]) for story in stories] == [
        (str(merged.person_id), str(survivor), "Dale"),
        (str(survivor), None, "Dale"),
    ]


async def test_lead_fulfils_action_of_the_other_plan(context: RunningContext) -> None:
    survivor, merged = await Patient.discussed(context, lead=a_lead(NURSE)), await Patient.listed(context)
    await merged.discuss(lead=a_lead(OTHER_NURSE), actions=[_a_leads_action(context)])
    await _deliver(context, a_merge(survivor.person_id), merged.person_id)
    plan = await merged.plan()
    [action] = plan["in_force"]["actions"]

    path, body = f"/mdt/care-plans/{plan['id']}/action-fulfilment", {"action_id": action["action_id"]}
    refused = await send_command(context, path, plan["version"], body, actor=OTHER_NURSE)
    fulfilled = await send_command(context, path, plan["version"], body, actor=NURSE)

    assert (refused.status_code, refused.json()["code"]) == (404, "care-plan-not-found")
    assert fulfilled.status_code == 200


async def test_mistaken_death_of_both_records_restores_one_lead(context: RunningContext) -> None:
    survivor, merged = await _two_led_patients(context)
    people = survivor.person_id, merged.person_id
    await _deliver(context, a_merge(survivor.person_id), merged.person_id)
    recorded_at = context.clock.at

    for person_id in people:
        await _deliver(context, PersonDeceased(died_on=None, reported_by="gp", recorded_at=recorded_at), person_id)
    assert await _leads(context, merged.person_id) == []
    restored = PersonRestored(mistaken=PersonChange.DEATH, recorded_at=recorded_at, restored_at=context.clock.at)
    for person_id in reversed(people):
        await _deliver(context, restored, person_id)

    assert len(await _leads(context, merged.person_id)) == 1
    assert {(await survivor.case())["status"], (await merged.case())["status"]} == {"active-management"}


async def _active_leads(context: RunningContext) -> int:
    return int(await context.database.pool.fetchval("SELECT count(*) FROM lead WHERE status = 'active'"))


async def test_concurrent_merge_and_discussion_leave_one_lead(context: RunningContext) -> None:
    survivor, merged = await Patient.listed(context), await Patient.listed(context)
    await survivor.meet()
    secrets = context.database.secrets
    record = arrived(a_merge(survivor.person_id), key=merged.person_id, subject=merged.person_id, secrets=secrets)
    today = context.clock.at.date()

    await asyncio.gather(
        EventProcessor(context.database, subscriptions.SUBSCRIPTIONS).apply([record]),
        survivor.command("discussion", a_discussion(today, lead=a_lead(NURSE))),
        merged.command("discussion", a_discussion(today, lead=a_lead(OTHER_NURSE))),
    )

    assert await _active_leads(context) == 1


@pytest.mark.parametrize("count", [2, 3])
async def test_concurrent_merges_into_one_record_leave_one_lead(context: RunningContext, count: int) -> None:
    survivor, secrets = new_id(), context.database.secrets
    merged = [await Patient.discussed(context, lead=a_lead(f"clch-community-nurse-{number}")) for number in range(count)]
    records = [arrived(a_merge(survivor), key=each.person_id, subject=each.person_id, secrets=secrets) for each in merged]
    consumers = [EventProcessor(context.database, subscriptions.SUBSCRIPTIONS) for _ in records]

    await asyncio.gather(*(consumer.apply([record]) for consumer, record in zip(consumers, records, strict=True)))
    assert await _active_leads(context) == 1

    for each in merged:
        await _deliver(context, a_separation(survivor), each.person_id)
    assert await _active_leads(context) == count


async def test_concurrent_merge_and_separation_end_separated(context: RunningContext) -> None:
    survivor, merged = await _two_led_patients(context)
    secrets = context.database.secrets
    events: list[Event] = [a_merge(survivor.person_id), a_separation(survivor.person_id)] * 2
    records = [arrived(event, key=merged.person_id, subject=merged.person_id, secrets=secrets) for event in events]
    consumers = [EventProcessor(context.database, subscriptions.SUBSCRIPTIONS) for _ in records]

    await asyncio.gather(*(consumer.apply([record]) for consumer, record in zip(consumers, records, strict=True)))

    assert await _active_leads(context) == 2
    assert await _leads(context, merged.person_id) == [(str(merged.person_id), OTHER_NURSE)]


def _a_leads_action(context: RunningContext) -> dict[str, Any]:
    due_on = (context.clock.at.date() + timedelta(weeks=2)).isoformat()
    return {"kind": "implement-care-plan-action", "owner_role": "community-nurse", "due_on": due_on}
