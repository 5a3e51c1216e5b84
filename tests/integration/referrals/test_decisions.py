"""Decisions of the Community Point of Access, over HTTP."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.persons import PersonRecordRecorded
from shared.contracts.referrals import (
    ReferralCancelled,
    ReferralInformationAnswered,
    ReferralRecalled,
    ReferralRouted,
    ReferralSignposted,
    ReferralTriaged,
    ReferralUrgencyRaised,
)
from tests.builders.referrals import MONDAY, ReferralsClient, a_demographics_body

ROUTINE = {"urgency": "routine", "reason": "Stable"}
URGENT = {"urgency": "urgent", "reason": "Feverish and confused"}
ADVICE = {"urgency": "advice", "reason": "Wants company"}
TO_RAPID_CARE = {"route": "rapid-care", "service_code": "rapid-care"}
TO_NURSES = {"route": "service", "service_code": "district-nursing"}


async def test_concurrent_triage_lets_one_request_win(client: ReferralsClient) -> None:
    sent = await client.refer()

    responses = await asyncio.gather(*(client.post(f"/{sent['id']}/triage", body, version=sent["version"]) for body in (ROUTINE, URGENT)))

    assert sorted(response.status_code for response in responses) == [200, 412]
    assert len(await client.context.published(ReferralTriaged)) == 1


async def test_concurrent_merges_and_routing_do_not_deadlock(client: ReferralsClient) -> None:
    sent = await client.refer()
    await client.command(sent["id"], "triage", ROUTINE)

    for _ in range(4):
        merging = [client.try_refer(story={"narrative": f"Story of caller {number}"}) for number in range(3)]
        responses = await asyncio.gather(*merging, client.try_command(sent["id"], "route", TO_NURSES))
        assert [response.status_code for response in responses] == [201, 201, 201, 200]
        await client.command(sent["id"], "return", {"reason": "capacity"})
        await client.command(sent["id"], "triage", ROUTINE)


async def test_command_requires_current_version(client: ReferralsClient) -> None:
    sent = await client.refer()

    without = await client.post(f"/{sent['id']}/triage", ROUTINE)
    stale = await client.post(f"/{sent['id']}/triage", ROUTINE, version=sent["version"] - 1)

    assert (without.status_code, without.json()["code"]) == (428, "if-match-missing")
    assert (stale.status_code, stale.json()["code"]) == (412, "version-conflict")
    assert (await client.read(sent["id"]))["status"] == "identified"


@pytest.mark.acceptance("referrals-3")
async def test_advice_is_signposted_to_directory_entry(client: ReferralsClient) -> None:
    sent = await client.refer(
        demographics=a_demographics_body(born_on="1960-06-01"),
        story={"narrative": "Alone since spring."},
        urgency="advice",
        reason="information",
    )
    await client.command(sent["id"], "triage", ADVICE)

    signposted = await client.command(sent["id"], "signpost", {"service_code": "befriending"})

    assert (signposted["status"], signposted["service_code"]) == ("signposted", "befriending")
    assert [event.service_code for event in await client.context.published(ReferralSignposted)] == ["befriending"]
    assert (await client.command(sent["id"], "closure", {"outcome": "signposted"}))["outcome"] == "signposted"


@pytest.mark.acceptance("referrals-6")
async def test_returned_referral_is_routed_again_with_feedback(client: ReferralsClient) -> None:
    routed = await client.refer_and_route(service="falls-clinic")
    nurse = client.receiver("CLCH")
    await client.context.let_pass(timedelta(hours=5))
    returned = await client.command(routed["id"], "return", {"reason": "ineligible", "suggestion": "district-nursing"}, caller=nurse)

    assert (returned["status"], returned["suggestion"]) == ("returned", "district-nursing")
    await client.command(routed["id"], "triage", ROUTINE)
    again = await client.command(routed["id"], "route", TO_NURSES)

    same = ("reference", "received_at", "clock_starts_at")
    assert [again[name] for name in same] == [routed[name] for name in same]
    [seen] = (await client.get("", client.gp(), reference=routed["reference"])).json()["items"]
    assert seen["status"] == "routed"
    assert [line["code"] for line in seen["feedback"]] == ["received", "triaged", "routed", "returned", "triaged", "routed"]
    assert seen["feedback"][3]["text"].startswith("It came back from Falls clinic, which is not for this person.")


@pytest.mark.acceptance("referrals-8")
async def test_raised_urgency_restarts_clock(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()
    await client.context.let_pass(timedelta(hours=3))

    raised = await client.command(routed["id"], "urgency", {"reason": "Fever since noon"})
    rerouted = await client.command(routed["id"], "route", TO_RAPID_CARE)

    assert (raised["status"], raised["reference"], raised["received_at"]) == (
        "triaged-urgent",
        routed["reference"],
        routed["received_at"],
    )
    assert rerouted["clock_starts_at"] == "2015-03-16T13:05:00Z"
    assert [event.clock_starts_at for event in await client.context.published(ReferralUrgencyRaised)] == [MONDAY + timedelta(hours=3)]
    again = await client.try_command(routed["id"], "urgency", {"reason": "Again"})
    assert (again.status_code, again.json()["code"]) == (409, "already-urgent")


@pytest.mark.parametrize(
    ("triage", "routing", "code"),
    [
        (ROUTINE, TO_RAPID_CARE, "route-not-allowed"),
        (ROUTINE, {"route": "mdt", "service_code": "mdt"}, "not-complex"),
        (ROUTINE, {"route": "service", "service_code": "no-such-service"}, "service-not-in-directory"),
        (ROUTINE | {"urgency": "urgent", "has_red_flag": True}, TO_RAPID_CARE, "emergency-call-999"),
    ],
)
async def test_unsuitable_route_is_refused(client: ReferralsClient, triage: dict[str, Any], routing: dict[str, Any], code: str) -> None:
    sent = await client.refer()
    judged = await client.command(sent["id"], "triage", triage)

    response = await client.try_command(sent["id"], "route", routing)

    assert (response.status_code, response.json()["code"]) == (409, code)
    assert (await client.read(sent["id"]))["version"] == judged["version"]


async def test_person_under_65_needs_override_for_rapid_care(client: ReferralsClient) -> None:
    sent = await client.refer(demographics=a_demographics_body(born_on="1961-01-01"), urgency="urgent")
    await client.command(sent["id"], "triage", URGENT)

    refused = await client.try_command(sent["id"], "route", TO_RAPID_CARE)
    routed = await client.command(sent["id"], "route", TO_RAPID_CARE | {"override_reason": "Frail since a stroke"})

    assert (refused.status_code, refused.json()["code"]) == (409, "below-minimum-age")
    assert routed["status"] == "routed"
    assert (await client.read(sent["id"]))["override_reason"] == "Frail since a stroke"


async def test_route_carries_telephone_decision_of_triage(client: ReferralsClient) -> None:
    sent = await client.refer(urgency="urgent")
    judged = await client.command(sent["id"], "triage", URGENT | {"is_by_telephone": True})
    await client.command(sent["id"], "route", TO_RAPID_CARE)

    [routed] = await client.context.published(ReferralRouted)
    assert (judged["is_by_telephone"], routed.is_by_telephone, routed.routing) == (True, True, 1)


async def test_service_of_other_locality_is_refused(client: ReferralsClient) -> None:
    sent = await client.refer(demographics=a_demographics_body(practice_code="B01"))
    await client.command(sent["id"], "triage", ROUTINE)

    response = await client.try_command(sent["id"], "route", {"route": "service", "service_code": "integrated-locality-team"})

    assert (response.status_code, response.json()["code"]) == (409, "locality-not-covered")


async def test_red_flag_stays_open_until_ambulance_takes_over(client: ReferralsClient) -> None:
    sent = await client.refer(urgency="urgent")
    not_urgent = await client.try_command(sent["id"], "triage", ROUTINE | {"has_red_flag": True})
    judged = await client.command(sent["id"], "triage", URGENT | {"has_red_flag": True})
    await client.command(sent["id"], "route", {"route": "service", "service_code": "ambulance"})
    await client.command(sent["id"], "acceptance")

    closed = await client.command(sent["id"], "closure", {"outcome": "redirected-to-emergency"})

    assert (not_urgent.status_code, not_urgent.json()["code"]) == (409, "red-flag-is-urgent")
    assert judged["emergency_alternative"] == "ambulance"
    assert (closed["status"], closed["emergency_alternative"]) == ("closed", None)


async def test_information_request_keeps_clock_and_extends_story(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()
    asked = await client.command(routed["id"], "information-request", {"question": "Who has the key?"})
    seen = (await client.get(f"/{routed['id']}", client.gp())).json()
    await client.context.let_pass(timedelta(hours=1))
    answered = await client.command(routed["id"], "information", {"answer": "The neighbour has the key."}, caller=client.gp())

    assert (asked["status"], seen["question"]) == ("information-requested", "Who has the key?")
    unchanged = ("received_at", "clock_starts_at", "deadline")
    assert [asked[name] for name in unchanged] == [answered[name] for name in unchanged] == [routed[name] for name in unchanged]
    assert answered["status"] == "routed"
    assert len(await client.context.published(ReferralInformationAnswered)) == 1
    assert "The neighbour has the key." in (await client.context.published(PersonRecordRecorded))[-1].story.history


async def test_referrer_withdraws_referral_with_reason(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()

    cancelled = await client.command(routed["id"], "cancellation", {"reason": "declined-by-person"}, caller=client.gp())

    assert (cancelled["status"], cancelled["owner"], cancelled["deadline"]) == ("cancelled", None, None)
    assert [event.reason for event in await client.context.published(ReferralCancelled)] == ["declined-by-person"]
    again = await client.try_command(routed["id"], "triage", ROUTINE)
    assert (again.status_code, again.json()["code"]) == (409, "illegal-transition")


async def test_referrer_cannot_withdraw_accepted_referral(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()
    accepted = await client.command(routed["id"], "acceptance")

    refused = await client.try_command(routed["id"], "cancellation", {"reason": "declined-by-person"}, caller=client.gp())
    assert (refused.status_code, refused.json()["code"]) == (409, "care-in-progress")
    assert (await client.read(routed["id"]))["version"] == accepted["version"]
    died = await client.command(routed["id"], "cancellation", {"reason": "died"}, caller=client.gp())
    assert died["status"] == "cancelled"


async def test_routing_uses_corrected_practice(client: ReferralsClient) -> None:
    sent = await client.refer(demographics=a_demographics_body(practice_code="E85001"))
    await client.command(sent["id"], "triage", ROUTINE)
    before = await client.try_command(sent["id"], "route", TO_NURSES)
    await client.post(f"/people/{sent['person_id']}/record", {"demographics": a_demographics_body(practice_code="B01")}, version=1)

    routed = await client.command(sent["id"], "route", TO_NURSES)

    assert (before.status_code, before.json()["code"]) == (409, "practice-not-covered")
    assert (routed["practice_code"], routed["locality"], routed["is_practice_covered"]) == ("B01", "locality-b", True)


async def test_referrer_cannot_withdraw_referral_with_merged_ones(client: ReferralsClient) -> None:
    sent = await client.refer()
    await client.refer(caller=client.ambulance)

    refused = await client.try_command(sent["id"], "cancellation", {"reason": "withdrawn"}, caller=client.gp())
    decided = await client.command(sent["id"], "cancellation", {"reason": "withdrawn"})

    assert (refused.status_code, refused.json()["code"]) == (409, "has-merged-referrals")
    assert decided["status"] == "cancelled"
    assert (await client.read(sent["id"]))["joined_by"][0]["status"] == "merged"


async def test_referrer_withdraws_its_doubled_referral(client: ReferralsClient) -> None:
    """Finding A20: a GP who sent twice could withdraw neither."""
    first, second = await client.refer(), await client.refer()
    offered = [action["name"] for action in (await client.get(f"/{second['id']}/actions", client.gp())).json()]

    withdrawn = await client.command(second["id"], "cancellation", {"reason": "sent-in-error"}, caller=client.gp())

    assert "CancelReferral" in offered
    assert (withdrawn["status"], withdrawn["cancel_reason"]) == ("cancelled", "sent-in-error")
    assert ((await client.read(first["id"]))["status"], (await client.read(first["id"]))["joined_by"]) == ("identified", [])


@pytest.mark.parametrize("colleague", ["gp-W07", "gp-W07-2"])
async def test_withdrawal_drops_no_merged_referral_of_a_colleague(client: ReferralsClient, colleague: str) -> None:
    """Finding: the referral of a colleague hung on a cancelled one, without owner or actions."""
    first = await client.refer()
    caller = client.context.token("referrals:refer", organisation="W07", role="gp", actor=colleague)
    second = await client.refer(caller=caller)

    refused = await client.try_command(first["id"], "cancellation", {"reason": "sent-in-error"}, caller=client.gp())

    assert (refused.status_code, refused.json().get("code")) == (409, "has-merged-referrals")
    seen = (await client.get(f"/{second['id']}", caller)).json()
    assert (seen["status"], seen["continued_as"]["status"]) == ("merged", "identified")
    [waiting] = (await client.get("/work")).json()["items"]
    assert waiting["id"] == first["id"]


async def test_withdrawal_of_last_then_first_ends_both(client: ReferralsClient) -> None:
    first, second = await client.refer(), await client.refer()

    await client.command(second["id"], "cancellation", {"reason": "withdrawn"}, caller=client.gp())
    await client.command(first["id"], "cancellation", {"reason": "withdrawn"}, caller=client.gp())

    assert (await client.get("", client.gp())).json()["items"] == []
    assert (await client.read(second["id"]))["status"] == (await client.read(first["id"]))["status"] == "cancelled"
    assert "CancelReferral" not in str((await client.get(f"/{second['id']}/actions", client.gp())).json())
    again = await client.try_command(second["id"], "cancellation", {"reason": "sent-in-error"}, caller=client.gp())
    assert (again.status_code, again.json()["code"]) == (409, "illegal-transition")


async def test_merged_referral_follows_one_that_triage_ends(client: ReferralsClient) -> None:
    first, second = await client.refer(), await client.refer()

    await client.command(first["id"], "cancellation", {"reason": "withdrawn"})

    assert (await client.get("", client.gp())).json()["items"] == []
    assert (await client.get(f"/{second['id']}", client.gp())).json()["continued_as"]["status"] == "cancelled"
    assert "CancelReferral" not in str((await client.get(f"/{second['id']}/actions", client.gp())).json())
    again = await client.try_command(second["id"], "cancellation", {"reason": "withdrawn"}, caller=client.gp())
    assert (again.status_code, again.json()["code"]) == (409, "illegal-transition")


async def test_information_is_accepted_after_triage_and_reaches_receiver(client: ReferralsClient) -> None:
    """Finding A21: an answer was refused once the referral was triaged."""
    sent = await client.refer()
    await client.command(sent["id"], "information-request", {"question": "Who has the key?"})
    await client.command(sent["id"], "triage", ROUTINE)
    await client.command(sent["id"], "route", TO_NURSES)
    await client.command(sent["id"], "acceptance")

    answered = await client.command(sent["id"], "information", {"answer": "The neighbour has the key."}, caller=client.gp())

    nurse = client.receiver("CLCH")
    assert (answered["status"], answered["informed_at"]) == ("accepted", "2015-03-16T10:05:00Z")
    record = (await client.get(f"/{sent['id']}/record", nurse)).json()
    assert "The neighbour has the key." in record["story"]["history"]
    [incoming] = (await client.get("/incoming", nurse)).json()["items"]
    assert incoming["informed_at"] == answered["informed_at"]


async def test_referrer_of_merged_referral_gives_information(client: ReferralsClient) -> None:
    first = await client.refer()
    merged = await client.refer(caller=client.ambulance)

    await client.command(merged["id"], "information", {"answer": "She fell twice."}, caller=client.ambulance)

    assert (await client.read(first["id"]))["informed_at"] is not None
    assert "She fell twice." in (await client.get(f"/people/{first['person_id']}")).json()["story"]["history"]


async def test_urgent_referral_without_condition_is_asked_at_triage(client: ReferralsClient) -> None:
    """Finding A23: it became `other` silently."""
    sent = await client.refer(urgency="urgent")
    [waiting] = (await client.get("/work", section="discrepancies")).json()["items"]
    judged = await client.command(sent["id"], "triage", URGENT | {"condition": "copd"})
    await client.command(sent["id"], "route", TO_RAPID_CARE)
    corrected = await client.command(sent["id"], "condition", {"condition": "heart-failure"})

    assert (waiting["id"], waiting["discrepancies"], waiting["condition"]) == (sent["id"], ["condition-missing"], None)
    assert (judged["condition"], judged["discrepancies"]) == ("copd", [])
    assert corrected["condition"] == "heart-failure"
    [routed] = await client.context.published(ReferralRouted)
    assert routed.condition == "copd"


async def test_raised_urgency_takes_referral_from_receiver_on_record(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()

    await client.command(routed["id"], "urgency", {"reason": "Fever since noon"})

    assert [event.service_code for event in await client.context.published(ReferralRecalled)] == ["district-nursing"]


async def test_offered_actions_depend_on_caller(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()

    offered = {
        name: {action["name"] for action in (await client.get(f"/{routed['id']}/actions", caller)).json()}
        for name, caller in {"triager": client.triager, "gp": client.gp(), "nurse": client.receiver("CLCH")}.items()
    }

    answers, sent = {"AcceptReferral", "ReturnReferral"}, {"AnswerInformation", "AmendReferral", "CancelReferral"}
    assert offered == {
        "triager": answers | sent | {"ClaimReferral", "RequestInformation", "SetCondition", "RaiseUrgency"},
        "gp": sent,
        "nurse": answers,
    }


_ACTIONS: dict[str, Any] = {
    "RequestInformation": {"question": "Who has the key?"},
    "AnswerInformation": {"answer": "The neighbour has the key."},
    "AmendReferral": {"information": "The neighbour has the key."},
    "SetCondition": {"condition": "copd"},
    "AcceptReferral": None,
    "ReturnReferral": {"reason": "capacity"},
    "RaiseUrgency": {"reason": "Fever since noon"},
    "CancelReferral": {"reason": "declined-by-person"},
}


@pytest.mark.parametrize("name", _ACTIONS)
async def test_offered_action_can_be_called(client: ReferralsClient, name: str) -> None:
    routed = await client.refer_and_route()
    offered = {action["name"]: action for action in (await client.get(f"/{routed['id']}/actions")).json()}
    assert set(offered) == {*_ACTIONS, "ClaimReferral"}  # a claim changes no referral

    headers = client.triager | {"If-Match": f'W/"{routed["version"]}"'}
    response = await client.context.http.request(offered[name]["method"], offered[name]["href"], headers=headers, json=_ACTIONS[name])

    assert response.status_code == 200
    assert response.json()["version"] > routed["version"]
    assert (response.json()["status"] == "routed") is (name in {"AnswerInformation", "AmendReferral", "SetCondition"})


async def test_feedback_of_a_red_flag_names_whom_to_call(client: ReferralsClient) -> None:
    sent = await client.refer(urgency="urgent", reason="urgent-deterioration", condition="stroke")
    await client.command(sent["id"], "triage", {"urgency": "urgent", "reason": "Face droops", "has_red_flag": True})
    await client.command(sent["id"], "triage", {"urgency": "urgent", "reason": "Seen in clinic", "has_red_flag": False})

    seen = (await client.get(f"/{sent['id']}", client.gp())).json()

    assert [line["text"] for line in seen["feedback"] if line["code"] == "triaged"] == [
        "A clinician has triaged it as urgent, and sees danger to life. Call the emergency service now: London Ambulance Service (999).",
        "A clinician has triaged it: urgent.",
    ]
