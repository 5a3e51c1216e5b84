"""The identity of a person: tracing, verification, merges and separations of records, over HTTP."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from shared.contracts.mdt import LeadActivated
from shared.contracts.persons import (
    PersonDeceased,
    PersonMerged,
    PersonRecordRecorded,
    PersonRestored,
    PersonSeparated,
    PersonTracingOverdue,
    PersonUnverified,
)
from shared.contracts.referrals import ReferralDiscrepancyResolved, ReferralSeparated
from shared.kernel.ids import new_id
from tests.builders.referrals import DALE, MONDAY, OTHER_PERSON, ReferralsClient, a_demographics_body

URGENT: dict[str, Any] = {"urgency": "urgent", "reason": "urgent-deterioration", "condition": "pneumonia"}
FATHER_AND_SON = {"reason": "They are father and son."}
STREET = "He fell in the street."


async def refer_unverified(client: ReferralsClient, **changes: Any) -> dict[str, Any]:
    """An ambulance crew refers a person without an NHS number."""
    story = {"narrative": STREET, "contacts": [{"name": "Peter", "relationship": "son"}]}
    return await client.refer(**{"nhs_number": None, "story": story, "caller": client.ambulance} | URGENT | changes)


async def identity_of(client: ReferralsClient, person_id: str) -> dict[str, Any]:
    response = await client.get(f"/people/{person_id}/identity")
    assert response.status_code == 200, response.text
    identity: dict[str, Any] = response.json()
    return identity


async def try_command(client: ReferralsClient, person_id: str, verb: str, body: Any, **options: Any) -> httpx.Response:
    """A command on the present version of the identity."""
    version = (await identity_of(client, person_id))["version"]
    return await client.post(f"/people/{person_id}/{verb}", body, **{"version": version} | options)


async def command(client: ReferralsClient, person_id: str, verb: str, body: Any) -> dict[str, Any]:
    response = await try_command(client, person_id, verb, body)
    assert response.status_code == 200, response.text
    identity: dict[str, Any] = response.json()
    return identity


async def verify(client: ReferralsClient, sent: dict[str, Any], nhs_number: str = DALE) -> dict[str, Any]:
    return await command(client, sent["person_id"], "verification", {"nhs_number": nhs_number})


async def page(client: ReferralsClient, person_id: str) -> dict[str, Any]:
    response = await client.get(f"/people/{person_id}")
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def last_record(client: ReferralsClient, person_id: str) -> PersonRecordRecorded:
    """The newest record that was published under an id."""
    rows = await client.context.database.pool.fetch("SELECT id FROM event ORDER BY seq")
    log = dict(zip([row["id"] for row in rows], await client.context.log(), strict=True))
    newest = await client.context.database.pool.fetchval(
        "SELECT id FROM event WHERE key = $1 AND topic = 'referrals.person-record' ORDER BY seq DESC LIMIT 1", UUID(person_id)
    )
    record = log[newest]
    assert isinstance(record, PersonRecordRecorded)
    return record


async def keys_of(client: ReferralsClient, kind: str) -> list[str]:
    rows = await client.context.database.pool.fetch("SELECT key FROM event WHERE type = $1 ORDER BY seq", kind)
    return [str(row["key"]) for row in rows]


async def tracing_deadlines(client: ReferralsClient) -> int:
    count: int = await client.context.database.pool.fetchval("SELECT count(*) FROM deadline WHERE kind = 'tracing' AND state = 'pending'")
    return count


async def test_unverified_person_is_listed_until_traced(client: ReferralsClient) -> None:
    sent = await refer_unverified(client)
    await client.command(sent["id"], "cancellation", {"reason": "sent-in-error"})

    await client.context.let_pass(timedelta(days=2, hours=1))

    [listed] = (await client.get("/people/unverified")).json()["items"]
    assert (listed["person_id"], listed["status"]) == (sent["person_id"], "unverified")
    assert listed["overdue_since"] == "2015-03-17T10:05:00Z"
    [begun] = await client.context.published(PersonUnverified)
    assert (begun.referral_id, begun.trace_by) == (UUID(sent["id"]), MONDAY + timedelta(days=1))
    assert [event.trace_by.replace(microsecond=0) for event in await client.context.published(PersonTracingOverdue)] == [
        MONDAY + timedelta(days=1),
        MONDAY + timedelta(days=2),
    ]
    assert await tracing_deadlines(client) == 1
    await verify(client, sent)
    assert ((await client.get("/people/unverified")).json()["items"], await tracing_deadlines(client)) == ([], 0)


async def test_list_of_unverified_people_pages_by_deadline(client: ReferralsClient) -> None:
    sent = [await refer_unverified(client) for _ in range(3)]

    first = (await client.get("/people/unverified", limit=2)).json()
    second = (await client.get("/people/unverified", limit=2, cursor=first["next"])).json()

    assert {each["person_id"] for each in (*first["items"], *second["items"])} == {each["person_id"] for each in sent}
    assert (len(first["items"]), second["next"]) == (2, None)


async def test_verification_makes_one_person_of_two_records(client: ReferralsClient) -> None:
    known, unverified = await client.refer(), await refer_unverified(client, demographics=a_demographics_body(telephone="020 7946 0101"))
    assert "number-missing" in unverified["discrepancies"]

    merged = await verify(client, unverified)

    assert (merged["status"], merged["merged_into"], merged["merge"]["decided_by"]) == ("merged", known["person_id"], "triager-1")
    [event] = await client.context.published(PersonMerged)
    assert (event.into, await keys_of(client, PersonMerged.TYPE)) == (UUID(known["person_id"]), [unverified["person_id"]])
    records = [await last_record(client, each["person_id"]) for each in (known, unverified)]
    assert records[0] == records[1]
    assert (records[0].nhs_number, records[0].telephone, STREET in records[0].story.history) == (DALE, "020 7946 0101", True)
    assert {contact.name for contact in records[0].story.contacts} == {"Louise", "Peter"}
    pages = [await page(client, each["person_id"]) for each in (known, unverified)]
    assert [each["story"] for each in pages] == [pages[0]["story"]] * 2
    assert [{each["id"] for each in one["open_referrals"]} for one in pages] == [{known["id"], unverified["id"]}] * 2
    assert pages[0]["identity"]["records"] == [known["person_id"], unverified["person_id"]]
    assert "number-missing" not in (await client.read(unverified["id"]))["discrepancies"]
    assert (await client.read(unverified["id"]))["person_id"] == unverified["person_id"]
    assert len(await client.context.published(ReferralDiscrepancyResolved)) == 1


async def test_verification_registers_a_number_that_no_referral_named(client: ReferralsClient) -> None:
    unverified = await refer_unverified(client)

    merged = await verify(client, unverified)

    survivor = await page(client, merged["merged_into"])
    assert (survivor["nhs_number"], survivor["family_name"], survivor["story"]["narrative"]) == (DALE, "Dale", STREET)
    assert merged["merged_into"] == str(client.context.database.secrets.pseudonym(DALE))
    later = await client.refer(demographics=None, story=None)
    assert (later["person_id"], later["is_story_known"], later["story"]["narrative"]) == (merged["merged_into"], True, STREET)


async def test_survivors_referral_joins_one_of_merged_record(client: ReferralsClient) -> None:
    unverified = await refer_unverified(client)
    merged = await verify(client, unverified)

    later = await client.refer(**URGENT)

    assert (later["person_id"], later["merged_into"]) == (merged["merged_into"], unverified["id"])


async def test_differing_birthday_refuses_the_verification(client: ReferralsClient) -> None:
    await client.refer()
    unverified = await refer_unverified(client, demographics=a_demographics_body(born_on="1932-02-05"))
    before = await client.context.log()

    response = await try_command(client, unverified["person_id"], "verification", {"nhs_number": DALE})
    mistyped = await try_command(client, unverified["person_id"], "verification", {"nhs_number": "9990548608"})

    assert (response.status_code, response.json()["code"]) == (409, "birthday-differs")
    assert (mistyped.status_code, mistyped.json()["code"]) == (422, "invalid-nhs-number")
    assert await client.context.log() == before


@pytest.mark.parametrize("born_on", ["1900-01-01", "1970-01-01", "1932-01-01"])
async def test_placeholder_birthday_is_verified(client: ReferralsClient, born_on: str) -> None:
    known = await client.refer()
    unverified = await refer_unverified(client, demographics=a_demographics_body(born_on=born_on))

    merged = await verify(client, unverified)

    assert (merged["merged_into"], (await page(client, known["person_id"]))["born_on"]) == (known["person_id"], "1932-05-02")


async def test_new_number_of_a_person_is_followed(client: ReferralsClient) -> None:
    old, new = await client.refer(), await client.refer(nhs_number=OTHER_PERSON, story={"narrative": "He has a new number."})

    await command(client, old["person_id"], "verification", {"nhs_number": OTHER_PERSON})
    again = await client.refer(reason="falls", demographics=None, story=None)

    assert again["person_id"] == old["person_id"]
    assert (await last_record(client, old["person_id"])).nhs_number == OTHER_PERSON
    assert len((await page(client, new["person_id"]))["open_referrals"]) == 3


@pytest.mark.parametrize(
    ("verb", "body"),
    [("verification", {"nhs_number": DALE}), ("merge", {"into": str(new_id())}), ("separation", FATHER_AND_SON)],
    ids=["verification", "merge", "separation"],
)
async def test_identity_commands_need_their_own_scope(client: ReferralsClient, verb: str, body: dict[str, Any]) -> None:
    sent = await refer_unverified(client)
    staff = client.context.token("referrals:handle", "referrals:triage")

    response = await try_command(client, sent["person_id"], verb, body, caller=staff)
    offered = (await client.get(f"/people/{sent['person_id']}/identity/actions", staff)).json()

    assert (response.status_code, response.json()["code"]) == (403, "scope-missing")
    assert offered == []


async def test_merge_into_merged_record_resolves_to_its_survivor(client: ReferralsClient) -> None:
    known, first, second = await client.refer(), await refer_unverified(client), await refer_unverified(client)

    await command(client, first["person_id"], "merge", {"into": known["person_id"]})
    merged = await command(client, second["person_id"], "merge", {"into": first["person_id"]})

    assert merged["merged_into"] == known["person_id"]
    assert set((await identity_of(client, second["person_id"]))["records"]) == {each["person_id"] for each in (known, first, second)}
    offered = (await client.get(f"/people/{known['person_id']}/identity/actions")).json()
    assert offered == []


async def test_record_with_merged_ones_is_merged_after_them(client: ReferralsClient) -> None:
    first, second, known = await refer_unverified(client), await refer_unverified(client), await client.refer()
    await command(client, second["person_id"], "merge", {"into": first["person_id"]})

    refused = await try_command(client, first["person_id"], "merge", {"into": known["person_id"]})
    await command(client, second["person_id"], "merge", {"into": known["person_id"]})
    await verify(client, first)

    assert (refused.status_code, refused.json()["code"]) == (409, "has-merged-records")
    assert refused.json()["advice"] == "Merge each of those records into the other one first."
    assert set((await identity_of(client, known["person_id"]))["records"]) == {each["person_id"] for each in (first, second, known)}
    assert [type(event) for event in await client.context.log() if isinstance(event, PersonMerged | PersonSeparated)] == [
        PersonMerged,
        PersonSeparated,
        PersonMerged,
        PersonMerged,
    ]


async def test_record_merged_elsewhere_leaves_no_referral_joined(client: ReferralsClient) -> None:
    wrong, right = await client.refer(), await client.refer(nhs_number=OTHER_PERSON)
    unverified = await refer_unverified(client)
    await verify(client, unverified)
    joined = await client.refer(**URGENT)
    assert joined["merged_into"] == unverified["id"]

    merged = await command(client, unverified["person_id"], "verification", {"nhs_number": OTHER_PERSON})

    assert merged["merged_into"] == right["person_id"]
    alone = await client.read(joined["id"])
    assert (alone["status"], alone["merged_into"], alone["owner"]["service_code"]) == ("identified", None, "community-point-of-access")
    assert {each["id"] for each in (await page(client, wrong["person_id"]))["open_referrals"]} == {wrong["id"], joined["id"]}
    [event] = await client.context.published(ReferralSeparated)
    assert event.from_referral_id == UUID(unverified["id"])


async def test_death_of_record_merged_elsewhere_leaves_other_alive(client: ReferralsClient) -> None:
    wrong, right = await client.refer(), await client.refer(nhs_number=OTHER_PERSON)
    unverified = await refer_unverified(client)
    await verify(client, unverified)
    for record in (unverified, right):
        await client.post(f"/people/{record['person_id']}/death", {}, version=0)

    await command(client, unverified["person_id"], "merge", {"into": right["person_id"]})

    lives = [(await client.get(f"/people/{each['person_id']}/life")).json()["status"] for each in (wrong, unverified, right)]
    assert lives == ["living", "deceased", "deceased"]
    assert (await client.read(wrong["id"]))["status"] == "identified"


async def test_referral_of_a_separated_record_is_unverified_again(client: ReferralsClient) -> None:
    unverified = await refer_unverified(client)
    await verify(client, unverified)
    assert (await client.read(unverified["id"]))["is_identified"]

    await command(client, unverified["person_id"], "separation", FATHER_AND_SON)

    referral = await client.read(unverified["id"])
    assert (referral["status"], referral["is_identified"]) == ("unverified", False)


@pytest.mark.parametrize(("number", "fault"), [(None, "number-missing"), ("943 476 5918", "number-invalid"), (DALE, "identity-differs")])
async def test_faults_of_a_separated_record_are_open_again(client: ReferralsClient, number: str | None, fault: str) -> None:
    """Finding: the merge had settled them, and the referrer still read so after the separation."""
    known, other = await client.refer(), a_demographics_body(given_name="Rory", address=None)
    sent = await client.refer(**URGENT, nhs_number=number, demographics=other, story=None)
    await command(client, sent["person_id"], "merge", {"into": known["person_id"]})
    merged = await client.read(sent["id"])

    await command(client, sent["person_id"], "separation", FATHER_AND_SON)

    alone = await client.read(sent["id"])
    assert set(sent["discrepancies"]) == {fault, "demographics-missing", "story-missing"}
    assert (merged["discrepancies"], merged["discrepancies_due_at"]) == ([], None)
    assert set(alone["discrepancies"]) == set(sent["discrepancies"])
    assert alone["discrepancies_due_at"] is not None
    seen = (await client.get(f"/{sent['id']}", client.gp())).json()
    assert seen["feedback"][-1]["code"] == "discrepancy-found"
    work = (await client.get("/work", section="discrepancies")).json()
    assert [item["id"] for item in work["items"]] == [sent["id"]]


async def test_repeated_correction_changes_nothing(client: ReferralsClient) -> None:
    known = await client.refer()
    path, version = f"/people/{known['person_id']}/record", (await page(client, known["person_id"]))["version"]

    once, again = [await client.post(path, {"sharing": "withheld"}, version=version) for _ in range(2)]
    other = await client.post(path, {"sharing": "restricted"}, version=version)

    assert (once.status_code, again.status_code, again.json()) == (200, 200, once.json())
    assert (other.status_code, other.json()["code"]) == (412, "version-conflict")
    assert len(await client.context.published(PersonRecordRecorded)) == 2


async def test_repeated_commands_change_nothing(client: ReferralsClient) -> None:
    known, unverified = await client.refer(), await refer_unverified(client)
    path = f"/people/{unverified['person_id']}"

    once = [await client.post(f"{path}/merge", {"into": known["person_id"]}, version=1) for _ in range(2)]
    verified = await client.post(f"{path}/verification", {"nhs_number": DALE}, version=1)
    separated = [await client.post(f"{path}/separation", FATHER_AND_SON, version=2) for _ in range(2)]
    late = await client.post(f"{path}/merge", {"into": known["person_id"]}, version=1)
    stale = await client.post(f"{path}/merge", {"into": known["person_id"]}, version=2)

    assert [each.status_code for each in (*once, verified, *separated, late)] == [200] * 6
    assert [each.json()["version"] for each in (*once, verified, *separated, late)] == [2, 2, 2, 3, 3, 2]
    assert (stale.status_code, stale.json()["code"]) == (412, "version-conflict")
    assert (await identity_of(client, unverified["person_id"]))["status"] == "unverified"
    assert len(await client.context.published(PersonMerged)) == len(await client.context.published(PersonSeparated)) == 1


async def test_differing_lives_are_merged_after_they_agree(client: ReferralsClient) -> None:
    known, unverified = await client.refer(), await refer_unverified(client)
    await client.post(f"/people/{known['person_id']}/death", {}, version=0)

    refused = await try_command(client, unverified["person_id"], "merge", {"into": known["person_id"]})
    await client.post(f"/people/{unverified['person_id']}/death", {}, version=0)
    merged = await command(client, unverified["person_id"], "merge", {"into": known["person_id"]})

    assert (refused.status_code, refused.json()["code"]) == (409, "lives-differ")
    assert merged["status"] == "merged"


async def test_death_of_a_merged_record_holds_for_all(client: ReferralsClient) -> None:
    known, unverified = await client.refer(), await refer_unverified(client)
    await verify(client, unverified)

    death = await client.post(f"/people/{unverified['person_id']}/death", {"died_on": "2015-03-14"}, version=0)
    ended = [await client.read(each["id"]) for each in (known, unverified)]
    restored = await client.post(f"/people/{known['person_id']}/restoration", {"reason": "The wrong record was open."}, version=1)

    assert (death.status_code, restored.status_code) == (200, 200), restored.text
    assert [each["cancel_reason"] for each in ended] == ["died", "died"]
    both = sorted([known["person_id"], unverified["person_id"]])
    assert sorted(await keys_of(client, PersonDeceased.TYPE)) == sorted(await keys_of(client, PersonRestored.TYPE)) == both
    assert [(await client.read(each["id"]))["cancel_reason"] for each in (known, unverified)] == [None, None]


async def test_later_change_of_either_record_is_published_for_both(client: ReferralsClient) -> None:
    known, unverified = await client.refer(), await refer_unverified(client)
    await verify(client, unverified)
    version = (await page(client, known["person_id"]))["version"]

    revised = await client.post(
        f"/people/{known['person_id']}/record", {"demographics": a_demographics_body(address="3 High Road")}, version=version
    )
    await client.command(unverified["id"], "information", {"answer": "He is allergic to penicillin."}, caller=client.ambulance)

    assert revised.status_code == 200, revised.text
    records = [await last_record(client, each["person_id"]) for each in (known, unverified)]
    assert records[0] == records[1]
    assert (records[0].address, "He is allergic to penicillin." in records[0].story.history) == ("3 High Road", True)


async def test_correction_under_a_merged_id_corrects_the_one_record(client: ReferralsClient) -> None:
    known, unverified = await client.refer(), await refer_unverified(client)
    await verify(client, unverified)
    merged = f"/people/{unverified['person_id']}"

    address = {"demographics": a_demographics_body(address="3 High Road")}
    revised = await client.post(f"{merged}/record", address, version=(await page(client, unverified["person_id"]))["version"])
    withheld = await client.post(f"{merged}/record", {"sharing": "withheld"}, version=revised.json()["version"])
    shared = await client.post(f"{merged}/record", {"sharing": "direct-care"}, version=withheld.json()["version"])
    stale = await client.post(f"{merged}/record", {"sharing": "withheld"}, version=1)

    assert (revised.json()["id"], revised.json()["address"]) == (unverified["person_id"], "3 High Road")
    assert [each.json()["sharing"] for each in (revised, withheld, shared)] == ["direct-care", "withheld", "direct-care"]
    assert stale.status_code == 412
    seen = [await page(client, each["person_id"]) for each in (known, unverified)]
    assert [(each["address"], each["sharing"]) for each in seen] == [("3 High Road", "direct-care")] * 2


async def test_lead_and_contact_are_those_of_the_one_person(client: ReferralsClient) -> None:
    known, unverified = await client.refer(), await refer_unverified(client)
    lead = LeadActivated(
        professional_id="clch-nurse-1", role="community-nurse", organisation="CLCH", is_fallback=False, activated_at=MONDAY
    )
    await client.deliver(known, lead)

    await verify(client, unverified)

    contacts = [(await client.get(f"/people/{each['person_id']}/contact")).json() for each in (known, unverified)]
    assert contacts[0] == contacts[1]
    assert contacts[0]["professional_id"] == "clch-nurse-1"


async def test_separation_gives_each_record_its_own_again(client: ReferralsClient) -> None:
    known, unverified = await client.refer(), await refer_unverified(client)
    await verify(client, unverified)
    joined = await client.refer(**URGENT)
    await client.post(f"/people/{unverified['person_id']}/death", {}, version=0)
    await client.context.let_pass(timedelta(days=30))

    separated = await command(client, unverified["person_id"], "separation", FATHER_AND_SON)

    assert (separated["status"], separated["merged_into"]) == ("unverified", None)
    [separation] = separated["separations"]
    assert (separation["separated_by"], separation["reason"]) == ("triager-1", FATHER_AND_SON["reason"])
    records = [await last_record(client, each["person_id"]) for each in (known, unverified)]
    assert (records[0].nhs_number, records[1].nhs_number) == (DALE, None)
    assert STREET not in records[0].model_dump_json()
    assert "Louise" not in records[1].model_dump_json()
    seen = [await client.read(each["id"]) for each in (known, unverified, joined)]
    assert [each["status"] for each in seen] == ["identified", "cancelled", "identified"]
    owners = [each["owner"] and each["owner"]["service_code"] for each in seen]
    assert owners == ["community-point-of-access", None, "community-point-of-access"]
    lives = [(await client.get(f"/people/{each['person_id']}/life")).json()["status"] for each in (known, unverified)]
    assert lives == ["living", "deceased"]
    assert await keys_of(client, PersonRestored.TYPE) == [known["person_id"]]
    [unjoined] = await client.context.published(ReferralSeparated)
    assert unjoined.from_referral_id == UUID(unverified["id"])
    assert seen[2]["feedback"][-1]["code"] == "separated"
    assert await tracing_deadlines(client) == 1
    assert [each["id"] for each in (await page(client, unverified["person_id"]))["open_referrals"]] == []


async def test_crossing_merges_leave_one_level(client: ReferralsClient) -> None:
    known, first, second = await client.refer(), await refer_unverified(client), await refer_unverified(client)

    responses = await asyncio.gather(
        client.post(f"/people/{first['person_id']}/merge", {"into": second["person_id"]}, version=1),
        client.post(f"/people/{second['person_id']}/merge", {"into": known["person_id"]}, version=1),
        client.post(f"/people/{second['person_id']}/merge", {"into": known["person_id"]}, version=1),
        client.try_refer(reason="falls"),
        client.try_refer(reason="stroke", nhs_number=DALE),
    )

    assert {each.status_code for each in responses} <= {200, 201, 409, 412}
    rows = await client.context.database.pool.fetch("SELECT person_id, merged_into FROM identity WHERE merged_into IS NOT NULL")
    assert rows
    assert {row["merged_into"] for row in rows}.isdisjoint({row["person_id"] for row in rows})
    published = [event.into for event in await client.context.published(PersonMerged)]
    assert len(published) == len(rows)


async def test_merge_and_concurrent_referrals_agree_on_one_record(client: ReferralsClient) -> None:
    known, unverified = await client.refer(), await refer_unverified(client)

    responses = await asyncio.gather(
        client.post(f"/people/{unverified['person_id']}/merge", {"into": known["person_id"]}, version=1),
        client.try_refer(reason="falls", story={"narrative": "He fell again."}),
        client.try_command(unverified["id"], "information", {"answer": "He has a dog."}, caller=client.ambulance),
        client.try_refer(reason="stroke", story={"narrative": "He slurs."}),
    )

    assert [each.status_code for each in responses if each is not responses[2]] == [200, 201, 201]
    if responses[2].status_code == 412:  # the merge has ended a discrepancy of the referral
        await client.command(unverified["id"], "information", {"answer": "He has a dog."}, caller=client.ambulance)
    records = [await last_record(client, each["person_id"]) for each in (known, unverified)]
    assert records[0] == records[1]
    texts = (records[0].story.narrative, *records[0].story.history)
    assert {STREET, "He fell again.", "He has a dog.", "He slurs."} <= set(texts)


async def test_merge_is_once_in_the_timeline_of_both(client: ReferralsClient) -> None:
    known, unverified = await client.refer(), await refer_unverified(client)
    await verify(client, unverified)

    timelines = [(await client.get(f"/people/{each['person_id']}/timeline")).json()["items"] for each in (known, unverified)]
    assert timelines[0] == timelines[1]
    types = [entry["type"] for entry in timelines[0]]
    assert (types.count(PersonMerged.TYPE), types.count(PersonUnverified.TYPE)) == (1, 1)
    assert len({entry["id"] for entry in timelines[0]}) == len(types)
