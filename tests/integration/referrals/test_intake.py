"""A referral comes in."""

import asyncio
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.clock import LONDON
from shared.contracts.codes import Locality
from shared.contracts.rapid_care import ResponseRequested
from shared.contracts.referrals import (
    PersonRecordRecorded,
    ReferralIdentityUnverified,
    ReferralMerged,
    ReferralReceived,
    ReferralRouted,
    Route,
)
from shared.kernel.ids import new_id
from tests.builders.rapid_care import rapid_care
from tests.builders.referrals import DALE, MONDAY, SATURDAY, SOMEBODY_ELSE, ReferralsClient, a_demographics_body, referrals

BAD_CHECK_DIGIT = "9990548608"


@pytest.mark.acceptance("referrals-1")
async def test_a_saturday_urgent_referral_is_with_rapid_care_within_the_minute(owner_url: str, keys: Keys) -> None:
    begun = monotonic()
    async with referrals(owner_url, keys, SATURDAY) as desk, rapid_care(owner_url, keys, SATURDAY) as care:
        sent = await desk.sent(urgency="urgent", reason="urgent-deterioration", condition="urinary-tract-infection")
        await desk.done(sent["id"], "triage", {"urgency": "urgent", "reason": "Feverish and confused"})
        await desk.done(sent["id"], "route", {"route": "rapid-care", "service_code": "rapid-care"})

        [routed] = await desk.context.published(ReferralRouted)
        assert (routed.route, routed.condition) == (Route.RAPID_CARE, "urinary-tract-infection")
        await care.context.deliver(routed, key=UUID(sent["person_id"]), subject=UUID(sent["id"]))
        [requested] = await care.context.published(ResponseRequested)
        assert (requested.received_at, requested.clock_starts_at) == (SATURDAY, SATURDAY)
        assert requested.due_at == SATURDAY + timedelta(hours=2)
        assert requested.referral_id == UUID(sent["id"])
        assert monotonic() - begun < 60


@pytest.mark.acceptance("referrals-2")
async def test_the_same_request_sent_twice_is_one_referral(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        first, second = await desk.send(key="key-1"), await desk.send(key="key-1")

        assert (first.status_code, second.status_code) == (201, 201)
        assert first.content == second.content
        assert first.headers["location"] == second.headers["location"] == f"/referrals/{first.json()['id']}"
        assert len(await desk.context.published(ReferralReceived)) == 1


@pytest.mark.acceptance("referrals-2")
async def test_two_at_once_with_the_same_key_are_one_referral(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        answers = await asyncio.gather(*(desk.send(key="key-1") for _ in range(4)))

        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert len(await desk.context.published(ReferralReceived)) == 1


@pytest.mark.acceptance("referrals-2")
async def test_the_same_trouble_under_another_key_is_merged_and_both_references_stay_valid(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        first = await desk.sent()
        await desk.context.let_pass(timedelta(hours=71))
        ambulance = desk.context.token("referrals:refer", organisation="LAS", actor="crew-1")
        second = await desk.sent(caller=ambulance, source="ambulance", demographics=None, story=None)

        assert (second["status"], second["merged_into"], second["owner"]) == ("merged", first["id"], None)
        assert first["reference"] != second["reference"]
        [merged] = await desk.context.published(ReferralMerged)
        assert str(merged.into_referral_id) == first["id"]
        for caller, sent in ((desk.gp(), first), (ambulance, second)):
            [found] = (await desk.get("", caller, reference=sent["reference"])).json()["items"]
            assert found["id"] == sent["id"]
        followed = (await desk.get(f"/{second['id']}", ambulance)).json()
        assert followed["continued_as"]["reference"] == first["reference"]


async def test_two_referrers_at_once_are_one_open_referral_and_one_person(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        answers = await asyncio.gather(*(desk.send(caller=desk.gp(practice)) for practice in ("W01", "W02", "W03")))

        assert sorted(answer.json()["status"] for answer in answers) == ["identified", "merged", "merged"]
        assert len(await desk.context.published(PersonRecordRecorded)) == 1


async def test_after_the_window_it_is_a_referral_of_its_own(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        await desk.sent()
        await desk.context.let_pass(timedelta(hours=72, seconds=1))

        assert (await desk.sent())["status"] == "identified"


@pytest.mark.acceptance("referrals-4")
@pytest.mark.parametrize(
    ("demographics", "service", "status", "code"),
    [
        pytest.param({"residence": "ENFIELD"}, "district-nursing", 200, None, id="lives in Enfield, registered here"),
        pytest.param({"practice_code": "E85001"}, "district-nursing", 409, "practice-not-covered", id="lives here, registered elsewhere"),
        pytest.param({"practice_code": "E85001"}, "social-care-direct", 200, None, id="lives here: social care"),
    ],
)
async def test_registration_decides_about_health_care_and_residence_about_social_care(
    owner_url: str, keys: Keys, demographics: dict[str, str], service: str, status: int, code: str | None
) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent(demographics=a_demographics_body(**demographics))
        await desk.done(sent["id"], "triage", {"urgency": "routine", "reason": "Stable"})

        answer = await desk.act(sent["id"], "route", {"route": "service", "service_code": service})

        assert (answer.status_code, answer.json().get("code")) == (status, code)
        assert sent["is_practice_covered"] is (demographics.get("practice_code") is None)


@pytest.mark.acceptance("referrals-4")
@pytest.mark.parametrize(
    ("demographics", "refused", "code", "destination"),
    [
        pytest.param({"practice_code": "E85001"}, "falls-clinic", "practice-not-covered", "health-elsewhere", id="registered elsewhere"),
        pytest.param({"residence": "ENFIELD"}, "community-hub", "residence-elsewhere", "social-care-elsewhere", id="lives elsewhere"),
    ],
)
async def test_who_is_not_entitled_here_is_led_to_where_they_are_and_asked_whether_it_helped(
    owner_url: str, keys: Keys, demographics: dict[str, str], refused: str, code: str, destination: str
) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent(demographics=a_demographics_body(**demographics))
        await desk.done(sent["id"], "triage", {"urgency": "routine", "reason": "Stable"})

        answer = await desk.act(sent["id"], "route", {"route": "service", "service_code": refused})
        assert (answer.status_code, answer.json()["code"]) == (409, code)
        assert destination in answer.text
        told = await desk.done(sent["id"], "signpost", {"service_code": destination})
        closed = await desk.done(sent["id"], "closure", {"outcome": "signposted"})

        assert (told["status"], told["deadline"]["kind"]) == ("signposted", "outcome")
        assert (closed["status"], closed["outcome"], closed["owner"]) == ("closed", "signposted", None)
        followed = (await desk.get(f"/{sent['id']}", desk.gp())).json()
        assert [line["code"] for line in followed["feedback"]] == ["received", "triaged", "signposted", "closed"]


@pytest.mark.acceptance("referrals-5")
@pytest.mark.parametrize(
    ("number", "code"), [(BAD_CHECK_DIGIT, "invalid-nhs-number"), ("9999999999", "invalid-nhs-number"), (None, "nhs-number-missing")]
)
async def test_a_wrong_number_is_refused_and_nothing_is_kept(owner_url: str, keys: Keys, number: str | None, code: str) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        answer = await desk.send(nhs_number=number)

        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert str(number) not in answer.text
        assert await desk.context.log() == []
        assert await desk.context.database.pool.fetchval("SELECT count(*) FROM person") == 0


@pytest.mark.acceptance("referrals-5")
@pytest.mark.parametrize("number", [BAD_CHECK_DIGIT, None])
async def test_an_urgent_one_with_a_wrong_number_is_taken_unverified(owner_url: str, keys: Keys, number: str | None) -> None:
    async with referrals(owner_url, keys, SATURDAY) as desk:
        sent = await desk.sent(nhs_number=number, urgency="urgent")

        assert (sent["status"], sent["is_identified"]) == ("unverified", False)
        assert len(await desk.context.published(ReferralIdentityUnverified)) == 1
        [record] = await desk.context.published(PersonRecordRecorded)
        assert record.nhs_number is None
        assert (await desk.get(f"/people/{sent['person_id']}")).json()["number_as_typed"] == number
        await desk.done(sent["id"], "triage", {"urgency": "urgent", "reason": "Feverish"})
        assert (await desk.done(sent["id"], "route", {"route": "rapid-care", "service_code": "rapid-care"}))["status"] == "routed"


async def test_two_unverified_people_are_never_taken_for_one(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, SATURDAY) as desk:
        first, second = await desk.sent(nhs_number=None, urgency="urgent"), await desk.sent(nhs_number=None, urgency="urgent")

        assert first["person_id"] != second["person_id"]
        assert second["status"] == "unverified"


@pytest.mark.acceptance("referrals-7")
async def test_a_known_persons_story_comes_back_for_confirmation(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        first = await desk.sent()
        second = await desk.sent(reason="falls", demographics=None, story=None)

        assert (first["is_story_known"], second["is_story_known"]) == (False, True)
        assert second["story"] == first["story"]
        assert second["story"]["contacts"][0]["name"] == "Louise"
        assert len(await desk.context.published(PersonRecordRecorded)) == 1


async def test_a_new_story_revises_the_record_and_keeps_the_old_one(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        first = await desk.sent()
        second = await desk.sent(reason="falls", demographics=None, story={"narrative": "He fell in the kitchen."})

        assert second["story"]["narrative"] == "He fell in the kitchen."
        assert first["story"]["narrative"] in second["story"]["history"]
        assert [record.story.narrative for record in await desk.context.published(PersonRecordRecorded)][1] == "He fell in the kitchen."


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"story": None}, "story-missing"),
        ({"demographics": None}, "demographics-missing"),
        ({"demographics": a_demographics_body(born_on="2015-03-17")}, "birth-date-in-future"),
    ],
)
async def test_a_first_referral_without_who_or_what_is_refused(owner_url: str, keys: Keys, changes: dict[str, Any], code: str) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        answer = await desk.send(**changes)

        assert (answer.status_code, answer.json()["code"]) == (409, code)
        assert await desk.context.log() == []


async def test_a_number_with_another_birthday_opens_nobodys_record(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        known = await desk.sent()
        stranger = a_demographics_body(born_on="1950-01-01", family_name="Other")

        refused = await desk.send(demographics=stranger, reason="falls", story=None)
        urgent = await desk.sent(demographics=stranger, urgency="urgent", story={"narrative": "Found in the street."})

        assert (refused.status_code, refused.json()["code"]) == (409, "identity-differs")
        assert urgent["status"] == "unverified"
        assert urgent["person_id"] != known["person_id"]
        assert urgent["story"]["narrative"] == "Found in the street."


async def test_the_record_travels_encrypted_and_public_events_hold_no_words(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent()

        rows = await desk.context.database.pool.fetch("SELECT topic, key, data FROM event ORDER BY seq")
        assert [row["topic"] for row in rows] == ["referrals.person-record", "referrals.referral", "referrals.referral"]
        assert {str(row["key"]) for row in rows} == {sent["person_id"]}
        for row in rows:
            assert all(word not in row["data"] for word in (b"Dale", b"Louise", b"Oakleigh", DALE.encode()))


@pytest.mark.acceptance("referrals-10")
async def test_what_was_acknowledged_waits_in_the_outbox_until_a_broker_takes_it(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent()

        unsent = await desk.context.database.pool.fetch("SELECT type, subject FROM outbox JOIN event USING (seq) ORDER BY seq")
        assert [row["type"].split(".")[-2] for row in unsent] == ["recorded", "received", "identified"]
        assert {str(row["subject"]) for row in unsent} == {sent["id"], sent["person_id"]}


async def test_at_night_the_caller_is_told_whom_to_turn_to(owner_url: str, keys: Keys) -> None:
    night = datetime(2015, 3, 14, 23, 0, tzinfo=LONDON)
    async with referrals(owner_url, keys, night) as desk:
        urgent, routine = await desk.sent(urgency="urgent"), await desk.sent(reason="falls")

        assert (urgent["turn_to"]["code"], urgent["turn_to"]["telephone"]) == ("out-of-hours-gp", "020 7946 0106")
        assert urgent["deadline"]["due_at"] == "2015-03-15T07:15:00Z"
        assert routine["turn_to"] is None


@pytest.mark.parametrize(
    ("now", "triage", "told"),
    [
        (datetime(2015, 3, 14, 23, 0, tzinfo=LONDON), None, "out-of-hours-gp"),
        (SATURDAY, {"urgency": "urgent", "reason": "Blue lips", "has_red_flag": True}, "ambulance"),
    ],
    ids=["at night", "in danger"],
)
async def test_who_joins_an_open_referral_is_told_whom_to_turn_to_all_the_same(
    owner_url: str, keys: Keys, now: datetime, triage: dict[str, Any] | None, told: str
) -> None:
    async with referrals(owner_url, keys, now) as desk:
        first = await desk.sent(urgency="urgent")
        if triage:
            await desk.done(first["id"], "triage", triage)
        ambulance = desk.context.token("referrals:refer", organisation="LAS", actor="crew-1")

        second = await desk.sent(caller=ambulance, urgency="urgent")

        assert (second["status"], second["turn_to_now"], second["turn_to"]["code"]) == ("merged", told, told)
        assert (await desk.get(f"/{second['id']}", ambulance)).json()["turn_to_now"] == told


async def test_a_second_request_does_not_disappear_into_one_where_nobody_looks(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent(urgency="advice")
        await desk.done(sent["id"], "triage", {"urgency": "advice", "reason": "Wants company"})
        await desk.done(sent["id"], "signpost", {"service_code": "befriending"})

        again = await desk.sent(urgency="advice")

        assert (again["status"], again["deadline"]["kind"]) == ("identified", "triage")


async def test_a_referral_that_leaves_things_out_loses_nothing(owner_url: str, keys: Keys) -> None:
    warden = {"name": "The warden", "relationship": "warden"}
    async with referrals(owner_url, keys, MONDAY) as desk:
        known = a_demographics_body(telephone="020 7946 0999", residence="ENFIELD")
        first = await desk.sent(demographics=known)
        await desk.sent(reason="falls", demographics=a_demographics_body(), story={"narrative": "He fell.", "contacts": [warden]})

        person = (await desk.get(f"/people/{first['person_id']}")).json()

        assert (person["telephone"], person["residence"]) == ("020 7946 0999", "ENFIELD")
        assert [contact["name"] for contact in person["story"]["contacts"]] == ["Louise", "The warden"]


async def test_the_practice_decides_the_locality(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent(nhs_number=SOMEBODY_ELSE, demographics=a_demographics_body(practice_code="C23"))

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
        {"nhs_number": "9" * 21},
        {"person": "unknown field"},
    ],
    ids="-".join,
)
async def test_a_request_of_another_form_is_refused(owner_url: str, keys: Keys, changes: dict[str, Any]) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        answer = await desk.send(**changes)

        assert (answer.status_code, answer.json()["code"]) == (422, "validation-failed")
        assert await desk.context.log() == []


async def test_a_key_is_needed_and_belongs_to_one_request(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        without = await desk.post("", {}, caller=desk.gp())
        await desk.send(key="key-1")
        reused = await desk.send(key="key-1", reason="falls")

        assert (without.status_code, without.json()["code"]) == (400, "idempotency-key-missing")
        assert (reused.status_code, reused.json()["code"]) == (422, "idempotency-key-reused")
        assert len(await desk.context.published(ReferralReceived)) == 1


async def test_references_never_repeat(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        answers = await asyncio.gather(*(_merged(desk) for _ in range(12)))

        assert len(set(answers)) == 12


async def _merged(desk: ReferralsClient) -> str:
    return str((await desk.sent(key=str(new_id())))["reference"])
