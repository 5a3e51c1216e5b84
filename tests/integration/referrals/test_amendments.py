"""A referrer amends what it sent, also of a referral that was merged."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.mdt import CaseListed
from shared.contracts.navigation import TaskAcknowledged, TaskSource
from shared.contracts.persons import PersonRecordRecorded
from shared.contracts.referral_codes import AmendedPart
from shared.contracts.referrals import ReferralAmended, ReferralCallRepeated, ReferralRecalled, ReferralSeparated, ReferralUrgencyRaised
from shared.kernel.ids import new_id
from tests.builders.referrals import MONDAY, ReferralsClient, a_demographics_body


async def test_amendment_extends_story_and_fills_telephone(client: ReferralsClient) -> None:
    sent = await client.refer()
    body = {"information": "He has fallen twice.", "telephone": "020 7946 0001"}

    amended = await client.command(sent["id"], "amendment", body, caller=client.gp())

    assert (amended["status"], amended["informed_at"], amended["raised_at"]) == ("identified", "2015-03-16T10:05:00Z", None)
    record = (await client.context.published(PersonRecordRecorded))[-1]
    assert ("He has fallen twice." in record.story.history, record.telephone) == (True, "020 7946 0001")
    assert [event.parts for event in await client.context.published(ReferralAmended)] == [(AmendedPart.INFORMATION, AmendedPart.TELEPHONE)]


async def test_telephone_that_differs_from_the_record_is_proposed(client: ReferralsClient) -> None:
    sent = await client.refer(demographics=a_demographics_body(telephone="020 7946 0099"))

    await client.command(sent["id"], "amendment", {"telephone": "020 7946 0001"}, caller=client.gp())

    assert [record.telephone for record in await client.context.published(PersonRecordRecorded)] == ["020 7946 0099"]
    [proposal] = (await client.get("/proposals")).json()["items"]
    assert (proposal["field"], proposal["present_value"], proposal["proposed_value"]) == (
        "telephone-number",
        "020 7946 0099",
        "020 7946 0001",
    )


async def test_empty_amendment_is_refused_with_its_reason(client: ReferralsClient) -> None:
    sent = await client.refer()

    refused = await client.try_command(sent["id"], "amendment", {"information": " "}, caller=client.gp())

    assert (refused.status_code, refused.json()["code"]) == (422, "validation-failed")


async def test_only_the_referrer_amends(client: ReferralsClient) -> None:
    sent = await client.refer()

    for caller in (client.gp("W08"), client.ambulance):
        refused = await client.try_command(sent["id"], "amendment", {"is_urgent": True}, caller=caller)
        assert (refused.status_code, refused.json()["code"]) == (404, "referral-not-found")


async def test_raised_urgency_before_triage_is_urgent_at_once(client: ReferralsClient) -> None:
    sent = await client.refer()
    await client.context.let_pass(timedelta(hours=2))

    raised = await client.command(sent["id"], "amendment", {"is_urgent": True}, caller=client.gp())

    assert (raised["urgency"], raised["clock_starts_at"], raised["raised_at"]) == ("urgent", *["2015-03-16T12:05:00Z"] * 2)
    assert (raised["owner"]["service_code"], raised["deadline"]["due_at"]) == ("community-point-of-access", "2015-03-16T12:20:00Z")
    [listed] = (await client.get("/work")).json()["items"]
    assert (listed["id"], listed["raised_at"]) == (sent["id"], raised["raised_at"])
    judged = await client.command(sent["id"], "triage", {"urgency": "urgent", "is_complex": False, "reason": "Seen", "condition": "fall"})
    assert (judged["raised_at"], judged["clock_starts_at"]) == (None, "2015-03-16T12:05:00Z")


async def test_accepting_service_must_answer_a_raised_urgency(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()
    accepted = await client.command(routed["id"], "acceptance", caller=client.receiver("CLCH"))

    raised = await client.command(routed["id"], "amendment", {"is_urgent": True, "information": "He cannot stand."}, caller=client.gp())

    assert (raised["status"], raised["urgency"], raised["answer_by"]) == ("accepted", "urgent", "2015-03-16T10:50:00Z")
    assert raised["deadline"]["due_at"] < accepted["deadline"]["due_at"]
    [incoming] = (await client.get("/incoming", client.receiver("CLCH"))).json()["items"]
    assert (incoming["raised_at"], incoming["informed_at"]) == (raised["raised_at"], raised["informed_at"])
    for kind in (ReferralUrgencyRaised, ReferralCallRepeated):
        assert len(await client.context.published(kind)) == 1
    await client.context.let_pass(timedelta(minutes=46))
    assert (await client.read(routed["id"]))["call_overdue_since"] == raised["answer_by"]
    answered = await client.command(routed["id"], "call-answer", caller=client.receiver("CLCH"))
    assert (answered["raised_at"], answered["answer_by"]) == (None, None)


async def test_merged_referral_passes_its_amendment_on(client: ReferralsClient) -> None:
    first, second = await client.refer(), await client.refer(caller=client.ambulance)
    await client.command(first["id"], "amendment", {"information": "From the practice."}, caller=client.gp())

    merged = await client.command(second["id"], "amendment", {"is_urgent": True, "information": "From us."}, caller=client.ambulance)

    joined = await client.read(first["id"])
    assert (merged["status"], joined["urgency"], joined["raised_at"]) == ("merged", "urgent", "2015-03-16T10:05:00Z")
    assert {"From the practice.", "From us."} <= set((await client.context.published(PersonRecordRecorded))[-1].story.history)
    assert {each["information"] for each in joined["amendments"]} == {"From the practice.", "From us."}
    for referral, caller, own in ((first, client.gp(), "From the practice."), (second, client.ambulance, "From us.")):
        seen = (await client.get(f"/{referral['id']}", caller)).json()
        assert [each["information"] for each in seen["amendments"]] == [own]
        assert [line["code"] for line in seen["feedback"]].count("amended") == 1


async def test_receiver_reads_no_words_of_an_amendment(client: ReferralsClient) -> None:
    """They are in the person's record, whose policy decides."""
    routed = await client.refer_and_route()
    await client.command(routed["id"], "amendment", {"information": "From the practice."}, caller=client.gp())

    assert (await client.get(f"/{routed['id']}", client.receiver("CLCH"))).json()["amendments"] == []


async def test_ended_referral_is_not_amended(client: ReferralsClient) -> None:
    sent = await client.refer()
    await client.command(sent["id"], "cancellation", {"reason": "withdrawn"}, caller=client.gp())

    refused = await client.try_command(sent["id"], "amendment", {"is_urgent": True}, caller=client.gp())

    assert (refused.status_code, refused.json()["code"]) == (409, "illegal-transition")


@pytest.mark.parametrize(("route", "service"), [("mdt", "mdt"), ("navigation", "care-navigation")])
@pytest.mark.parametrize("is_accepted", [False, True])
async def test_stranger_raising_urgency_leaves_joined_referral_with_receiver(
    client: ReferralsClient, route: str, service: str, *, is_accepted: bool
) -> None:
    """Finding: anyone who had joined an open referral took it from its receiver, and ended the care of the person."""
    routed = await client.refer_and_route(route, service)
    if is_accepted:
        await client.deliver(routed, _accepted(routed, route))
    before, merged = await client.read(routed["id"]), await client.refer(caller=client.ambulance)

    raised = await client.command(merged["id"], "amendment", {"is_urgent": True}, caller=client.ambulance)

    assert merged["merged_into"] == routed["id"]
    assert await client.read(routed["id"]) == before
    assert await client.context.published(ReferralRecalled) == []
    assert (raised["status"], raised["merged_into"], raised["urgency"]) == ("identified", None, "urgent")
    assert (raised["owner"]["service_code"], raised["deadline"]["due_at"]) == ("community-point-of-access", "2015-03-16T10:20:00Z")
    assert (raised["clock_starts_at"], raised["raised_at"]) == ("2015-03-16T10:05:00Z", "2015-03-16T10:05:00Z")
    assert merged["id"] in {each["id"] for each in (await client.get("/work", section="triage")).json()["items"]}
    [separated] = await client.context.published(ReferralSeparated)
    assert separated.from_referral_id == UUID(routed["id"])
    judged = {"urgency": "urgent", "is_complex": False, "reason": "Seen", "condition": "fall"}
    assert (await client.command(merged["id"], "triage", judged))["status"] == "triaged-urgent"


async def test_stranger_raising_urgency_informs_the_receiver(client: ReferralsClient) -> None:
    routed = await client.refer_and_route("navigation", "care-navigation")
    merged = await client.refer(caller=client.ambulance)

    body = {"is_urgent": True, "information": "He cannot stand."}
    raised = await client.command(merged["id"], "amendment", body, caller=client.ambulance)
    again = await client.post(f"/{merged['id']}/amendment", body, version=merged["version"], caller=client.ambulance)

    joined = await client.read(routed["id"])
    assert (joined["status"], joined["urgency"], joined["discrepancies"]) == ("routed", "routine", ["receiver-uninformed"])
    assert (raised["informed_at"], joined["informed_at"]) == ("2015-03-16T10:05:00Z", "2015-03-16T10:05:00Z")
    assert "He cannot stand." in (await client.context.published(PersonRecordRecorded))[-1].story.history
    assert (again.status_code, again.json()["version"]) == (200, raised["version"])


@pytest.mark.parametrize("sender", ["practice", "point of access"])
async def test_known_sender_raising_urgency_takes_joined_referral_back(client: ReferralsClient, sender: str) -> None:
    """The registered practice amends what it sent after another referrer, and a call handler what a stranger sent."""
    first, caller = (client.ambulance, client.gp()) if sender == "practice" else (client.gp(), client.ambulance)
    routed = await client.refer_and_route("navigation", "care-navigation", caller=first)
    merged = await client.refer(caller=caller)

    amending = caller if sender == "practice" else client.context.token("referrals:handle", organisation="CLCH", actor="handler-1")
    await client.command(merged["id"], "amendment", {"is_urgent": True}, caller=amending)

    joined = await client.read(routed["id"])
    assert (joined["status"], joined["urgency"]) == ("returned", "urgent")
    assert (await client.read(merged["id"]))["merged_into"] == routed["id"]


def _accepted(routed: dict[str, Any], route: str) -> CaseListed | TaskAcknowledged:
    if route == "mdt":
        return CaseListed(
            referral_id=UUID(routed["id"]), meeting_id=new_id(), meeting_starts_at=MONDAY + timedelta(days=3), is_urgent=False
        )
    return TaskAcknowledged(navigator_id="clch-navigator-1", source=TaskSource.REFERRAL, source_id=UUID(routed["id"]))
