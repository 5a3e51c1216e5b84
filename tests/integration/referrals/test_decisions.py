"""What the Community Point of Access decides, over HTTP."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.contracts.referrals import (
    PersonRecordRecorded,
    ReferralCancelled,
    ReferralInformationAnswered,
    ReferralRouted,
    ReferralSignposted,
    ReferralTriaged,
    ReferralUrgencyRaised,
)
from tests.builders.referrals import MONDAY, a_demographics_body, referrals

ROUTINE = {"urgency": "routine", "reason": "Stable"}
URGENT = {"urgency": "urgent", "reason": "Feverish and confused"}
ADVICE = {"urgency": "advice", "reason": "Wants company"}
TO_RAPID_CARE = {"route": "rapid-care", "service_code": "rapid-care"}
TO_NURSES = {"route": "service", "service_code": "district-nursing"}


async def test_of_two_triages_at_once_one_wins_and_the_other_reads_again(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent()

        answers = await asyncio.gather(*(desk.post(f"/{sent['id']}/triage", body, version=sent["version"]) for body in (ROUTINE, URGENT)))

        assert sorted(answer.status_code for answer in answers) == [200, 412]
        assert len(await desk.context.published(ReferralTriaged)) == 1


async def test_referring_and_deciding_at_once_never_block_each_other(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent()
        await desk.done(sent["id"], "triage", ROUTINE)

        for _ in range(4):
            merging = [desk.send(story={"narrative": f"Told by caller {number}"}) for number in range(3)]
            answers = await asyncio.gather(*merging, desk.act(sent["id"], "route", TO_NURSES))
            assert [answer.status_code for answer in answers] == [201, 201, 201, 200]
            await desk.done(sent["id"], "return", {"reason": "capacity"})
            await desk.done(sent["id"], "triage", ROUTINE)


async def test_a_change_needs_the_version_that_it_is_based_on(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent()

        without = await desk.post(f"/{sent['id']}/triage", ROUTINE)
        stale = await desk.post(f"/{sent['id']}/triage", ROUTINE, version=sent["version"] - 1)

        assert (without.status_code, without.json()["code"]) == (428, "if-match-missing")
        assert (stale.status_code, stale.json()["code"]) == (412, "version-conflict")
        assert (await desk.read(sent["id"]))["status"] == "identified"


@pytest.mark.acceptance("referrals-3")
async def test_advice_for_somebody_of_54_is_signposted_with_a_directory_entry(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent(
            demographics=a_demographics_body(born_on="1960-06-01"),
            story={"narrative": "Alone since spring."},
            urgency="advice",
            reason="information",
        )
        await desk.done(sent["id"], "triage", ADVICE)

        signposted = await desk.done(sent["id"], "signpost", {"service_code": "befriending"})

        assert (signposted["status"], signposted["service_code"]) == ("signposted", "befriending")
        assert [event.service_code for event in await desk.context.published(ReferralSignposted)] == ["befriending"]
        assert (await desk.done(sent["id"], "closure", {"outcome": "signposted"}))["outcome"] == "signposted"


@pytest.mark.acceptance("referrals-6")
async def test_a_returned_referral_is_triaged_anew_and_the_referrer_sees_it(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed(service="falls-clinic")
        nurse = desk.receiver("CLCH")
        await desk.context.let_pass(timedelta(hours=5))
        returned = await desk.done(routed["id"], "return", {"reason": "ineligible", "suggestion": "district-nursing"}, caller=nurse)

        assert (returned["status"], returned["suggestion"]) == ("returned", "district-nursing")
        await desk.done(routed["id"], "triage", ROUTINE)
        again = await desk.done(routed["id"], "route", TO_NURSES)

        same = ("reference", "received_at", "clock_starts_at")
        assert [again[name] for name in same] == [routed[name] for name in same]
        [seen] = (await desk.get("", desk.gp(), reference=routed["reference"])).json()["items"]
        assert seen["status"] == "routed"
        assert [line["code"] for line in seen["feedback"]] == ["received", "triaged", "routed", "returned", "triaged", "routed"]
        assert seen["feedback"][3]["text"].startswith("Falls clinic gave it back: ineligible.")


@pytest.mark.acceptance("referrals-8")
async def test_routine_upgraded_to_urgent_has_a_new_clock(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed()
        await desk.context.let_pass(timedelta(hours=3))

        raised = await desk.done(routed["id"], "urgency", {"reason": "Fever since noon"})
        rerouted = await desk.done(routed["id"], "route", TO_RAPID_CARE)

        assert (raised["status"], raised["reference"], raised["received_at"]) == (
            "triaged-urgent",
            routed["reference"],
            routed["received_at"],
        )
        assert rerouted["clock_starts_at"] == "2015-03-16T13:05:00Z"
        assert [event.clock_starts_at for event in await desk.context.published(ReferralUrgencyRaised)] == [MONDAY + timedelta(hours=3)]
        again = await desk.act(routed["id"], "urgency", {"reason": "Again"})
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
async def test_a_route_that_care_forbids_is_refused(
    owner_url: str, keys: Keys, triage: dict[str, Any], routing: dict[str, Any], code: str
) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent()
        judged = await desk.done(sent["id"], "triage", triage)

        answer = await desk.act(sent["id"], "route", routing)

        assert (answer.status_code, answer.json()["code"]) == (409, code)
        assert (await desk.read(sent["id"]))["version"] == judged["version"]


async def test_somebody_under_65_reaches_rapid_care_with_a_clinicians_reason(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent(demographics=a_demographics_body(born_on="1961-01-01"), urgency="urgent")
        await desk.done(sent["id"], "triage", URGENT)

        refused = await desk.act(sent["id"], "route", TO_RAPID_CARE)
        routed = await desk.done(sent["id"], "route", TO_RAPID_CARE | {"override_reason": "Frail since a stroke"})

        assert (refused.status_code, refused.json()["code"]) == (409, "below-minimum-age")
        assert routed["status"] == "routed"
        assert (await desk.read(sent["id"]))["override_reason"] == "Frail since a stroke"


async def test_whether_a_call_is_enough_is_triages_decision_and_travels_with_the_route(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent(urgency="urgent")
        judged = await desk.done(sent["id"], "triage", URGENT | {"is_by_telephone": True})
        await desk.done(sent["id"], "route", TO_RAPID_CARE)

        [routed] = await desk.context.published(ReferralRouted)
        assert (judged["is_by_telephone"], routed.is_by_telephone, routed.routing) == (True, True, 1)


async def test_a_service_of_another_locality_is_refused(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent(demographics=a_demographics_body(practice_code="B01"))
        await desk.done(sent["id"], "triage", ROUTINE)

        answer = await desk.act(sent["id"], "route", {"route": "service", "service_code": "integrated-locality-team"})

        assert (answer.status_code, answer.json()["code"]) == (409, "locality-not-covered")


async def test_danger_to_life_sends_the_caller_to_999_and_stays_open_until_confirmed(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent(urgency="urgent")
        not_urgent = await desk.act(sent["id"], "triage", ROUTINE | {"has_red_flag": True})
        judged = await desk.done(sent["id"], "triage", URGENT | {"has_red_flag": True})
        await desk.done(sent["id"], "route", {"route": "service", "service_code": "ambulance"})
        await desk.done(sent["id"], "acceptance")

        closed = await desk.done(sent["id"], "closure", {"outcome": "redirected-to-emergency"})

        assert (not_urgent.status_code, not_urgent.json()["code"]) == (409, "red-flag-is-urgent")
        assert judged["turn_to_now"] == "ambulance"
        assert (closed["status"], closed["turn_to_now"]) == ("closed", None)


async def test_a_question_stops_no_clock_and_its_answer_joins_the_story(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed()
        asked = await desk.done(routed["id"], "information-request", {"question": "Who has the key?"})
        seen = (await desk.get(f"/{routed['id']}", desk.gp())).json()
        await desk.context.let_pass(timedelta(hours=1))
        answered = await desk.done(routed["id"], "information", {"answer": "The neighbour has the key."}, caller=desk.gp())

        assert (asked["status"], seen["question"]) == ("information-requested", "Who has the key?")
        unchanged = ("received_at", "clock_starts_at", "deadline")
        assert [asked[name] for name in unchanged] == [answered[name] for name in unchanged] == [routed[name] for name in unchanged]
        assert answered["status"] == "routed"
        assert len(await desk.context.published(ReferralInformationAnswered)) == 1
        assert "The neighbour has the key." in (await desk.context.published(PersonRecordRecorded))[-1].story.history


async def test_the_referrer_withdraws_with_a_reason(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed()

        cancelled = await desk.done(routed["id"], "cancellation", {"reason": "declined-by-person"}, caller=desk.gp())

        assert (cancelled["status"], cancelled["owner"], cancelled["deadline"]) == ("cancelled", None, None)
        assert [event.reason for event in await desk.context.published(ReferralCancelled)] == ["declined-by-person"]
        again = await desk.act(routed["id"], "triage", ROUTINE)
        assert (again.status_code, again.json()["code"]) == (409, "illegal-transition")


async def test_care_that_is_under_way_is_not_withdrawn_by_the_referrer(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed()
        accepted = await desk.done(routed["id"], "acceptance")

        refused = await desk.act(routed["id"], "cancellation", {"reason": "declined-by-person"}, caller=desk.gp())
        assert (refused.status_code, refused.json()["code"]) == (409, "care-in-progress")
        assert (await desk.read(routed["id"]))["version"] == accepted["version"]
        died = await desk.done(routed["id"], "cancellation", {"reason": "died"}, caller=desk.gp())
        assert died["status"] == "cancelled"


async def test_a_corrected_practice_counts_when_it_is_routed(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent(demographics=a_demographics_body(practice_code="E85001"))
        await desk.done(sent["id"], "triage", ROUTINE)
        before = await desk.act(sent["id"], "route", TO_NURSES)
        await desk.post(f"/people/{sent['person_id']}/record", {"demographics": a_demographics_body(practice_code="B01")}, version=1)

        routed = await desk.done(sent["id"], "route", TO_NURSES)

        assert (before.status_code, before.json()["code"]) == (409, "practice-not-covered")
        assert (routed["practice_code"], routed["locality"], routed["is_practice_covered"]) == ("B01", "locality-b", True)


async def test_a_referral_that_another_joined_is_not_withdrawn_over_their_head(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent()
        await desk.sent(caller=desk.context.token("referrals:refer", organisation="LAS", actor="crew-1"))

        refused = await desk.act(sent["id"], "cancellation", {"reason": "withdrawn"}, caller=desk.gp())
        decided = await desk.done(sent["id"], "cancellation", {"reason": "withdrawn"})

        assert (refused.status_code, refused.json()["code"]) == (409, "has-merged-referrals")
        assert decided["status"] == "cancelled"
        assert (await desk.read(sent["id"]))["joined_by"][0]["status"] == "merged"


async def test_what_may_be_done_depends_on_who_asks(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed()

        offered = {
            name: {action["name"] for action in (await desk.get(f"/{routed['id']}/actions", caller)).json()}
            for name, caller in {"triager": desk.triager, "gp": desk.gp(), "nurse": desk.receiver("CLCH")}.items()
        }

        answers = {"AcceptReferral", "ReturnReferral"}
        assert offered == {
            "triager": answers | {"RequestInformation", "RaiseUrgency", "CancelReferral"},
            "gp": {"CancelReferral"},
            "nurse": answers,
        }


_ACTIONS: dict[str, Any] = {
    "RequestInformation": {"question": "Who has the key?"},
    "AcceptReferral": None,
    "ReturnReferral": {"reason": "capacity"},
    "RaiseUrgency": {"reason": "Fever since noon"},
    "CancelReferral": {"reason": "declined-by-person"},
}


@pytest.mark.parametrize("name", _ACTIONS)
async def test_each_action_that_is_offered_can_be_called(owner_url: str, keys: Keys, name: str) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed()
        offered = {action["name"]: action for action in (await desk.get(f"/{routed['id']}/actions")).json()}
        assert set(offered) == set(_ACTIONS)

        headers = desk.triager | {"If-Match": f'W/"{routed["version"]}"'}
        answer = await desk.context.http.request(offered[name]["method"], offered[name]["href"], headers=headers, json=_ACTIONS[name])

        assert (answer.status_code, answer.json()["version"]) == (200, routed["version"] + 1)
        assert answer.json()["status"] != "routed"
