"""Ways on of a referral: signposting taken back, settled without a service, news passed on, accepted after its end, identified."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.persons import PersonRecordRecorded
from shared.contracts.rapid_care import ContactMode, ResponseAccepted, ResponseContacted
from shared.contracts.referral_codes import AmendedPart, Discrepancy, Outcome
from shared.contracts.referrals import ReferralAmended, ReferralClosed, ReferralDiscrepancyFound, ReferralIdentified
from tests.builders.referrals import DALE, MONDAY, ReferralsClient

URGENT: dict[str, Any] = {"urgency": "urgent", "reason": "urgent-deterioration", "condition": "pneumonia"}
ADVICE = {"urgency": "advice", "reason": "Seen"}
NEWS: dict[str, Any] = {"narrative": "She has a new key safe.", "contacts": [{"name": "Louise", "relationship": "daughter"}]}


async def actions(client: ReferralsClient, referral: dict[str, Any], caller: dict[str, str] | None = None) -> set[str]:
    return {action["name"] for action in (await client.get(f"/{referral['id']}/actions", caller)).json()}


@pytest.mark.parametrize(("after", "reason"), [(timedelta(), "ineligible"), (timedelta(days=22), "other")], ids=["wrong", "no help"])
async def test_signposting_is_taken_back_and_triaged_again(client: ReferralsClient, after: timedelta, reason: str) -> None:
    sent = await client.refer()
    await client.command(sent["id"], "triage", ADVICE)
    signposted = await client.command(sent["id"], "signpost", {"service_code": "befriending"})
    await client.context.let_pass(after)

    assert "ReturnReferral" in await actions(client, signposted)
    returned = await client.command(sent["id"], "return", {"reason": reason})

    assert (returned["status"], returned["owner"]["service_code"]) == ("returned", "community-point-of-access")
    assert [item["id"] for item in (await client.get("/work", section="triage")).json()["items"]] == [sent["id"]]
    assert (await client.read(sent["id"]))["feedback"][-1]["text"].startswith("It came back from ")
    assert (await client.command(sent["id"], "triage", {"urgency": "routine", "reason": "Seen"}))["status"] == "triaged-routine"


@pytest.mark.parametrize("urgency", [None, "urgent", "routine", "advice"])
@pytest.mark.parametrize("outcome", ["advice-given", "other-service-involved", "admitted"])
async def test_point_of_access_closes_what_it_settled(client: ReferralsClient, urgency: str | None, outcome: str) -> None:
    sent = await client.refer()
    if urgency:
        await client.command(sent["id"], "triage", {"urgency": urgency, "reason": "Seen"})

    assert "CloseReferral" in await actions(client, sent)
    closed = await client.command(sent["id"], "closure", {"outcome": outcome})

    assert (closed["status"], closed["outcome"], closed["owner"], closed["deadline"]) == ("closed", outcome, None, None)
    [event] = await client.context.published(ReferralClosed)
    assert event.outcome is Outcome(outcome)
    [seen] = (await client.get("", client.gp(), status="closed")).json()["items"]
    assert (await client.get(f"/{seen['id']}", client.gp())).json()["feedback"][-1]["text"].startswith("It is closed: ")


async def test_urgent_untriaged_referral_is_closed_by_a_clinician_alone(client: ReferralsClient) -> None:
    sent = await client.refer(**URGENT)
    handler = client.context.token("referrals:handle", organisation="CLCH", actor="handler-1")

    refused = await client.try_command(sent["id"], "closure", {"outcome": "advice-given"}, caller=handler)
    untrue = await client.try_command(sent["id"], "closure", {"outcome": "admission-avoided"})

    assert (refused.status_code, "CloseReferral" in await actions(client, sent, handler)) == (403, False)
    assert (untrue.status_code, untrue.json()["code"]) == (409, "outcome-not-possible")
    assert (await client.command(sent["id"], "closure", {"outcome": "advice-given"}))["status"] == "closed"


async def test_routed_referral_is_taken_back_before_it_is_closed(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()

    refused = await client.try_command(routed["id"], "closure", {"outcome": "advice-given"})
    await client.command(routed["id"], "return", {"reason": "other"})

    assert (refused.status_code, refused.json()["code"]) == (409, "illegal-transition")
    assert (await client.command(routed["id"], "closure", {"outcome": "other-service-involved"}))["status"] == "closed"


@pytest.mark.parametrize("is_accepted", [False, True])
async def test_words_of_a_second_routine_referral_reach_the_receiver(client: ReferralsClient, *, is_accepted: bool) -> None:
    routed, nurse = await client.refer_and_route(), client.receiver("CLCH")
    if is_accepted:
        await client.command(routed["id"], "acceptance", caller=nurse)

    second = await client.refer(caller=client.ambulance, story=NEWS)

    assert second["merged_into"] == routed["id"]
    [incoming] = (await client.get("/incoming", nurse)).json()["items"]
    assert (incoming["informed_at"], incoming["discrepancies"]) == ("2015-03-16T10:05:00Z", ["receiver-uninformed"])
    assert NEWS["narrative"] in str((await client.get(f"/{routed['id']}/record", nurse)).json()["story"])
    assert NEWS["narrative"] in str((await client.context.published(PersonRecordRecorded))[-1].story)
    [found] = await client.context.published(ReferralDiscrepancyFound)
    assert found.discrepancies == (Discrepancy.RECEIVER_UNINFORMED,)
    [amended] = await client.context.published(ReferralAmended)
    assert (amended.sent_as, amended.parts) == (UUID(second["id"]), (AmendedPart.INFORMATION,))


async def test_point_of_access_passes_news_on_by_a_deadline(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()
    await client.command(routed["id"], "acceptance")
    await client.refer(caller=client.ambulance, story=NEWS)
    handler = client.context.token("referrals:handle", organisation="CLCH", actor="handler-1")
    [listed] = (await client.get("/work", handler, section="discrepancies")).json()["items"]
    due_at = listed["discrepancies_due_at"]

    await client.context.let_pass(timedelta(days=3))
    [chased] = (await client.get("/work", handler, discrepancy="receiver-uninformed")).json()["items"]
    passed_on = {"discrepancy": "receiver-uninformed", "reason": "Read to the nurse on the telephone."}
    settled = await client.command(routed["id"], "discrepancy-resolution", passed_on, caller=handler)

    assert chased["discrepancies_due_at"] > due_at is not None
    assert (settled["status"], settled["discrepancies"], settled["discrepancies_due_at"]) == ("accepted", [], None)
    last = (await client.read(routed["id"]))["feedback"][-1]["text"]
    assert last == "The service that has your referral knows what was sent since."


@pytest.mark.parametrize(("verb", "field"), [("amendment", "information"), ("information", "answer")])
@pytest.mark.parametrize(
    ("route", "service", "expected"),
    [
        ("mdt", "mdt", ["receiver-uninformed"]),
        ("navigation", "care-navigation", ["receiver-uninformed"]),
        ("service", "district-nursing", []),  # its list shows `informed_at`
    ],
)
async def test_information_is_passed_on_where_no_list_shows_it(
    client: ReferralsClient, route: str, service: str, expected: list[str], verb: str, field: str
) -> None:
    routed = await client.refer_and_route(route, service)

    informed = await client.command(routed["id"], verb, {field: "She has a new key safe."}, caller=client.gp())

    assert (informed["status"], informed["discrepancies"], informed["informed_at"] is not None) == ("routed", expected, True)
    assert (informed["discrepancies_due_at"] is not None) is bool(expected)


async def test_doubled_routine_referral_without_news_asks_no_one(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()

    await client.refer()

    assert (await client.read(routed["id"]))["version"] == routed["version"]


async def test_acceptance_that_crosses_a_withdrawal_is_decided(client: ReferralsClient) -> None:
    """Rapid Care ends no response that it accepted (`test_withdrawn_referral_ends_no_care_in_progress`)."""
    routed = await client.refer_and_route("rapid-care", "rapid-care", **URGENT)
    await client.command(routed["id"], "cancellation", {"reason": "withdrawn"}, caller=client.gp())

    await client.deliver(routed, _accepted(routed))

    accepted = await client.read(routed["id"])
    assert (accepted["status"], accepted["owner"]["service_code"], accepted["deadline"]["kind"]) == ("accepted", "rapid-care", "outcome")
    assert (accepted["cancel_reason"], accepted["also_with"]) == (None, "rapid-care")
    assert [item["id"] for item in (await client.get("/work", section="crossed-acceptances")).json()["items"]] == [routed["id"]]
    assert {"RecallReferral"} <= await actions(client, routed)
    await client.command(routed["id"], "recall")
    assert (await client.command(routed["id"], "cancellation", {"reason": "withdrawn"}))["status"] == "cancelled"
    await client.deliver(routed, _contacted(routed))
    assert (await client.read(routed["id"]))["status"] == "accepted"


async def test_acceptance_that_crosses_a_closure_is_decided(client: ReferralsClient) -> None:
    routed = await client.refer_and_route("rapid-care", "rapid-care", **URGENT)
    await client.command(routed["id"], "return", {"reason": "other"})
    await client.command(routed["id"], "closure", {"outcome": "admitted"})

    await client.deliver(routed, _accepted(routed))

    accepted = await client.read(routed["id"])
    assert (accepted["status"], accepted["outcome"], accepted["also_with"]) == ("accepted", None, "rapid-care")
    rapid_care = (await client.get("/incoming", client.receiver("CLCH"), route="rapid-care")).json()["items"]
    assert [item["id"] for item in rapid_care] == [routed["id"]]


async def test_acceptance_that_crosses_a_death_opens_nothing(client: ReferralsClient) -> None:
    routed = await client.refer_and_route("rapid-care", "rapid-care", **URGENT)
    await client.command(routed["id"], "cancellation", {"reason": "died"})

    await client.deliver(routed, _accepted(routed))

    assert (await client.read(routed["id"]))["status"] == "cancelled"


async def test_acceptance_that_crosses_closure_and_death_opens_nothing(client: ReferralsClient) -> None:
    routed = await client.refer_and_route("rapid-care", "rapid-care", **URGENT)
    await client.command(routed["id"], "return", {"reason": "other"})
    await client.command(routed["id"], "closure", {"outcome": "admitted"})
    assert (await client.post(f"/people/{routed['person_id']}/death", {}, version=0)).status_code == 200

    await client.deliver(routed, _accepted(routed))

    assert (await client.read(routed["id"]))["status"] == "closed"


@pytest.mark.parametrize("is_triaged", [False, True])
async def test_referral_is_identified_once_its_person_is_verified(client: ReferralsClient, *, is_triaged: bool) -> None:
    sent = await client.refer(nhs_number=None, **URGENT)
    if is_triaged:
        await client.command(sent["id"], "triage", {"urgency": "urgent", "reason": "Seen"})
    before = await client.read(sent["id"])

    verified = await client.post(f"/people/{sent['person_id']}/verification", {"nhs_number": DALE}, version=1)

    assert verified.status_code == 200, verified.text
    referral = await client.read(sent["id"])
    assert (referral["status"], referral["is_identified"]) == ("triaged-urgent" if is_triaged else "identified", True)
    assert referral["deadline"] == before["deadline"]
    assert len(await client.context.published(ReferralIdentified)) == 1


def _accepted(routed: dict[str, Any]) -> ResponseAccepted:
    due_at = MONDAY + timedelta(hours=2)
    return ResponseAccepted(referral_id=UUID(routed["id"]), accepted_at=MONDAY, due_at=due_at, routing=1)


def _contacted(routed: dict[str, Any]) -> ResponseContacted:
    due_at = MONDAY + timedelta(hours=2)
    return ResponseContacted(referral_id=UUID(routed["id"]), contacted_at=MONDAY, due_at=due_at, is_met=True, mode=ContactMode.FACE_TO_FACE)
