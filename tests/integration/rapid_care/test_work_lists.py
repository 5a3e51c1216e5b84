"""The work lists of the coordinator and of a clinician: at risk, breached, overdue, unassigned, with an unanswered call (A2, A18)."""

from datetime import timedelta
from uuid import UUID

from services.rapid_care.domain.response import Status
from shared.contracts.codes import Condition
from shared.contracts.rapid_care import (
    OverdueStep,
    ResponseAtRisk,
    ResponseBreached,
    ResponseCallAnswered,
    ResponseContacted,
    ResponseOverdue,
)
from shared.contracts.referral_codes import AmendedPart
from shared.contracts.referrals import ReferralAmended
from shared.kernel.ids import new_id
from tests.builders.rapid_care import NURSE, RapidCareClient, a_repeated_call, at, mr_dale


async def _listed(team: RapidCareClient, **query: str) -> list[UUID]:
    return [UUID(item["id"]) for item in (await team.get("responses", **query))["items"]]


async def test_response_at_risk_is_listed_until_breach(team: RapidCareClient) -> None:
    referral_id = new_id()
    response_id = await team.receive_referral(referral_id=referral_id)
    await team.receive_referral(received_at=at("14:00") + timedelta(days=1))

    await team.context.let_pass(timedelta(minutes=61))
    at_risk = await team.read(response_id)
    assert at_risk["at_risk_since"] == "2015-03-15T15:00:00Z"
    assert (await _listed(team, attention="at-risk"), await _listed(team, attention="breached")) == ([response_id], [])
    await team.context.let_pass(timedelta(minutes=60))

    assert (await _listed(team, attention="at-risk"), await _listed(team, attention="breached")) == ([], [response_id])
    assert await _listed(team, attention="any") == [response_id]
    assert {event.referral_id for event in await team.context.published(ResponseAtRisk)} == {referral_id}
    assert [event.referral_id for event in await team.context.published(ResponseBreached)] == [referral_id]


async def test_breached_response_is_chased_until_contact(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()
    await team.advance(response_id, Status.ASSIGNED)

    await team.context.let_pass(timedelta(minutes=151))
    await team.advance(response_id, Status.CONTACTED)
    await team.context.let_pass(timedelta(minutes=60))

    assert [event.step for event in await team.context.published(ResponseOverdue)] == [OverdueStep.CONTACT] * 2
    assert len(await team.context.published(ResponseBreached)) == 1
    contacted = await team.read(response_id)
    assert (contacted["overdue_step"], contacted["clock"]) == (None, "breached")
    assert await _listed(team, attention="any") == []


async def test_closed_door_leads_to_next_attempt(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()
    await team.advance(response_id, Status.CONTACTED, mode="no-access")

    await team.context.let_pass(timedelta(minutes=61))

    overdue = await team.read(response_id)
    assert (overdue["status"], overdue["overdue_step"], overdue["clock"]) == ("contacted", "next-attempt", "met")
    assert await _listed(team, attention="overdue") == [response_id]
    assert "RecordFirstContact" in [action["name"] for action in await team.get(f"responses/{response_id}/actions")]
    reached = await team.command(response_id, "first-contact", contacted_at=at("15:00").isoformat())
    assert (reached["contact_mode"], reached["first_contact_mode"]) == ("face-to-face", "no-access")
    assert (reached["contacted_at"], reached["visited_at"]) == ("2015-03-15T14:00:00Z", "2015-03-15T15:00:00Z")
    assert (reached["overdue_step"], reached["clock"]) == (None, "met")
    assert [event.is_met for event in await team.context.published(ResponseContacted)] == [True, True]
    assert await team.refusal(response_id, "first-contact", contacted_at=at("15:01").isoformat()) == (409, "illegal-transition")
    statistics = await team.get("monthly-statistics", month="2015-03")
    assert (statistics["no_access"], statistics["met"]) == (1, 0)


async def test_care_without_step_is_overdue_daily(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()
    await team.advance(response_id, Status.ASSESSED)

    await team.context.let_pass(timedelta(days=2, minutes=1))

    assert [event.step for event in await team.context.published(ResponseOverdue)] == [OverdueStep.CARE] * 2
    assert await _listed(team, attention="overdue") == [response_id]


async def test_second_call_is_shown_and_answered(team: RapidCareClient) -> None:
    referral_id, merged = new_id(), new_id()
    response_id = await team.receive_referral(referral_id=referral_id, condition=Condition.COPD)
    await team.advance(response_id, Status.ASSIGNED)
    call = a_repeated_call(merged_referral_id=merged, called_at=at("14:00"), answer_by=at("14:15"))

    await team.context.deliver(call, key=new_id(), subject=referral_id, sequence=2)

    called = await team.read(response_id)
    assert (called["condition"], called["call_condition"], called["merged_referral_ids"]) == ("copd", "fall", [str(merged)])
    assert (called["call_repeated_at"], called["answer_by"]) == ("2015-03-15T14:00:00Z", "2015-03-15T14:15:00Z")
    newer = (await team.get(f"responses/{response_id}/briefing"))["newer_call"]
    assert (newer["call_condition"], newer["answer_by"]) == ("fall", "2015-03-15T14:15:00Z")
    assert await _listed(team, attention="unanswered-call") == [response_id]
    await team.context.let_pass(timedelta(minutes=16))
    assert [event.step for event in await team.context.published(ResponseOverdue)] == [OverdueStep.ANSWER_TO_CALL]
    answered = await team.command(response_id, "call-answer")
    await team.context.let_pass(timedelta(minutes=30))
    assert (answered["answer_by"], answered["overdue_step"]) == (None, None)
    assert [event.referral_id for event in await team.context.published(ResponseCallAnswered)] == [referral_id]
    assert await _listed(team, attention="unanswered-call") == []
    assert await team.refusal(response_id, "call-answer") == (409, "illegal-transition")
    assert len(await team.context.published(ResponseOverdue)) == 1


async def test_briefing_shows_when_the_referrer_added_information(team: RapidCareClient) -> None:
    referral_id = new_id()
    response_id = await team.receive_referral(referral_id=referral_id)
    before = await team.get(f"responses/{response_id}/briefing")

    for parts in ((AmendedPart.URGENCY,), (AmendedPart.INFORMATION, AmendedPart.URGENCY)):
        event = ReferralAmended(amended_at=at("14:00"), sent_as=referral_id, parts=parts)
        await team.context.deliver(event, key=new_id(), subject=referral_id, sequence=2)
        shown = (await team.get(f"responses/{response_id}/briefing"))["informed_at"]
        assert (shown is None) is (parts == (AmendedPart.URGENCY,))

    assert before["informed_at"] is None


async def test_call_names_condition_that_was_unknown(team: RapidCareClient) -> None:
    referral_id = new_id()
    response_id = await team.receive_referral(referral_id=referral_id, condition=None)

    await team.context.deliver(a_repeated_call(condition=Condition.FALL), key=new_id(), subject=referral_id, sequence=2)

    called = await team.read(response_id)
    assert (called["condition"], called["call_condition"]) == ("fall", None)


async def test_ended_response_ignores_second_call(team: RapidCareClient) -> None:
    referral_id = new_id()
    response_id = await team.receive_referral(referral_id=referral_id)
    declined = await team.command(response_id, "decline", reason="capacity")

    await team.context.deliver(a_repeated_call(), key=new_id(), subject=referral_id, sequence=2)

    assert declined | await team.read(response_id) == declined


async def test_clinician_sees_own_responses(team: RapidCareClient) -> None:
    own, other = await team.receive_referral(), await team.receive_referral()
    await team.advance(own, Status.ASSIGNED)

    assert await _listed(team, clinician_id=NURSE, status="open") == [own]
    assert await _listed(team, clinician_id=NURSE, status="closed") == []
    await team.command(own, "decline", reason="capacity")
    assert await _listed(team, clinician_id=NURSE, status="closed") == [own]
    assert other in await _listed(team)


async def test_unknown_attention_is_refused(team: RapidCareClient) -> None:
    http_response = await team.context.http.get("/rapid-care/responses", headers=team.staff, params={"attention": "none"})

    assert http_response.status_code == 422


async def test_list_shows_names_and_audits_each_person_once(team: RapidCareClient) -> None:
    known, unknown, record = new_id(), new_id(), mr_dale()
    await team.context.deliver(record, key=known, subject=known)
    for person_id in (known, known, unknown):
        await team.receive_referral(person_id=person_id)
    name = {"given_name": record.given_name, "family_name": record.family_name, "born_on": str(record.born_on)}
    before = await team.context.database.pool.fetchval("SELECT max(id) FROM audit")

    items = (await team.get("responses"))["items"]

    assert sorted([item["person_id"], item["person"]] for item in items) == sorted([[str(known), name]] * 2 + [[str(unknown), None]])
    rows = await team.context.database.pool.fetch("SELECT subject FROM audit WHERE action = 'list_responses' AND id > $1", before)
    assert sorted(row["subject"] for row in rows) == sorted([known, unknown])
