"""Receiving referrals: idempotency, merging, identity, the story, and advice to the caller.

Every test runs twice: without batching, and with each request as a batch. Batching must change only throughput.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import pytest

from infra.dev_stack.dev_secrets import Keys
from services.referrals.api.receive_group import RECEIVE_GROUP
from shared.clock import LONDON
from shared.contracts.codes import Locality
from shared.contracts.persons import PersonRecordRecorded
from shared.contracts.rapid_care import ResponseAccepted, ResponseHeldUntilOpening, ResponseRequested
from shared.contracts.referral_codes import Route
from shared.contracts.referrals import (
    ReferralDiscrepancyResolved,
    ReferralIdentityUnverified,
    ReferralMerged,
    ReferralReceived,
    ReferralRouted,
)
from tests.builders.database import CommonDatabase
from tests.builders.rapid_care import RapidCareClient
from tests.builders.referrals import DALE, OTHER_PERSON, SATURDAY, ReferralsClient, a_body, a_demographics_body, referrals

BAD_CHECK_DIGIT = "9990548608"
NIGHT = datetime(2015, 3, 14, 23, 0, tzinfo=LONDON)

_EVERY_REQUEST_IS_A_BATCH = replace(RECEIVE_GROUP, batches_single=True)

on_saturday = pytest.mark.parametrize("now", [SATURDAY], ids=["saturday"])


@pytest.fixture(scope="module", params=[(), (_EVERY_REQUEST_IS_A_BATCH,)], ids=["without-batching", "with-batching"])
async def module_client(common_database: CommonDatabase, keys: Keys, request: pytest.FixtureRequest) -> AsyncIterator[ReferralsClient]:
    """The application with and without the adapters of shared/persistence/batching."""
    async with referrals(common_database.url, keys, SATURDAY, groups=request.param) as client:
        yield client


@on_saturday
@pytest.mark.acceptance("referrals-1")
async def test_urgent_saturday_referral_reaches_rapid_care_within_minute(client: ReferralsClient, team: RapidCareClient) -> None:
    begun = monotonic()
    sent = await client.refer(urgency="urgent", reason="urgent-deterioration", condition="urinary-tract-infection")
    await client.command(sent["id"], "triage", {"urgency": "urgent", "reason": "Feverish and confused"})
    await client.command(sent["id"], "route", {"route": "rapid-care", "service_code": "rapid-care"})

    [routed] = await client.context.published(ReferralRouted)
    assert (routed.route, routed.condition) == (Route.RAPID_CARE, "urinary-tract-infection")
    await team.context.deliver(routed, key=UUID(sent["person_id"]), subject=UUID(sent["id"]))
    [requested] = await team.context.published(ResponseRequested)
    assert (requested.received_at, requested.clock_starts_at) == (SATURDAY, SATURDAY)
    assert requested.due_at == SATURDAY + timedelta(hours=2)
    assert requested.referral_id == UUID(sent["id"])
    assert monotonic() - begun < 60


@pytest.mark.acceptance("referrals-2")
async def test_repeated_request_creates_one_referral(client: ReferralsClient) -> None:
    first, second = await client.try_refer(key="key-1"), await client.try_refer(key="key-1")

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert first.headers["location"] == second.headers["location"] == f"/referrals/{first.json()['id']}"
    assert len(await client.context.published(ReferralReceived)) == 1


@pytest.mark.acceptance("referrals-2")
async def test_concurrent_requests_with_one_key_create_one_referral(client: ReferralsClient) -> None:
    responses = await asyncio.gather(*(client.try_refer(key="key-1") for _ in range(4)))

    assert {response.status_code for response in responses} == {201}
    assert len({response.content for response in responses}) == 1
    assert len(await client.context.published(ReferralReceived)) == 1


@pytest.mark.acceptance("referrals-2")
async def test_merged_referral_keeps_both_references_valid(client: ReferralsClient) -> None:
    first = await client.refer()
    await client.context.let_pass(timedelta(hours=71))
    ambulance = client.ambulance
    second = await client.refer(caller=ambulance, source="ambulance", demographics=None, story=None)

    assert (second["status"], second["merged_into"], second["owner"]) == ("merged", first["id"], None)
    assert first["reference"] != second["reference"]
    [merged] = await client.context.published(ReferralMerged)
    assert str(merged.into_referral_id) == first["id"]
    for caller, sent in ((client.gp(), first), (ambulance, second)):
        [found] = (await client.get("", caller, reference=sent["reference"])).json()["items"]
        assert found["id"] == sent["id"]
    followed = (await client.get(f"/{second['id']}", ambulance)).json()
    assert followed["continued_as"]["reference"] == first["reference"]


async def test_concurrent_referrers_create_one_person_and_merge(client: ReferralsClient) -> None:
    responses = await asyncio.gather(*(client.try_refer(caller=client.gp(practice)) for practice in ("W01", "W02", "W03")))

    assert sorted(response.json()["status"] for response in responses) == ["identified", "merged", "merged"]
    assert len(await client.context.published(PersonRecordRecorded)) == 1


async def test_referral_is_not_merged_after_window(client: ReferralsClient) -> None:
    await client.refer()
    await client.context.let_pass(timedelta(hours=72, seconds=1))

    assert (await client.refer())["status"] == "identified"


@pytest.mark.acceptance("referrals-4")
@pytest.mark.parametrize(
    ("demographics", "service", "status", "code"),
    [
        pytest.param({"residence": "ENFIELD"}, "district-nursing", 200, None, id="lives in Enfield, registered here"),
        pytest.param({"practice_code": "E85001"}, "district-nursing", 409, "practice-not-covered", id="lives here, registered elsewhere"),
        pytest.param({"practice_code": "E85001"}, "social-care-direct", 200, None, id="lives here: social care"),
    ],
)
async def test_eligibility_follows_registration_or_residence(
    client: ReferralsClient, demographics: dict[str, str], service: str, status: int, code: str | None
) -> None:
    sent = await client.refer(demographics=a_demographics_body(**demographics))
    await client.command(sent["id"], "triage", {"urgency": "routine", "reason": "Stable"})

    response = await client.try_command(sent["id"], "route", {"route": "service", "service_code": service})

    assert (response.status_code, response.json().get("code")) == (status, code)
    assert sent["is_practice_covered"] is (demographics.get("practice_code") is None)


@pytest.mark.acceptance("referrals-4")
@pytest.mark.parametrize(
    ("demographics", "refused", "code", "destination"),
    [
        pytest.param({"practice_code": "E85001"}, "falls-clinic", "practice-not-covered", "health-elsewhere", id="registered elsewhere"),
        pytest.param({"residence": "ENFIELD"}, "community-hub", "residence-elsewhere", "social-care-elsewhere", id="lives elsewhere"),
    ],
)
async def test_ineligible_person_is_signposted_elsewhere_then_closed(
    client: ReferralsClient, demographics: dict[str, str], refused: str, code: str, destination: str
) -> None:
    sent = await client.refer(demographics=a_demographics_body(**demographics))
    await client.command(sent["id"], "triage", {"urgency": "routine", "reason": "Stable"})

    response = await client.try_command(sent["id"], "route", {"route": "service", "service_code": refused})
    assert (response.status_code, response.json()["code"]) == (409, code)
    assert destination in response.text
    signposted = await client.command(sent["id"], "signpost", {"service_code": destination})
    closed = await client.command(sent["id"], "closure", {"outcome": "signposted"})

    assert (signposted["status"], signposted["deadline"]["kind"]) == ("signposted", "outcome")
    assert (closed["status"], closed["outcome"], closed["owner"]) == ("closed", "signposted", None)
    followed = (await client.get(f"/{sent['id']}", client.gp())).json()
    assert [line["code"] for line in followed["feedback"]] == ["received", "triaged", "signposted", "closed"]


@pytest.mark.acceptance("referrals-5")
@pytest.mark.parametrize(
    ("number", "code"), [(BAD_CHECK_DIGIT, "invalid-nhs-number"), ("9999999999", "invalid-nhs-number"), (None, "nhs-number-missing")]
)
async def test_invalid_number_is_refused_and_nothing_stored(client: ReferralsClient, number: str | None, code: str) -> None:
    response = await client.try_refer(nhs_number=number)

    assert (response.status_code, response.json()["code"]) == (422, code)
    assert str(number) not in response.text
    assert await client.context.log() == []
    assert await client.context.database.pool.fetchval("SELECT count(*) FROM person") == 0


@on_saturday
@pytest.mark.acceptance("referrals-5")
@pytest.mark.parametrize("number", [BAD_CHECK_DIGIT, None])
async def test_urgent_referral_with_invalid_number_is_unverified(client: ReferralsClient, number: str | None) -> None:
    sent = await client.refer(nhs_number=number, urgency="urgent")

    assert (sent["status"], sent["is_identified"]) == ("unverified", False)
    assert len(await client.context.published(ReferralIdentityUnverified)) == 1
    [record] = await client.context.published(PersonRecordRecorded)
    assert record.nhs_number is None
    assert (await client.get(f"/people/{sent['person_id']}")).json()["number_as_typed"] == number
    await client.command(sent["id"], "triage", {"urgency": "urgent", "reason": "Feverish"})
    assert (await client.command(sent["id"], "route", {"route": "rapid-care", "service_code": "rapid-care"}))["status"] == "routed"


@on_saturday
async def test_unverified_people_are_never_merged(client: ReferralsClient) -> None:
    first, second = await client.refer(nhs_number=None, urgency="urgent"), await client.refer(nhs_number=None, urgency="urgent")

    assert first["person_id"] != second["person_id"]
    assert second["status"] == "unverified"


@pytest.mark.acceptance("referrals-7")
async def test_known_story_is_returned_for_confirmation(client: ReferralsClient) -> None:
    first = await client.refer(caller=client.ambulance, source="ambulance")
    second = await client.refer(reason="falls", demographics=None, story=None)

    assert (first["is_story_known"], second["is_story_known"]) == (False, True)
    assert second["story"] == first["story"]
    assert second["story"]["contacts"][0]["name"] == "Louise"
    assert len(await client.context.published(PersonRecordRecorded)) == 1


async def test_new_story_keeps_earlier_story_in_history(client: ReferralsClient) -> None:
    first = await client.refer(caller=client.ambulance, source="ambulance")
    second = await client.refer(reason="falls", demographics=None, story={"narrative": "He fell in the kitchen."})

    assert second["story"]["narrative"] == "He fell in the kitchen."
    assert first["story"]["narrative"] in second["story"]["history"]
    assert [record.story.narrative for record in await client.context.published(PersonRecordRecorded)][1] == "He fell in the kitchen."


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"story": None}, "story-missing", "body.story"),
        ({"demographics": None}, "demographics-missing", "body.demographics"),
        ({"demographics": a_demographics_body(born_on="2015-03-17")}, "birth-date-in-future", "body.demographics.born_on"),
    ],
)
async def test_first_referral_needs_demographics_and_story(client: ReferralsClient, changes: dict[str, Any], code: str, field: str) -> None:
    response = await client.try_refer(**changes)

    assert (response.status_code, response.json()["code"]) == (422, code)
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert await client.context.log() == []


@pytest.mark.parametrize(
    ("changes", "discrepancies"),
    [
        ({"nhs_number": "943 476 5918", "demographics": None}, ["number-invalid", "demographics-missing"]),
        ({"nhs_number": "943 476", "story": None}, ["number-invalid", "story-missing"]),
        ({"nhs_number": "943 476 5919 (not sure, ask the daughter)"}, ["number-invalid"]),
        ({"nhs_number": OTHER_PERSON, "demographics": None, "story": None}, ["demographics-missing", "story-missing"]),
        ({"nhs_number": None, "demographics": a_demographics_body(born_on="31/02/1932")},
         ["number-missing", "birthday-invalid", "demographics-missing"]),
        ({"nhs_number": OTHER_PERSON, "demographics": a_demographics_body(born_on="2031-01-01")},
         ["birthday-invalid", "demographics-missing"]),
        ({"demographics": a_demographics_body(born_on="1950-02-01"), "story": None}, ["identity-differs", "story-missing"]),
        ({"demographics": a_demographics_body(born_on="unknown")}, ["identity-differs", "birthday-invalid", "demographics-missing"]),
        ({"nhs_number": OTHER_PERSON, "story": {"narrative": "He is alone. " * 70_000}}, ["history-shortened"]),
        ({"nhs_number": OTHER_PERSON, "condition": None}, ["condition-missing"]),
    ],
)  # fmt: skip
async def test_urgent_referral_is_never_refused(client: ReferralsClient, changes: dict[str, Any], discrepancies: list[str]) -> None:
    """Finding A10. The person whose number it is stays as recorded."""
    known = await client.refer()

    sent = await client.refer(**{"urgency": "urgent", "reason": "falls", "condition": "fall"} | changes)

    stored = await client.read(sent["id"])
    assert stored["discrepancies"] == discrepancies
    assert sent["discrepancies"] == [each for each in discrepancies if each != "history-shortened"]
    assert (stored["discrepancies_due_at"], sent["discrepancies_due_at"]) == (sent["deadline"]["due_at"], None)
    assert sent["person_id"] != known["person_id"]
    [waiting] = (await client.get("/work", section="discrepancies")).json()["items"]
    assert waiting["id"] == sent["id"]
    assert (await client.get(f"/people/{known['person_id']}")).json()["family_name"] == "Dale"
    assert (await client.get(f"/{sent['id']}/record")).status_code == (await client.get(f"/people/{sent['person_id']}")).status_code == 200


async def test_unreadable_values_are_kept_and_marked(client: ReferralsClient) -> None:
    """Staff and the responding clinician read them in the record, which every service has."""
    story = {"narrative": "He fell.", "history": "Allergic to penicillin", "communication_needs": "Deaf", "contacts": {"name": "Louise"}}
    demographics = a_demographics_body(telephone=2079460101)
    sent = await client.refer(urgency="urgent", reason="falls", condition="fall", story=story, demographics=demographics)

    assert sent["discrepancies"] == ["text-unreadable"]
    assert (await client.read(sent["id"]))["discrepancies_due_at"] == sent["deadline"]["due_at"]
    [waiting] = (await client.get("/work", section="discrepancies")).json()["items"]
    assert waiting["id"] == sent["id"]
    kept = ["telephone: 2079460101", "history: Allergic to penicillin", "communication needs: Deaf", 'contacts: {"name": "Louise"}']
    assert (await client.get(f"/{sent['id']}/record")).json()["story"]["history"] == kept
    [record] = await client.context.published(PersonRecordRecorded)
    assert list(record.story.history) == kept


@pytest.mark.parametrize("is_routed", [False, True])
async def test_unreadable_values_of_second_call_mark_joined_referral(client: ReferralsClient, *, is_routed: bool) -> None:
    urgent = {"urgency": "urgent", "reason": "urgent-deterioration", "condition": "fall"}
    first = await (client.refer_and_route("rapid-care", "rapid-care", **urgent) if is_routed else client.refer(**urgent))

    second = await client.refer(**urgent | {"story": "He fell again."})

    assert second["merged_into"] == first["id"]
    joined = await client.read(first["id"])
    assert joined["discrepancies"] == ["text-unreadable"]
    assert joined["discrepancies_due_at"] is not None
    assert "story: He fell again." in (await client.get(f"/{first['id']}/record")).json()["story"]["history"]


@pytest.mark.parametrize("narrative", [None, 7, ["He fell."]])
async def test_urgent_referral_without_narrative_leaves_the_recorded_one(client: ReferralsClient, narrative: Any) -> None:
    known = await client.refer(caller=client.ambulance, source="ambulance")
    story = {"what_matters": "His dog"} | ({"narrative": narrative} if narrative else {})

    sent = await client.refer(urgency="urgent", reason="falls", condition="fall", demographics=None, story=story)

    assert "story-missing" not in sent["discrepancies"]
    assert (sent["story"]["narrative"], sent["story"]["what_matters"]) == (known["story"]["narrative"], "His dog")
    assert (await client.try_refer(reason="dementia", demographics=None, story=None)).status_code == 201


async def test_half_of_a_surrogate_pair_refuses_no_urgent_referral(client: ReferralsClient) -> None:
    bodies = [a_body(story={"narrative": "He fell \ud83d"}, condition="fall", urgency=urgency) for urgency in ("urgent", "routine")]
    headers = [client.gp() | {"Idempotency-Key": urgency, "Content-Type": "application/json"} for urgency in ("urgent", "routine")]

    urgent, routine = [
        await client.context.http.post("/referrals", content=json.dumps(body), headers=own)
        for body, own in zip(bodies, headers, strict=True)
    ]

    assert (urgent.status_code, urgent.json()["discrepancies"]) == (201, [])
    assert (await client.get(f"/{urgent.json()['id']}/record")).json()["story"]["narrative"] == "He fell \ufffd"
    assert (routine.status_code, routine.json()["errors"][0]["field"]) == (422, "body.story.narrative")


async def test_discrepancy_stays_in_work_list_until_resolved(client: ReferralsClient) -> None:
    sent = await client.refer(nhs_number=None, urgency="urgent", condition="fall", story=None)
    await client.command(sent["id"], "triage", {"urgency": "urgent", "reason": "On the floor"})
    await client.command(sent["id"], "route", {"route": "rapid-care", "service_code": "rapid-care"})
    assert [each["id"] for each in (await client.get("/work")).json()["items"]] == [sent["id"]]

    await client.command(sent["id"], "discrepancy-resolution", {"discrepancy": "number-missing", "reason": "Traced by telephone"})
    version = (await client.get(f"/people/{sent['person_id']}")).json()["version"]
    await client.post(f"/people/{sent['person_id']}/record", {"story": {"narrative": "He fell."}}, version=version)

    again = await client.try_command(sent["id"], "discrepancy-resolution", {"discrepancy": "story-missing", "reason": "Again"})
    assert (again.status_code, again.json()["code"]) == (409, "discrepancy-not-open")
    assert (await client.get("/work")).json()["items"] == []
    resolved = await client.context.published(ReferralDiscrepancyResolved)
    assert [event.discrepancies for event in resolved] == [("number-missing",), ("story-missing",)]


async def test_later_referral_completes_record_of_urgent_one(client: ReferralsClient) -> None:
    urgent = await client.refer(urgency="urgent", condition="fall", reason="falls", demographics=None, story=None)
    bare = await client.try_refer(demographics=None, story=None)

    await client.refer()

    assert bare.status_code == 422
    assert (await client.read(urgent["id"]))["discrepancies"] == []
    person = (await client.get(f"/people/{urgent['person_id']}")).json()
    assert (person["family_name"], person["born_on"], "not given" in str(person)) == ("Dale", "1932-05-02", False)


async def test_unknown_practice_has_point_of_access_as_contact(client: ReferralsClient) -> None:
    sent = await client.refer(urgency="urgent", nhs_number=None, demographics=None)

    contact = (await client.get(f"/people/{sent['person_id']}/contact")).json()

    assert (contact["professional_id"], contact["telephone"]) == ("community-point-of-access", "020 7946 0001")


async def test_complete_urgent_referral_with_mistyped_number_is_accepted(client: ReferralsClient) -> None:
    assert (await client.refer(nhs_number="943 476 5918", urgency="urgent"))["status"] == "unverified"


async def test_number_with_other_birth_date_opens_no_record(client: ReferralsClient) -> None:
    known = await client.refer()
    stranger = a_demographics_body(born_on="1950-02-01", family_name="Other")

    refused = await client.try_refer(demographics=stranger, reason="falls")
    urgent = await client.refer(demographics=stranger, urgency="urgent", story={"narrative": "Found in the street."})

    assert (refused.status_code, refused.json()["code"]) == (409, "identity-differs")
    assert urgent["status"] == "unverified"
    assert urgent["person_id"] != known["person_id"]
    assert urgent["story"]["narrative"] == "Found in the street."


async def test_stored_events_hold_no_plain_personal_data(client: ReferralsClient) -> None:
    sent = await client.refer()

    rows = await client.context.database.pool.fetch("SELECT topic, key, data FROM event ORDER BY seq")
    assert [row["topic"] for row in rows] == ["referrals.person-record", "referrals.referral", "referrals.referral"]
    assert {str(row["key"]) for row in rows} == {sent["person_id"]}
    for row in rows:
        assert all(word not in row["data"] for word in (b"Dale", b"Louise", b"Oakleigh", DALE.encode()))


@pytest.mark.acceptance("referrals-10")
async def test_acknowledged_referral_waits_in_outbox(client: ReferralsClient) -> None:
    sent = await client.refer()

    pending = await client.context.database.pool.fetch("SELECT type, subject FROM outbox JOIN event USING (seq) ORDER BY seq")
    assert [row["type"].split(".")[-2] for row in pending] == ["recorded", "received", "identified"]
    assert {str(row["subject"]) for row in pending} == {sent["id"], sent["person_id"]}


@pytest.mark.parametrize("now", [NIGHT], ids=["night"])
async def test_urgent_referral_at_night_names_out_of_hours_service(client: ReferralsClient) -> None:
    urgent, routine = await client.refer(urgency="urgent"), await client.refer(reason="falls")

    assert (urgent["alternative_service"]["code"], urgent["alternative_service"]["telephone"]) == ("out-of-hours-gp", "020 7946 0106")
    assert urgent["deadline"]["due_at"] == "2015-03-15T07:15:00Z"
    assert routine["alternative_service"] is None


@pytest.mark.parametrize(
    ("now", "triage", "service"),
    [
        (NIGHT, None, "out-of-hours-gp"),
        (SATURDAY, {"urgency": "urgent", "reason": "Blue lips", "has_red_flag": True}, "ambulance"),
    ],
    ids=["at night", "in danger"],
)
async def test_merged_referral_names_emergency_alternative(client: ReferralsClient, triage: dict[str, Any] | None, service: str) -> None:
    first = await client.refer(urgency="urgent")
    if triage:
        await client.command(first["id"], "triage", triage)
    ambulance = client.ambulance

    second = await client.refer(caller=ambulance, urgency="urgent")

    assert (second["status"], second["emergency_alternative"], second["alternative_service"]["code"]) == ("merged", service, service)
    assert (await client.get(f"/{second['id']}", ambulance)).json()["emergency_alternative"] == service


@pytest.mark.parametrize("now", [NIGHT], ids=["night"])
async def test_held_referral_names_opening_due_time_and_advice(client: ReferralsClient, team: RapidCareClient) -> None:
    """Finding A22. The page of the referral and the response have one clock."""
    sent = await client.refer(urgency="urgent", reason="urgent-deterioration", condition="pneumonia")
    await client.command(sent["id"], "triage", {"urgency": "urgent", "reason": "Feverish"})
    await client.command(sent["id"], "route", {"route": "rapid-care", "service_code": "rapid-care"})
    [routed] = await client.context.published(ReferralRouted)
    await team.context.deliver(routed, key=UUID(sent["person_id"]), subject=UUID(sent["id"]))
    [held] = await team.context.published(ResponseHeldUntilOpening)
    await client.deliver(sent, held)
    await client.deliver(sent, ResponseAccepted(referral_id=UUID(sent["id"]), accepted_at=NIGHT, due_at=held.due_at, routing=1))

    seen = (await client.get(f"/{sent['id']}", client.gp())).json()

    assert (seen["status"], seen["opens_at"]) == ("accepted", "2015-03-15T07:00:00Z")
    assert (seen["receiver_due_at"], seen["clock_starts_at"]) == ("2015-03-15T09:00:00Z", "2015-03-15T07:00:00Z")
    assert seen["alternative_service"]["code"] == "out-of-hours-gp"
    await client.context.let_pass(timedelta(hours=8))
    by_day = (await client.get(f"/{sent['id']}", client.gp())).json()
    assert (by_day["opens_at"], by_day["alternative_service"]) == (None, None)


@pytest.mark.parametrize("now", [NIGHT], ids=["night"])
async def test_caller_of_repeated_call_at_night_is_advised(client: ReferralsClient) -> None:
    """Finding A2: the second caller was not advised."""
    first = await client.refer(urgency="urgent", condition="fall")
    await client.command(first["id"], "triage", {"urgency": "urgent", "reason": "On the floor"})
    await client.command(first["id"], "route", {"route": "service", "service_code": "district-nursing"})
    await client.command(first["id"], "acceptance")
    await client.context.let_pass(timedelta(hours=24))

    second = await client.refer(caller=client.ambulance, urgency="urgent", condition="fall")

    assert (second["status"], second["alternative_service"]["code"]) == ("merged", "out-of-hours-gp")


async def test_referral_is_not_merged_into_signposted_one(client: ReferralsClient) -> None:
    sent = await client.refer(urgency="advice")
    await client.command(sent["id"], "triage", {"urgency": "advice", "reason": "Wants company"})
    await client.command(sent["id"], "signpost", {"service_code": "befriending"})

    again = await client.refer(urgency="advice")

    assert (again["status"], again["deadline"]["kind"]) == ("identified", "triage")


async def test_omitted_details_keep_recorded_values(client: ReferralsClient) -> None:
    warden = {"name": "The warden", "relationship": "warden"}
    known = a_demographics_body(telephone="020 7946 0999", residence="ENFIELD")
    first = await client.refer(demographics=known)
    await client.refer(reason="falls", demographics=a_demographics_body(), story={"narrative": "He fell.", "contacts": [warden]})

    person = (await client.get(f"/people/{first['person_id']}")).json()

    assert (person["telephone"], person["residence"]) == ("020 7946 0999", "ENFIELD")
    assert [contact["name"] for contact in person["story"]["contacts"]] == ["Louise", "The warden"]


async def test_practice_determines_locality(client: ReferralsClient) -> None:
    sent = await client.refer(nhs_number=OTHER_PERSON, demographics=a_demographics_body(practice_code="C23"))

    assert sent["locality"] == Locality.LOCALITY_C


@pytest.mark.parametrize(
    "changes",
    [
        {"urgency": "at-once"},
        {"source": "friend"},
        {"reason": "whatever"},
        {"demographics": a_demographics_body(practice_code="not a code")},
        {"demographics": a_demographics_body(born_on="1800-01-01")},
        {"demographics": a_demographics_body(family_name="")},
        {"demographics": a_demographics_body(family_name="\x00")},
        {"story": {"narrative": "  "}},
        {"story": {"narrative": "\x00"}},
        {"story": {"narrative": "He fell.", "contacts": [{"name": "\x00", "relationship": "daughter"}]}},
        {"nhs_number": "9" * 101},
        {"person": "unknown field"},
    ],
    ids="-".join,
)
async def test_malformed_request_is_refused(client: ReferralsClient, changes: dict[str, Any]) -> None:
    response = await client.try_refer(**changes)

    assert (response.status_code, response.json()["code"]) == (422, "validation-failed")
    assert await client.context.log() == []


@pytest.mark.parametrize(
    ("story", "field"),
    [
        ({"narrative": "  "}, "narrative"),
        ({"narrative": "\x00"}, "narrative"),
        ({"narrative": "He fell.", "contacts": [{"name": "\x00", "relationship": "daughter"}]}, "contacts.0.name"),
    ],
    ids=["blank", "NUL", "contacts"],
)
async def test_refused_story_names_its_field(client: ReferralsClient, story: dict[str, Any], field: str) -> None:
    response = await client.try_refer(story=story)

    assert [error["field"] for error in response.json()["errors"]] == [f"body.story.{field}"]


async def test_idempotency_key_is_required_and_not_reusable(client: ReferralsClient) -> None:
    without = await client.post("", {}, caller=client.gp())
    await client.try_refer(key="key-1")
    reused = await client.try_refer(key="key-1", reason="falls")

    assert (without.status_code, without.json()["code"]) == (400, "idempotency-key-missing")
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency-key-reused")
    assert len(await client.context.published(ReferralReceived)) == 1


async def test_concurrent_referrals_get_distinct_references(client: ReferralsClient) -> None:
    sent = await asyncio.gather(*(client.refer() for _ in range(12)))

    assert len({each["reference"] for each in sent}) == 12


async def test_body_over_the_limit_is_refused_with_a_way(client: ReferralsClient) -> None:
    refused = await client.try_refer(urgency="urgent", condition="fall", story={"narrative": "He fell. " * 130_000})

    assert (refused.status_code, refused.json()["code"]) == (413, "body-too-large")
    assert "telephone the Community Point of Access" in refused.json()["advice"]
