"""Reads of referrals, lists, timelines, people, their contact and the directory, and the access of callers to them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.codes import Locality, RiskLevel, Role, TaskKind
from shared.contracts.mdt import (
    CaseReferred,
    LeadEnded,
    LeadHandedOver,
    RiskHighClimberFound,
    RiskLevelCrossed,
)
from shared.contracts.navigation import TaskCreated, TaskSource
from shared.contracts.rapid_care import ResponseAccepted, ResponseEnRoute
from shared.kernel.ids import derived_id, new_id
from tests.builders.referrals import DALE, MONDAY, OTHER_PERSON, ReferralsClient, a_demographics_body, a_lead_activated


async def test_referrer_sees_own_referrals_only(client: ReferralsClient) -> None:
    sent = await client.refer()

    own = await client.get(f"/{sent['id']}", client.gp())
    assert own.json()["feedback"][0]["text"] == f"We have your referral; its reference is {sent['reference']}."
    for response in (
        await client.get(f"/{sent['id']}", client.gp("W08")),
        await client.get("", client.gp("W08"), reference=sent["reference"]),
        await client.get(f"/{sent['id']}/timeline", client.gp("W08")),
        await client.get(f"/{sent['id']}/actions", client.gp("W08")),
        await client.try_command(sent["id"], "cancellation", {"reason": "withdrawn"}, caller=client.gp("W08")),
    ):
        assert (response.status_code, response.json()["code"]) == (404, "referral-not-found")
    assert (await client.get("", client.gp("W08"))).json()["items"] == []


async def test_reference_is_found_in_any_spelling(client: ReferralsClient) -> None:
    sent = await client.refer()

    found = await client.get("", client.gp(), reference=f" {sent['reference'].lower().replace('-', ' ')}")
    mistyped = await client.get("", client.gp(), reference=_with_one_wrong_character(sent["reference"]))
    unknown = await client.get("", client.gp(), reference="CPA-0000-0000")

    assert found.json()["items"][0]["id"] == sent["id"]
    assert (mistyped.status_code, mistyped.json()["code"]) == (404, "reference-mistyped")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "referral-not-found")


async def test_referrer_list_is_paginated(client: ReferralsClient) -> None:
    reasons = ["falls", "stroke", "dementia", "palliative", "enablement"]
    sent = [(await client.refer(reason=reason))["id"] for reason in reasons]
    cancelled = await client.command(sent[2], "cancellation", {"reason": "withdrawn"}, caller=client.gp())

    assert await _all_pages(client, "", client.gp(), limit=2) == [sent[4], sent[3], sent[1], sent[0]]
    assert await _all_pages(client, "", client.gp(), limit=2, status="closed") == [cancelled["id"]]


@pytest.mark.parametrize("cursor", ["nonsense", "", "eA", "MiAyIDM", "MCB4IHk", "MCAyMDE1LTAzLTE2VDEwOjA1IHg"])
async def test_malformed_cursor_is_refused(client: ReferralsClient, cursor: str) -> None:
    sent = await client.refer()

    for path in ("", "/work", "/incoming", f"/{sent['id']}/timeline", f"/people/{sent['person_id']}/timeline"):
        caller = client.gp() if path == "" else client.triager
        response = await client.get(path, caller, cursor=cursor)
        assert (response.status_code, response.json()["code"]) == (400, "cursor-malformed"), path


async def test_merged_referral_stays_open_with_its_target(client: ReferralsClient) -> None:
    first = await client.refer()
    ambulance = client.ambulance
    merged = await client.refer(caller=ambulance)
    assert await _all_pages(client, "", ambulance, limit=50) == [merged["id"]]

    await client.command(first["id"], "cancellation", {"reason": "died"})

    assert await _all_pages(client, "", ambulance, limit=50) == []
    assert await _all_pages(client, "", ambulance, limit=50, status="closed") == [merged["id"]]
    followed = (await client.get(f"/{merged['id']}", ambulance)).json()
    assert [line["code"] for line in followed["feedback"]] == ["received", "merged", "cancelled"]


async def test_practice_sees_referrals_of_registered_people(client: ReferralsClient) -> None:
    own = await client.refer(reason="falls")
    ambulance = client.ambulance
    sent = await client.refer(caller=ambulance)

    assert await _all_pages(client, "", client.gp(), limit=1, whose="registered") == [sent["id"], own["id"]]
    assert await _all_pages(client, "", client.gp(), limit=1) == [own["id"]]
    assert await _all_pages(client, "", client.gp("W08"), limit=1, whose="registered") == []
    assert (await client.get(f"/{sent['id']}", client.gp())).status_code == 200
    assert (await client.get(f"/{sent['id']}/actions", client.gp())).json() == []


async def test_question_is_shown_to_first_referrer_only(client: ReferralsClient) -> None:
    first = await client.refer()
    ambulance = client.ambulance
    merged = await client.refer(caller=ambulance)

    await client.command(first["id"], "information-request", {"question": "Who has the key?"})

    feedback = {
        name: [line["code"] for line in (await client.get(f"/{each['id']}", caller)).json()["feedback"]]
        for name, each, caller in (("first", first, client.gp()), ("joined", merged, ambulance))
    }
    assert feedback == {"first": ["received", "information-requested"], "joined": ["received", "merged"]}


async def test_work_list_orders_by_urgency_then_deadline(client: ReferralsClient) -> None:
    routine = await client.refer(reason="falls")
    await client.context.let_pass(timedelta(minutes=5))
    later = await client.refer(reason="stroke")
    urgent = await client.refer(reason="urgent-deterioration", urgency="urgent")
    returned = await client.refer_and_route(service="social-care-direct", reason="social-care")
    await client.command(returned["id"], "return", {"reason": "capacity"})
    with_receiver = await client.refer_and_route(reason="palliative", service="palliative-home")

    waiting = await _all_pages(client, "/work", client.triager, limit=2)

    assert waiting == [urgent["id"], routine["id"], later["id"], returned["id"]]
    assert with_receiver["id"] not in waiting
    assert await _all_pages(client, "/work", client.triager, limit=2, section="awaiting-others") == [with_receiver["id"]]


AN_ID = derived_id("any")  # the same in every process of a test run


@pytest.mark.parametrize(
    ("path", "scopes"),
    [
        ("/work", ["referrals:refer"]),
        ("/incoming", ["referrals:refer"]),
        ("", ["referrals:receive"]),
        (f"/people/{AN_ID}", ["referrals:refer", "referrals:receive"]),
        (f"/people/{AN_ID}/timeline", ["referrals:refer"]),
        (f"/people/{AN_ID}/contact", ["mdt:import-risk"]),
        (f"/{AN_ID}", ["navigation:work"]),
    ],
)
async def test_request_without_scope_is_refused(client: ReferralsClient, path: str, scopes: list[str]) -> None:
    response = await client.get(path, client.context.token(*scopes))

    assert (response.status_code, response.json()["code"]) == (403, "scope-missing")


async def test_people_search_by_number_is_audited(client: ReferralsClient) -> None:
    sent = await client.refer()

    [found] = (await client.post("/people/search", {"nhs_number": "999 054 8609"})).json()["items"]
    unknown = await client.post("/people/search", {"nhs_number": OTHER_PERSON})
    mistyped = await client.post("/people/search", {"nhs_number": "9990548608"})
    not_allowed = await client.post("/people/search", {"nhs_number": DALE}, caller=client.gp())
    read = (await client.get(f"/people/{sent['person_id']}")).json()

    assert (found["id"], found["family_name"]) == (sent["person_id"], "Dale")
    assert [each["reference"] for each in read["open_referrals"]] == [sent["reference"]]
    assert (unknown.status_code, unknown.json()) == (200, {"items": [], "is_limited": False})
    assert (mistyped.status_code, mistyped.json()["code"]) == (422, "invalid-nhs-number")
    assert not_allowed.status_code == 403
    reads = await client.context.database.pool.fetch("SELECT action, subject, refusal FROM audit WHERE version IS NULL ORDER BY id")
    assert [(row["action"], row["refusal"]) for row in reads] == [
        ("search_people", None),
        ("search_people", "nothing-found"),
        ("search_people", "scope-missing"),
        ("read_person", None),
    ]
    assert [str(row["subject"]) == sent["person_id"] for row in reads] == [True, False, False, True]


async def test_record_correction_updates_person_and_locality(client: ReferralsClient) -> None:
    sent = await client.refer()
    path = f"/people/{sent['person_id']}"

    revised = await client.post(f"{path}/record", {"demographics": a_demographics_body(practice_code="B01")}, version=1)
    stale = await client.post(f"{path}/record", {"sharing": "restricted"}, version=1)
    nothing = await client.post(f"{path}/record", {}, version=2)

    assert (revised.json()["locality"], revised.headers["etag"]) == (Locality.LOCALITY_B, 'W/"2"')
    assert (stale.status_code, nothing.json()["code"]) == (412, "no-changes")
    assert (await client.get(path)).json()["practice_code"] == "B01"


async def test_contact_is_current_lead_or_gp(client: ReferralsClient) -> None:
    sent = await client.refer()
    person_id, nurse, successor = UUID(sent["person_id"]), new_id(), new_id()

    async def contact() -> tuple[str, str, bool]:
        seen = (await client.get(f"/people/{person_id}/contact", client.gp())).json()
        return seen["professional_id"], seen["telephone"], seen["is_gp_by_default"]

    assert await contact() == ("gp-W07", "020 7946 0207", True)
    await client.context.deliver(a_lead_activated("clch-nurse-1", "CLCH"), key=person_id, subject=nurse, sequence=3)
    assert await contact() == ("clch-nurse-1", "020 7946 0001", False)
    later = a_lead_activated("lbb-social-worker-1", "LBB", at=MONDAY + timedelta(days=1))
    await client.context.deliver(later, key=person_id, subject=successor, sequence=3)
    await client.context.deliver(LeadHandedOver(to_lead_id=successor), key=person_id, subject=nurse, sequence=4)
    assert await contact() == ("lbb-social-worker-1", "020 7946 0002", False)
    await client.context.deliver(a_lead_activated("clch-nurse-1", "CLCH"), key=person_id, subject=nurse, sequence=3)
    assert await contact() == ("lbb-social-worker-1", "020 7946 0002", False)
    await client.context.deliver(LeadEnded(reason="plan-closed"), key=person_id, subject=successor, sequence=4)
    assert await contact() == ("gp-W07", "020 7946 0207", True)


async def test_page_answers_who_is_responsible(client: ReferralsClient) -> None:
    """Finding A24: the contact was the GP, the owner Rapid Care, in two places."""
    routed = await client.refer_and_route("rapid-care", "rapid-care", urgency="urgent", condition="copd")
    await client.refer(reason="falls")
    accepted = ResponseAccepted(referral_id=UUID(routed["id"]), accepted_at=MONDAY, due_at=MONDAY + timedelta(hours=2), routing=1)
    await client.deliver(routed, accepted)

    of_referral = (await client.get(f"/{routed['id']}", client.gp())).json()["responsible"]
    of_person = (await client.get(f"/people/{routed['person_id']}")).json()["responsible"]
    for_staff = (await client.get(f"/people/{routed['person_id']}/responsible", client.context.token("mdt:read"))).json()

    assert of_referral == of_person == for_staff
    assert (of_referral["contact"]["professional_id"], of_referral["owner"]["service_code"]) == ("gp-W07", "rapid-care")


async def test_contact_shows_whether_family_is_informed(client: ReferralsClient) -> None:
    sent = await client.refer()
    path = f"/people/{sent['person_id']}"

    before = (await client.get(f"{path}/contact")).json()
    await client.post(f"{path}/record", {"sharing": "withheld"}, version=1)
    after = (await client.get(f"{path}/contact")).json()

    assert (before["is_family_kept_informed"], after["is_family_kept_informed"]) == (True, False)
    assert "Louise" not in str(before)


async def test_contact_of_uncovered_practice_is_the_point_of_access(client: ReferralsClient) -> None:
    sent = await client.refer(demographics=a_demographics_body(practice_code="E85001"))

    contact = (await client.get(f"/people/{sent['person_id']}/contact")).json()

    assert (contact["professional_id"], contact["telephone"]) == ("community-point-of-access", "020 7946 0001")


async def test_unreferred_person_has_gp_of_risk_import(client: ReferralsClient) -> None:
    person_id, risk_id, risk = new_id(), new_id(), {"rule_version": "1", "valid_from": MONDAY.date()}
    climbed = RiskHighClimberFound(level=RiskLevel.HIGH, previous_level=RiskLevel.MEDIUM, practice_code="W07", **risk)
    moved = RiskLevelCrossed(from_level=RiskLevel.HIGH, to_level=RiskLevel.MEDIUM, practice_code="W08", **risk)

    async def contact() -> tuple[str, str, bool, bool]:
        seen = (await client.get(f"/people/{person_id}/contact")).json()
        return seen["professional_id"], seen["telephone"], seen["is_gp_by_default"], seen["is_family_kept_informed"]

    await client.context.deliver(climbed, key=person_id, subject=risk_id, sequence=1)
    assert await contact() == ("gp-W07", "020 7946 0207", True, False)
    await client.context.deliver(moved, key=person_id, subject=risk_id, sequence=2)
    assert await contact() == ("gp-W08", "020 7946 0208", True, False)


async def test_unknown_person_has_no_contact(client: ReferralsClient) -> None:
    response = await client.get(f"/people/{new_id()}/contact")

    assert (response.status_code, response.json()["code"]) == (404, "person-not-found")


async def test_person_shows_latest_risk_out_of_order(client: ReferralsClient) -> None:
    sent = await client.refer()
    person_id, risk_id, day = UUID(sent["person_id"]), new_id(), MONDAY.date()
    risk: dict[str, Any] = {"practice_code": "W07", "rule_version": "1"}
    climbed = RiskHighClimberFound(level=RiskLevel.VERY_HIGH, previous_level=RiskLevel.HIGH, valid_from=day, **risk)
    crossed = RiskLevelCrossed(from_level=RiskLevel.HIGH, to_level=RiskLevel.VERY_HIGH, valid_from=day, **risk)
    older = RiskLevelCrossed(from_level=None, to_level=RiskLevel.HIGH, valid_from=day - timedelta(days=30), **risk)

    for event, sequence in ((crossed, 2), (climbed, 3), (older, 1)):
        await client.context.deliver(event, key=person_id, subject=risk_id, sequence=sequence)

    risk = (await client.get(f"/people/{person_id}")).json()["risk"]
    assert risk == {"level": 3, "valid_from": day.isoformat(), "climbed_on": day.isoformat()}


async def test_timeline_lists_whole_chain_in_order(client: ReferralsClient) -> None:
    routed = await client.refer_and_route("mdt", "mdt", reason="complex-needs")
    referred = CaseReferred(referral_id=UUID(routed["id"]), risk_level=None, is_high_climber=False, is_urgent=False)
    elsewhere = ResponseEnRoute(clinician_id="nurse-1", left_at=MONDAY)
    await client.deliver(routed, referred)
    await client.deliver(routed, _a_task())
    await client.context.deliver(elsewhere, key=UUID(routed["person_id"]), subject=new_id(), correlation=new_id())

    path = f"/{routed['id']}/timeline"
    entries = (await client.get(path, client.gp())).json()["items"]

    verbs = [entry["type"].split(".", 1)[1] for entry in entries]
    assert set(verbs[:2]) == {"case.referred.v1", "task.created.v1"}  # the builder dates them to the first of March
    assert verbs[2:] == [
        "person-record.recorded.v1",
        "referral.received.v1",
        "referral.identified.v1",
        "referral.triaged.v1",
        "person-record.recorded.v1",
        "referral.routed.v1",
    ]
    assert "Dale" not in str(entries)
    assert {entry["organisation"] for entry in entries} == {"W07", "CLCH", "CARE"}
    assert [entry["id"] for entry in entries] == await _all_pages(client, path, client.gp(), limit=2)


async def test_person_timeline_lists_every_chain(client: ReferralsClient) -> None:
    first, second = await client.refer(), await client.refer(reason="falls")
    await client.deliver(first, _a_task())
    await client.context.deliver(_a_task(), key=UUID(first["person_id"]), subject=new_id(), correlation=new_id())
    other_person = await client.refer(nhs_number=OTHER_PERSON)

    entries = (await client.get(f"/people/{first['person_id']}/timeline")).json()["items"]

    types = [entry["type"] for entry in entries]
    assert types.count("navigation.task.created.v1") == 2
    assert types.count("referrals.referral.received.v1") == 2
    assert {second["id"], first["id"]} <= {entry["subject"] for entry in entries}
    assert other_person["id"] not in {entry["subject"] for entry in entries}


async def test_lead_sees_timeline_of_own_people_only(client: ReferralsClient) -> None:
    sent = await client.refer()
    lead = client.context.token("mdt:lead", actor="clch-nurse-1")
    path = f"/people/{sent['person_id']}/timeline"

    before = await client.get(path, lead)
    await client.context.deliver(a_lead_activated("clch-nurse-1", "CLCH"), key=UUID(sent["person_id"]), subject=new_id())
    after = await client.get(path, lead)

    assert (before.status_code, before.json()["code"]) == (404, "person-not-found")
    assert after.status_code == 200
    assert "referrals.referral.received.v1" in {entry["type"] for entry in after.json()["items"]}


async def test_directory_lists_services_active_on_day(client: ReferralsClient) -> None:

    async def codes(**query: str) -> list[str]:
        return [entry["code"] for entry in (await client.get("/directory", client.gp(), **query)).json()["items"]]

    assert len(await codes()) == 22
    assert await codes(need="falls") == ["falls-clinic", "health-elsewhere"]
    assert await codes(need="complex-needs", on="2014-01-01") == ["care-navigation", "health-elsewhere", "mdt"]
    assert await codes(need="complex-needs", on="2015-01-01") == [
        "care-navigation",
        "health-elsewhere",
        "integrated-locality-team",
        "mdt",
    ]
    assert await codes(on="2010-01-01") == []
    assert (await client.get("/directory", client.gp(), need="nonsense")).status_code == 422


async def test_directory_has_67_practices_in_three_localities(client: ReferralsClient) -> None:
    rows = await client.context.database.pool.fetch("SELECT locality, count(*) AS practices FROM practice GROUP BY locality")
    telephones = await client.context.database.pool.fetch(
        "SELECT telephone FROM practice UNION ALL SELECT telephone FROM service UNION ALL SELECT telephone FROM organisation"
    )

    assert {row["locality"]: row["practices"] for row in rows} == {"west": 20, "locality-b": 24, "locality-c": 23}
    assert len({row["telephone"] for row in telephones}) == len(telephones) == 67 + 22 + 11
    assert all(row["telephone"].startswith("020 7946 0") or row["telephone"] == "999" for row in telephones)


def _a_task() -> TaskCreated:
    return TaskCreated(
        kind=TaskKind.SIGNPOST,
        source=TaskSource.CARE_PLAN,
        source_id=new_id(),
        role=Role.CARE_NAVIGATOR,
        locality=Locality.WEST,
        due_at=MONDAY + timedelta(days=5),
    )


async def _all_pages(client: ReferralsClient, path: str, caller: dict[str, str], **query: Any) -> list[str]:
    """The ids of every page."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = (await client.get(path, caller, **query | ({"cursor": cursor} if cursor else {}))).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            return found


def _with_one_wrong_character(reference: str) -> str:
    return reference[:-1] + ("A" if reference[-1] != "A" else "B")
