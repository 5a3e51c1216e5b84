"""What the coordinator does: the queue, take, give back, and send somebody who can."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from infra.dev_stack.dev_secrets import Keys
from services.rapid_care.domain.response import Status
from shared.contracts.codes import Condition
from shared.contracts.rapid_care import DeclineReason, ResponseAccepted, ResponseAssigned, ResponseDeclined, ResponseRequested
from shared.contracts.referrals import ReferralCancelled, ReferralInformationRequested, ReferralReturned, ReturnReason, Route
from shared.kernel.ids import new_id
from tests.builders.rapid_care import NURSE, RapidCare, a_routed_referral, at, rapid_care


async def _code(care: RapidCare, response_id: UUID, verb: str, **body: Any) -> tuple[int, str]:
    """What a refused request is answered, when it changed nothing."""
    before = await care.read(response_id)
    answer = await care.ask(response_id, verb, **body)
    assert (await care.read(response_id))["version"] == before["version"]
    return answer.status_code, answer.json()["code"]


async def test_the_queue_shows_the_most_urgent_first_page_by_page(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        later = await care.routed()
        sooner = await care.routed(received_at=at("13:00"))
        soonest = await care.routed(received_at=at("12:30"))

        first = await care.get("responses", limit=2)
        second = await care.get("responses", limit=2, cursor=first["next"])

        assert [item["id"] for item in first["items"]] == [str(soonest), str(sooner)]
        assert [item["seconds_left"] for item in first["items"]] == [30 * 60, 60 * 60]
        assert ([item["id"] for item in second["items"]], second["next"]) == ([str(later)], None)


async def test_each_shelf_shows_its_own(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        waiting, in_care, older, newer = [await care.routed(received_at=at(hour)) for hour in ("13:50", "13:40", "13:00", "13:30")]
        await care.bring(in_care, Status.ASSESSED)
        for ended in (older, newer):
            await care.do(ended, "decline", reason="capacity")

        shelves = {status: [UUID(item["id"]) for item in (await care.get("responses", status=status))["items"]] for status in _SHELVES}

        assert shelves == {"waiting": [waiting], "open": [in_care, waiting], "closed": [newer, older]}


_SHELVES = ("waiting", "open", "closed")


async def test_a_cursor_of_another_kind_is_refused(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        for cursor in ("nonsense", "!", "MjAxNS0wMy0xNVQxNDowMDowMCBhYmM"):
            answer = await care.context.http.get("/rapid-care/responses", headers=care.staff, params={"cursor": cursor})

            assert (answer.status_code, answer.json()["code"]) == (400, "cursor-malformed")


async def test_what_is_declined_goes_back_with_the_reason_and_its_clock_is_silent(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        response_id = await care.routed()

        declined = await care.do(response_id, "decline", reason="ineligible")
        await care.context.let_pass(timedelta(hours=3))

        assert (declined["status"], declined["clock"], declined["decline_reason"]) == ("declined", "released", "ineligible")
        assert [event.reason for event in await care.context.published(ResponseDeclined)] == [DeclineReason.INELIGIBLE]
        assert len(await care.context.log()) == 2
        assert await care.get(f"responses/{response_id}/actions") == []


@pytest.mark.acceptance("rapid_care-4")
async def test_sending_somebody_else_asking_for_information_and_returning_move_no_deadline(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        referral_id = new_id()
        response_id = await care.routed(referral_id=referral_id)
        await care.roster("nurse-2", "community-nurse")
        await care.bring(response_id, Status.ASSIGNED)
        await care.context.let_pass(timedelta(minutes=30))

        again = await care.do(response_id, "assignment", clinician_id="nurse-2")
        await care.context.deliver(ReferralInformationRequested(asked_at=at("14:30")), key=new_id(), subject=referral_id)
        returned = await care.routed(received_at=at("13:10"), referral_id=(second := new_id()))
        await care.do(returned, "decline", reason="capacity")
        await care.context.let_pass(timedelta(minutes=10))
        routed_again = await care.routed(received_at=at("13:10"), referral_id=second)

        assert (again["clinician_id"], again["due_at"]) == ("nurse-2", at("16:00").isoformat().replace("+00:00", "Z"))
        assert (await care.read(response_id))["due_at"] == again["due_at"]
        dues = [(await care.read(each))["due_at"] for each in (returned, routed_again)]
        assert dues == ["2015-03-15T15:10:00Z"] * 2


async def test_a_referral_that_is_being_answered_is_not_answered_twice(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        referral_id, person_id = new_id(), new_id()
        response_id = await care.routed(referral_id=referral_id, person_id=person_id)
        await care.do(response_id, "acceptance")

        await care.context.deliver(
            ReferralReturned(service_code="rapid-care", reason=ReturnReason.CAPACITY), key=person_id, subject=referral_id
        )
        await care.context.deliver(a_routed_referral(at("14:00"), routing=2), key=person_id, subject=referral_id)

        assert (await care.read(response_id))["status"] == "accepted"
        assert [event.routing for event in await care.context.published(ResponseAccepted)] == [1, 2]
        assert len(await care.context.published(ResponseRequested)) == 1


@pytest.mark.parametrize(
    ("reason", "brought_to", "left"),
    [
        ("withdrawn", None, "cancelled"),
        ("withdrawn", Status.ACCEPTED, "accepted"),
        ("sent-in-error", Status.ASSESSED, "assessed"),
        ("died", Status.ASSESSED, "cancelled"),
        ("moved-away", Status.ACCEPTED, "cancelled"),
    ],
)
async def test_a_withdrawn_referral_ends_no_care_that_has_begun(
    owner_url: str, keys: Keys, reason: str, brought_to: Status | None, left: str
) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        referral_id = new_id()
        response_id = await care.routed(referral_id=referral_id)
        if brought_to:
            await care.bring(response_id, brought_to)

        await care.context.deliver(ReferralCancelled(reason=reason), key=new_id(), subject=referral_id)

        assert (await care.read(response_id))["status"] == left


async def test_a_call_is_refused_unless_triage_chose_it(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        to_visit, to_ring = await care.routed(), await care.routed(is_by_telephone=True)
        call = {"contacted_at": at("14:00").isoformat(), "mode": "telephone-by-triage"}
        for response_id in (to_visit, to_ring):
            await care.bring(response_id, Status.EN_ROUTE)

        assert await _code(care, to_visit, "first-contact", **call) == (409, "telephone-not-authorised")
        assert (await care.do(to_ring, "first-contact", **call))["clock"] == "met"


async def test_guidance_stands_until_opening_also_once_it_is_accepted(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("23:00")) as care:
        accepted = await care.do(await care.routed(), "acceptance")

        assert accepted["guidance"]["service_codes"] == ["out-of-hours-gp", "ambulance"]


async def test_a_referral_for_somebody_else_makes_no_response(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        await care.context.deliver(a_routed_referral(at("14:00"), route=Route.SERVICE), key=new_id(), subject=new_id())

        assert await care.context.log() == []


async def test_the_clinician_with_the_fewest_open_responses_is_chosen(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        await care.roster("nurse-2", "community-nurse")
        await care.roster("therapist-1", "occupational-therapist")
        await care.roster("nurse-3", "emergency-nurse-practitioner", is_on_duty=False)
        busy = await care.routed()
        await care.bring(busy, Status.ASSIGNED)
        response_id = await care.routed()
        await care.bring(response_id, Status.ACCEPTED)

        first = await care.do(response_id, "assignment")
        other = await care.do(response_id, "assignment")

        assert (first["clinician_id"], other["clinician_id"]) == ("nurse-2", NURSE)
        assert [event.skill for event in await care.context.published(ResponseAssigned)][1:] == [
            "community-nurse",
            "emergency-nurse-practitioner",
        ]


async def test_who_cannot_go_is_not_sent(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        response_id = await care.routed(condition=Condition.FALL)
        await care.roster("carer-1", "healthcare-assistant")
        await care.roster("therapist-1", "occupational-therapist", is_on_duty=False)
        await care.do(response_id, "acceptance")

        assert await _code(care, response_id, "assignment", clinician_id="nobody") == (404, "clinician-not-found")
        assert await _code(care, response_id, "assignment", clinician_id="therapist-1") == (409, "clinician-off-duty")
        assert await _code(care, response_id, "assignment", clinician_id="carer-1") == (409, "skill-missing")
        assert await _code(care, response_id, "assignment") == (409, "no-clinician-available")
        assert await _code(care, response_id, "departure") == (409, "illegal-transition")


async def test_the_roster_is_kept_by_version_and_a_repetition_changes_nothing(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        path, entry = "/rapid-care/clinicians/nurse-1", {"skills": ["community-nurse"], "is_on_duty": True}
        first = await care.context.http.put(path, headers=care.staff, json=entry)
        repeated = await care.context.http.put(path, headers=care.staff, json=entry)
        blind = await care.context.http.put(path, headers=care.staff, json=entry | {"is_on_duty": False})
        known = await care.context.http.put(path, headers=care.staff | {"If-Match": 'W/"1"'}, json=entry | {"is_on_duty": False})

        assert (first.status_code, first.headers["etag"]) == (200, 'W/"1"')
        assert (repeated.status_code, repeated.json()) == (200, first.json())
        assert (blind.status_code, blind.json()["code"]) == (412, "version-conflict")
        assert (known.json()["is_on_duty"], known.json()["version"]) == (False, 2)
        assert await care.get("clinicians") == [known.json()]
        assert await care.get("clinicians/nurse-1") == known.json()
        missing = await care.context.http.get("/rapid-care/clinicians/nurse-9", headers=care.staff)
        assert (missing.status_code, missing.json()["code"]) == (404, "clinician-not-found")


async def test_other_organisations_and_callers_without_the_scope_are_refused(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        response_id = await care.routed()
        await care.roster(NURSE, "community-nurse")
        stranger = care.context.token("rapid-care:coordinate", "rapid-care:respond", organisation="RFL")
        clinician = care.context.token("rapid-care:respond") | {"If-Match": 'W/"1"'}
        paths = ["responses", f"responses/{response_id}", f"responses/{response_id}/briefing", f"responses/{response_id}/actions"]
        paths += [f"people/{new_id()}/story", "clinicians", "clinicians/nurse-1", "figures?month=2015-03"]

        for path in paths:
            answer = await care.context.http.get(f"/rapid-care/{path}", headers=stranger)
            assert (answer.status_code, answer.json()["code"]) == (403, "organisation-not-involved"), path
        accepted = await care.context.http.post(f"/rapid-care/responses/{response_id}/acceptance", headers=clinician)

        assert (accepted.status_code, accepted.json()["code"]) == (403, "scope-missing")
        assert (await care.read(response_id))["status"] == "requested"


async def test_what_is_not_there_is_not_found(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        read = await care.context.http.get(f"/rapid-care/responses/{new_id()}", headers=care.staff)
        acted = await care.ask(new_id(), "acceptance", version=1)
        story = await care.context.http.get(f"/rapid-care/people/{new_id()}/story", headers=care.staff)

        assert (read.status_code, read.json()["code"]) == (404, "response-not-found")
        assert (acted.status_code, acted.json()["code"]) == (404, "response-not-found")
        assert (story.status_code, story.json()["code"]) == (404, "person-record-not-found")


async def test_the_actions_are_those_that_the_state_permits(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("14:00")) as care:
        response_id = await care.routed()

        actions = await care.get(f"responses/{response_id}/actions")

        path = f"/rapid-care/responses/{response_id}"
        assert [(action["name"], action["method"], action["href"]) for action in actions] == [
            ("AcceptResponse", "POST", f"{path}/acceptance"),
            ("DeclineResponse", "POST", f"{path}/decline"),
        ]
