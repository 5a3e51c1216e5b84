"""The coordinator's work: the queue, accepting, declining and assigning a clinician."""

from datetime import timedelta
from uuid import UUID

import pytest

from services.rapid_care.domain.response import Status
from shared.contracts.codes import Condition
from shared.contracts.rapid_care import (
    DeclineReason,
    ResponseAccepted,
    ResponseAssigned,
    ResponseContacted,
    ResponseDeclined,
    ResponseRequested,
)
from shared.contracts.referral_codes import ReturnReason, Route
from shared.contracts.referrals import ReferralCancelled, ReferralInformationRequested, ReferralReturned
from shared.kernel.ids import new_id
from tests.builders.rapid_care import NURSE, RapidCareClient, a_routed_referral, at


async def test_queue_lists_earliest_deadline_first_by_page(team: RapidCareClient) -> None:
    later = await team.receive_referral()
    sooner = await team.receive_referral(received_at=at("13:00"))
    soonest = await team.receive_referral(received_at=at("12:30"))

    first = await team.get("responses", limit=2)
    second = await team.get("responses", limit=2, cursor=first["next"])

    assert [item["id"] for item in first["items"]] == [str(soonest), str(sooner)]
    assert [item["seconds_left"] for item in first["items"]] == [30 * 60, 60 * 60]
    assert ([item["id"] for item in second["items"]], second["next"]) == ([str(later)], None)


async def test_list_is_filtered_by_status_group(team: RapidCareClient) -> None:
    waiting, in_care, older, newer = [await team.receive_referral(received_at=at(hour)) for hour in ("13:50", "13:40", "13:00", "13:30")]
    await team.advance(in_care, Status.ASSESSED)
    for ended in (older, newer):
        await team.command(ended, "decline", reason="capacity")

    shelves = {status: [UUID(item["id"]) for item in (await team.get("responses", status=status))["items"]] for status in _SHELVES}

    assert shelves == {"waiting": [waiting], "open": [in_care, waiting], "closed": [newer, older]}


_SHELVES = ("waiting", "open", "closed")


async def test_malformed_cursor_is_refused(team: RapidCareClient) -> None:
    for cursor in ("nonsense", "!", "MjAxNS0wMy0xNVQxNDowMDowMCBhYmM"):
        http_response = await team.context.http.get("/rapid-care/responses", headers=team.staff, params={"cursor": cursor})

        assert (http_response.status_code, http_response.json()["code"]) == (400, "cursor-malformed")


async def test_declined_response_releases_clock(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()

    declined = await team.command(response_id, "decline", reason="ineligible")
    await team.context.let_pass(timedelta(hours=3))

    assert (declined["status"], declined["clock"], declined["decline_reason"]) == ("declined", "released", "ineligible")
    assert [event.reason for event in await team.context.published(ResponseDeclined)] == [DeclineReason.INELIGIBLE]
    assert len(await team.context.log()) == 2
    assert await team.get(f"responses/{response_id}/actions") == []


async def test_life_threatening_decline_names_whom_to_call(team: RapidCareClient) -> None:
    """As a return to the Community Point of Access does (finding A1)."""
    in_danger, full = await team.receive_referral(), await team.receive_referral()

    declined = await team.command(in_danger, "decline", reason="life-threatening")
    other = await team.command(full, "decline", reason="capacity")

    service = {"code": "ambulance", "name": "London Ambulance Service (999)", "telephone": "999"}
    assert (declined["emergency_alternative"], declined["alternative_service"]) == ("ambulance", service)
    assert await team.command(in_danger, "decline", reason="life-threatening") == declined
    assert (other["emergency_alternative"], other["alternative_service"]) == (None, None)


@pytest.mark.acceptance("rapid_care-4")
async def test_reassignment_question_and_return_keep_deadline(team: RapidCareClient) -> None:
    referral_id = new_id()
    response_id = await team.receive_referral(referral_id=referral_id)
    await team.roster("nurse-2", "community-nurse")
    await team.advance(response_id, Status.ASSIGNED)
    await team.context.let_pass(timedelta(minutes=30))

    again = await team.command(response_id, "assignment", clinician_id="nurse-2")
    await team.context.deliver(ReferralInformationRequested(asked_at=at("14:30")), key=new_id(), subject=referral_id)
    returned = await team.receive_referral(received_at=at("13:10"), referral_id=(second := new_id()))
    await team.command(returned, "decline", reason="capacity")
    await team.context.let_pass(timedelta(minutes=10))
    routed_again = await team.receive_referral(received_at=at("13:10"), referral_id=second)

    assert (again["clinician_id"], again["due_at"]) == ("nurse-2", at("16:00").isoformat().replace("+00:00", "Z"))
    assert (await team.read(response_id))["due_at"] == again["due_at"]
    dues = [(await team.read(each))["due_at"] for each in (returned, routed_again)]
    assert dues == ["2015-03-15T15:10:00Z"] * 2


async def test_rerouted_referral_reconfirms_accepted_response(team: RapidCareClient) -> None:
    referral_id, person_id = new_id(), new_id()
    response_id = await team.receive_referral(referral_id=referral_id, person_id=person_id)
    await team.command(response_id, "acceptance")

    await team.context.deliver(
        ReferralReturned(service_code="rapid-care", reason=ReturnReason.CAPACITY), key=person_id, subject=referral_id
    )
    await team.context.deliver(a_routed_referral(at("14:00"), routing=2), key=person_id, subject=referral_id)

    assert (await team.read(response_id))["status"] == "accepted"
    assert [event.routing for event in await team.context.published(ResponseAccepted)] == [1, 2]
    assert len(await team.context.published(ResponseRequested)) == 1


async def test_unanswered_response_gives_way_to_later_routing(team: RapidCareClient) -> None:
    referral_id, person_id = new_id(), new_id()
    response_id = await team.receive_referral(referral_id=referral_id, person_id=person_id)

    await team.context.deliver(a_routed_referral(at("14:00"), routing=2), key=person_id, subject=referral_id, sequence=2)

    first = await team.read(response_id)
    [again] = (await team.get("responses", referral_id=str(referral_id)))["items"]
    assert (first["status"], first["cancel_reason"]) == ("cancelled", "routed-again")
    assert (again["status"], again["due_at"]) == ("requested", first["due_at"])
    await team.command(UUID(again["id"]), "acceptance")
    assert [event.routing for event in await team.context.published(ResponseAccepted)] == [2]


@pytest.mark.parametrize(
    ("reason", "brought_to", "left"),
    [
        ("withdrawn", None, "cancelled"),
        ("withdrawn", Status.ACCEPTED, "accepted"),
        ("sent-in-error", Status.ASSESSED, "assessed"),
        ("died", None, "requested"),
        ("died", Status.ASSESSED, "assessed"),
        ("moved-away", Status.ACCEPTED, "accepted"),
    ],
)
async def test_withdrawn_referral_ends_no_care_in_progress(
    team: RapidCareClient, reason: str, brought_to: Status | None, left: str
) -> None:
    """The events about the person end the response of a person who died or moved away (`test_person_change`)."""
    referral_id = new_id()
    response_id = await team.receive_referral(referral_id=referral_id)
    if brought_to:
        await team.advance(response_id, brought_to)

    await team.context.deliver(ReferralCancelled(reason=reason), key=new_id(), subject=referral_id)

    assert (await team.read(response_id))["status"] == left
    assert await team.context.database.pool.fetchval("SELECT count(*) FROM inbox WHERE refused_code IS NOT NULL") == 0


async def test_telephone_contact_needs_decision_of_triage(team: RapidCareClient) -> None:
    to_visit, to_ring = await team.receive_referral(), await team.receive_referral(is_by_telephone=True)
    call = {"contacted_at": at("14:00").isoformat(), "mode": "telephone-by-triage"}
    for response_id in (to_visit, to_ring):
        await team.advance(response_id, Status.EN_ROUTE)

    assert await team.refusal(to_visit, "first-contact", **call) == (409, "telephone-not-authorised")
    assert (await team.command(to_ring, "first-contact", **call))["clock"] == "met"


@pytest.mark.parametrize("now", [at("23:00")], ids=["23:00"])
async def test_guidance_stays_until_opening_after_acceptance(team: RapidCareClient) -> None:
    accepted = await team.command(await team.receive_referral(), "acceptance")

    assert accepted["guidance"]["service_codes"] == ["out-of-hours-gp", "ambulance"]


async def test_referral_to_other_service_creates_no_response(team: RapidCareClient) -> None:
    await team.context.deliver(a_routed_referral(at("14:00"), route=Route.SERVICE), key=new_id(), subject=new_id())

    assert await team.context.log() == []


async def test_clinician_with_fewest_open_responses_is_assigned(team: RapidCareClient) -> None:
    await team.roster("nurse-2", "community-nurse")
    await team.roster("therapist-1", "occupational-therapist")
    await team.roster("nurse-3", "emergency-nurse-practitioner", is_on_duty=False)
    busy = await team.receive_referral()
    await team.advance(busy, Status.ASSIGNED)
    response_id = await team.receive_referral()
    await team.advance(response_id, Status.ACCEPTED)

    first = await team.command(response_id, "assignment")
    other = await team.command(response_id, "assignment")

    assert (first["clinician_id"], other["clinician_id"]) == ("nurse-2", NURSE)
    assert [event.skill for event in await team.context.published(ResponseAssigned)][1:] == [
        "community-nurse",
        "emergency-nurse-practitioner",
    ]


async def test_unsuitable_clinician_is_not_assigned(team: RapidCareClient) -> None:
    response_id = await team.receive_referral(condition=Condition.FALL)
    await team.roster("carer-1", "healthcare-assistant")
    await team.roster("therapist-1", "occupational-therapist", is_on_duty=False)
    await team.command(response_id, "acceptance")

    assert await team.refusal(response_id, "assignment", clinician_id="unknown") == (404, "clinician-not-found")
    assert await team.refusal(response_id, "assignment", clinician_id="therapist-1") == (409, "clinician-off-duty")
    assert await team.refusal(response_id, "assignment", clinician_id="carer-1") == (409, "skill-missing")
    assert await team.refusal(response_id, "assignment") == (409, "no-clinician-available")
    assert await team.refusal(response_id, "departure") == (409, "illegal-transition")


async def test_roster_entry_is_versioned_and_repeatable(team: RapidCareClient) -> None:
    path, entry = "/rapid-care/clinicians/nurse-1", {"skills": ["community-nurse"], "is_on_duty": True}
    first = await team.context.http.put(path, headers=team.staff, json=entry)
    repeated = await team.context.http.put(path, headers=team.staff, json=entry)
    blind = await team.context.http.put(path, headers=team.staff, json=entry | {"is_on_duty": False})
    known = await team.context.http.put(path, headers=team.staff | {"If-Match": 'W/"1"'}, json=entry | {"is_on_duty": False})

    assert (first.status_code, first.headers["etag"]) == (200, 'W/"1"')
    assert (repeated.status_code, repeated.json()) == (200, first.json())
    assert (blind.status_code, blind.json()["code"]) == (412, "version-conflict")
    assert (known.json()["is_on_duty"], known.json()["version"]) == (False, 2)
    assert await team.get("clinicians") == [known.json()]
    assert await team.get("clinicians/nurse-1") == known.json()
    missing = await team.context.http.get("/rapid-care/clinicians/nurse-9", headers=team.staff)
    assert (missing.status_code, missing.json()["code"]) == (404, "clinician-not-found")


async def test_other_organisation_or_missing_scope_is_refused(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()
    await team.roster(NURSE, "community-nurse")
    stranger = team.context.token("rapid-care:coordinate", "rapid-care:respond", organisation="RFL")
    clinician = team.context.token("rapid-care:respond") | {"If-Match": 'W/"1"'}
    paths = ["responses", f"responses/{response_id}", f"responses/{response_id}/briefing", f"responses/{response_id}/actions"]
    paths += [f"people/{new_id()}/story", "clinicians", "clinicians/nurse-1", "monthly-statistics?month=2015-03"]

    for path in paths:
        http_response = await team.context.http.get(f"/rapid-care/{path}", headers=stranger)
        assert (http_response.status_code, http_response.json()["code"]) == (403, "organisation-not-involved"), path
    accepted = await team.context.http.post(f"/rapid-care/responses/{response_id}/acceptance", headers=clinician)

    assert (accepted.status_code, accepted.json()["code"]) == (403, "scope-missing")
    assert (await team.read(response_id))["status"] == "requested"


async def test_unknown_response_and_person_are_not_found(team: RapidCareClient) -> None:
    read = await team.context.http.get(f"/rapid-care/responses/{new_id()}", headers=team.staff)
    acted = await team.try_command(new_id(), "acceptance", version=1)
    story = await team.context.http.get(f"/rapid-care/people/{new_id()}/story", headers=team.staff)

    assert (read.status_code, read.json()["code"]) == (404, "response-not-found")
    assert (acted.status_code, acted.json()["code"]) == (404, "response-not-found")
    assert (story.status_code, story.json()["code"]) == (404, "person-record-not-found")


async def test_actions_are_those_of_current_state(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()

    actions = await team.get(f"responses/{response_id}/actions")

    path = f"/rapid-care/responses/{response_id}"
    assert [(action["name"], action["method"], action["href"]) for action in actions] == [
        ("AcceptResponse", "POST", f"{path}/acceptance"),
        ("DeclineResponse", "POST", f"{path}/decline"),
    ]


async def test_actions_are_those_of_caller(team: RapidCareClient) -> None:
    """Finding: a clinician was offered the coordinator's commands, which are refused with 403."""
    response_id = await team.receive_referral()
    await team.advance(response_id, Status.ASSIGNED)

    async def offered(*scopes: str) -> list[str]:
        headers = team.context.token(*scopes)
        http_response = await team.context.http.get(f"/rapid-care/responses/{response_id}/actions", headers=headers)
        return [action["name"] for action in http_response.json()]

    assert await offered("rapid-care:coordinate") == ["DeclineResponse", "AssignClinician", "HandBackResponse"]
    assert await offered("rapid-care:respond") == ["HandBackResponse", "Depart", "RecordFirstContact", "CloseResponse"]


async def test_clinician_who_goes_has_the_response(team: RapidCareClient) -> None:
    """Finding: a colleague's departure and visit were recorded as those of the assigned clinician."""
    departs, visits, by_coordinator = [await team.receive_referral() for _ in range(3)]
    await team.advance(departs, Status.ASSIGNED)
    for response_id in (visits, by_coordinator):
        await team.advance(response_id, Status.EN_ROUTE)
    colleague = team.as_clinician("nurse-2")
    await team.roster("nurse-2", "community-nurse")
    contacted_at = team.context.clock.at.isoformat()

    departed = await colleague.command(departs, "departure")
    refused = await colleague.refusal(visits, "departure")
    visited = await colleague.command(visits, "first-contact", contacted_at=contacted_at)
    recorded = await team.command(by_coordinator, "first-contact", contacted_at=contacted_at)

    assert [view["clinician_id"] for view in (departed, visited, recorded)] == ["nurse-2", "nurse-2", NURSE]
    assert refused == (409, "illegal-transition")
    assert [event.clinician_id for event in await team.context.published(ResponseContacted)] == ["nurse-2", NURSE]
    assert [item["id"] for item in (await team.get("responses", clinician_id="nurse-2", status="open"))["items"]] == [
        str(departs),
        str(visits),
    ]
