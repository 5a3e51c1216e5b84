"""Who sees what: referrals, lists, timelines, people, the one contact, the directory."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.contracts.codes import Locality, RiskLevel, Role, TaskKind
from shared.contracts.event import Event
from shared.contracts.mdt import (
    CaseReferred,
    LeadActivated,
    LeadEnded,
    LeadHandedOver,
    RiskHighClimberFound,
    RiskLevelCrossed,
)
from shared.contracts.navigation import TaskCreated, TaskSource
from shared.contracts.rapid_care import ResponseEnRoute
from shared.kernel.ids import derived_id, new_id
from tests.builders.referrals import DALE, MONDAY, SOMEBODY_ELSE, ReferralsClient, a_demographics_body, referrals


async def test_a_referrer_sees_their_own_referrals_and_nobody_elses(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent()

        own = await desk.get(f"/{sent['id']}", desk.gp())
        assert own.json()["feedback"][0]["text"] == f"We have your referral; its reference is {sent['reference']}."
        for answer in (
            await desk.get(f"/{sent['id']}", desk.gp("W08")),
            await desk.get("", desk.gp("W08"), reference=sent["reference"]),
            await desk.get(f"/{sent['id']}/timeline", desk.gp("W08")),
            await desk.get(f"/{sent['id']}/actions", desk.gp("W08")),
            await desk.act(sent["id"], "cancellation", {"reason": "withdrawn"}, caller=desk.gp("W08")),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "organisation-not-involved")
        assert (await desk.get("", desk.gp("W08"))).json()["items"] == []


async def test_a_reference_is_found_however_it_is_typed(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent()

        found = await desk.get("", desk.gp(), reference=f" {sent['reference'].lower().replace('-', ' ')}")
        mistyped = await desk.get("", desk.gp(), reference=_with_one_wrong_character(sent["reference"]))
        unknown = await desk.get("", desk.gp(), reference="CPA-0000-0000")

        assert found.json()["items"][0]["id"] == sent["id"]
        assert (mistyped.status_code, mistyped.json()["code"]) == (404, "reference-mistyped")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "referral-not-found")


async def test_own_referrals_come_page_by_page(owner_url: str, keys: Keys) -> None:
    reasons = ["falls", "stroke", "dementia", "palliative", "enablement"]
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = [(await desk.sent(reason=reason))["id"] for reason in reasons]
        cancelled = await desk.done(sent[2], "cancellation", {"reason": "withdrawn"}, caller=desk.gp())

        assert await _all_pages(desk, "", desk.gp(), limit=2) == [sent[4], sent[3], sent[1], sent[0]]
        assert await _all_pages(desk, "", desk.gp(), limit=2, state="ended") == [cancelled["id"]]


@pytest.mark.parametrize("cursor", ["nonsense", "", "eA", "MiAyIDM", "MCB4IHk", "MCAyMDE1LTAzLTE2VDEwOjA1IHg"])
async def test_a_cursor_of_another_list_is_refused(owner_url: str, keys: Keys, cursor: str) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent()

        for path in ("", "/work", "/incoming", f"/{sent['id']}/timeline", f"/people/{sent['person_id']}/timeline"):
            caller = desk.gp() if path == "" else desk.triager
            answer = await desk.get(path, caller, cursor=cursor)
            assert (answer.status_code, answer.json()["code"]) == (400, "cursor-malformed"), path


async def test_a_merged_referral_is_open_as_long_as_the_one_it_joined(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        first = await desk.sent()
        ambulance = desk.context.token("referrals:refer", organisation="LAS", actor="crew-1")
        merged = await desk.sent(caller=ambulance)
        assert await _all_pages(desk, "", ambulance, limit=50) == [merged["id"]]

        await desk.done(first["id"], "cancellation", {"reason": "died"})

        assert await _all_pages(desk, "", ambulance, limit=50) == []
        assert await _all_pages(desk, "", ambulance, limit=50, state="ended") == [merged["id"]]
        followed = (await desk.get(f"/{merged['id']}", ambulance)).json()
        assert [line["code"] for line in followed["feedback"]] == ["received", "merged", "cancelled"]


async def test_a_practice_follows_its_own_people_whoever_sent_them(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        own = await desk.sent(reason="falls")
        ambulance = desk.context.token("referrals:refer", organisation="LAS", actor="crew-1")
        sent = await desk.sent(caller=ambulance)

        assert await _all_pages(desk, "", desk.gp(), limit=1, whose="registered") == [sent["id"], own["id"]]
        assert await _all_pages(desk, "", desk.gp(), limit=1) == [own["id"]]
        assert await _all_pages(desk, "", desk.gp("W08"), limit=1, whose="registered") == []
        assert (await desk.get(f"/{sent['id']}", desk.gp())).status_code == 200
        assert (await desk.get(f"/{sent['id']}/actions", desk.gp())).json() == []


async def test_what_is_asked_of_another_referrer_is_not_asked_of_the_one_who_joined(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        first = await desk.sent()
        ambulance = desk.context.token("referrals:refer", organisation="LAS", actor="crew-1")
        merged = await desk.sent(caller=ambulance)

        await desk.done(first["id"], "information-request", {"question": "Who has the key?"})

        told = {
            name: [line["code"] for line in (await desk.get(f"/{each['id']}", caller)).json()["feedback"]]
            for name, each, caller in (("first", first, desk.gp()), ("joined", merged, ambulance))
        }
        assert told == {"first": ["received", "information-requested"], "joined": ["received", "merged"]}


async def test_the_work_list_has_what_is_urgent_first_and_then_what_is_due_first(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routine = await desk.sent(reason="falls")
        await desk.context.let_pass(timedelta(minutes=5))
        later = await desk.sent(reason="stroke")
        urgent = await desk.sent(reason="urgent-deterioration", urgency="urgent")
        returned = await desk.routed(service="social-care-direct", reason="social-care")
        await desk.done(returned["id"], "return", {"reason": "capacity"})
        with_receiver = await desk.routed(reason="palliative", service="palliative-home")

        waiting = await _all_pages(desk, "/work", desk.triager, limit=2)

        assert waiting == [urgent["id"], routine["id"], later["id"], returned["id"]]
        assert with_receiver["id"] not in waiting


SOMEBODY = derived_id("somebody")  # the same in every process of a test run


@pytest.mark.parametrize(
    ("path", "scopes"),
    [
        ("/work", ["referrals:refer"]),
        ("/incoming", ["referrals:refer"]),
        ("", ["referrals:receive"]),
        (f"/people/{SOMEBODY}", ["referrals:refer", "referrals:receive"]),
        (f"/people/{SOMEBODY}/timeline", ["referrals:refer"]),
        (f"/people/{SOMEBODY}/contact", ["mdt:import-risk"]),
        (f"/{SOMEBODY}", ["navigation:work"]),
    ],
)
async def test_a_route_needs_its_scope(owner_url: str, keys: Keys, path: str, scopes: list[str]) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        answer = await desk.get(path, desk.context.token(*scopes))

        assert (answer.status_code, answer.json()["code"]) == (403, "scope-missing")


async def test_people_are_found_by_number_in_a_body_and_every_look_is_audited(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent()

        found = (await desk.post("/people/search", {"nhs_number": "999 054 8609"})).json()
        nobody = await desk.post("/people/search", {"nhs_number": SOMEBODY_ELSE})
        wrong = await desk.post("/people/search", {"nhs_number": "9990548608"})
        not_allowed = await desk.post("/people/search", {"nhs_number": DALE}, caller=desk.gp())
        await desk.get(f"/people/{sent['person_id']}")

        assert (found["id"], found["family_name"]) == (sent["person_id"], "Dale")
        assert [each["reference"] for each in found["open_referrals"]] == [sent["reference"]]
        assert (nobody.status_code, nobody.json()["code"]) == (404, "person-not-found")
        assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid-nhs-number")
        assert not_allowed.status_code == 403
        looks = await desk.context.database.pool.fetch("SELECT action, subject FROM audit WHERE version IS NULL ORDER BY id")
        assert [row["action"] for row in looks] == ["search_people", "search_people", "read_person"]
        assert [str(row["subject"]) == sent["person_id"] for row in looks] == [True, False, True]


async def test_a_correction_reaches_every_service(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent()
        path = f"/people/{sent['person_id']}"

        revised = await desk.post(f"{path}/record", {"demographics": a_demographics_body(practice_code="B01")}, version=1)
        stale = await desk.post(f"{path}/record", {"sharing": "restricted"}, version=1)
        nothing = await desk.post(f"{path}/record", {}, version=2)

        assert (revised.json()["locality"], revised.headers["etag"]) == (Locality.LOCALITY_B, 'W/"2"')
        assert (stale.status_code, nothing.json()["code"]) == (412, "no-changes")
        assert (await desk.get(path)).json()["practice_code"] == "B01"


async def test_the_contact_is_always_exactly_one(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent()
        person_id, nurse, successor = UUID(sent["person_id"]), new_id(), new_id()

        async def contact() -> tuple[str, str, bool]:
            seen = (await desk.get(f"/people/{person_id}/contact", desk.context.token("rapid-care:respond"))).json()
            return seen["professional_id"], seen["telephone"], seen["is_gp_by_default"]

        assert await contact() == ("gp-W07", "020 7946 0207", True)
        await desk.context.deliver(_a_lead("clch-nurse-1", "CLCH"), key=person_id, subject=nurse, sequence=3)
        assert await contact() == ("clch-nurse-1", "020 7946 0001", False)
        later = _a_lead("lbb-social-worker-1", "LBB", at=MONDAY + timedelta(days=1))
        await desk.context.deliver(later, key=person_id, subject=successor, sequence=3)
        await desk.context.deliver(LeadHandedOver(to_lead_id=successor), key=person_id, subject=nurse, sequence=4)
        assert await contact() == ("lbb-social-worker-1", "020 7946 0002", False)
        await desk.context.deliver(_a_lead("clch-nurse-1", "CLCH"), key=person_id, subject=nurse, sequence=3)
        assert await contact() == ("lbb-social-worker-1", "020 7946 0002", False)
        await desk.context.deliver(LeadEnded(reason="plan-closed"), key=person_id, subject=successor, sequence=4)
        assert await contact() == ("gp-W07", "020 7946 0207", True)


async def test_the_contact_says_whether_the_family_is_kept_informed(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent()
        path = f"/people/{sent['person_id']}"

        before = (await desk.get(f"{path}/contact")).json()
        await desk.post(f"{path}/record", {"sharing": "withheld"}, version=1)
        after = (await desk.get(f"{path}/contact")).json()

        assert (before["is_family_kept_informed"], after["is_family_kept_informed"]) == (True, False)
        assert "Louise" not in str(before)


async def test_somebody_without_a_practice_here_rings_us(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent(demographics=a_demographics_body(practice_code="E85001"))

        contact = (await desk.get(f"/people/{sent['person_id']}/contact")).json()

        assert (contact["professional_id"], contact["telephone"]) == ("gp-E85001", "020 7946 0001")


async def test_somebody_who_was_never_referred_has_the_gp_of_the_risk_import(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        person_id, risk_id, risk = new_id(), new_id(), {"rule_version": "1", "valid_from": MONDAY.date()}
        climbed = RiskHighClimberFound(level=RiskLevel.HIGH, previous_level=RiskLevel.MEDIUM, practice_code="W07", **risk)
        moved = RiskLevelCrossed(from_level=RiskLevel.HIGH, to_level=RiskLevel.MEDIUM, practice_code="W08", **risk)

        async def contact() -> tuple[str, str, bool, bool]:
            seen = (await desk.get(f"/people/{person_id}/contact")).json()
            return seen["professional_id"], seen["telephone"], seen["is_gp_by_default"], seen["is_family_kept_informed"]

        await desk.context.deliver(climbed, key=person_id, subject=risk_id, sequence=1)
        assert await contact() == ("gp-W07", "020 7946 0207", True, False)
        await desk.context.deliver(moved, key=person_id, subject=risk_id, sequence=2)
        assert await contact() == ("gp-W08", "020 7946 0208", True, False)


async def test_nobody_known_has_no_contact(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        answer = await desk.get(f"/people/{new_id()}/contact")

        assert (answer.status_code, answer.json()["code"]) == (404, "person-not-found")


async def test_the_persons_page_shows_the_risk_as_it_was_last_seen(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent()
        person_id, risk_id, day = UUID(sent["person_id"]), new_id(), MONDAY.date()
        risk: dict[str, Any] = {"practice_code": "W07", "rule_version": "1"}
        climbed = RiskHighClimberFound(level=RiskLevel.VERY_HIGH, previous_level=RiskLevel.HIGH, valid_from=day, **risk)
        crossed = RiskLevelCrossed(from_level=RiskLevel.HIGH, to_level=RiskLevel.VERY_HIGH, valid_from=day, **risk)
        older = RiskLevelCrossed(from_level=None, to_level=RiskLevel.HIGH, valid_from=day - timedelta(days=30), **risk)

        for event, sequence in ((crossed, 2), (climbed, 3), (older, 1)):
            await desk.context.deliver(event, key=person_id, subject=risk_id, sequence=sequence)

        shown = (await desk.get(f"/people/{person_id}")).json()["risk"]
        assert shown == {"level": 3, "valid_from": day.isoformat(), "climbed_on": day.isoformat()}


async def test_the_timeline_holds_the_whole_chain_in_order_and_no_words(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed("mdt", "mdt", reason="complex-needs")
        referred = CaseReferred(referral_id=UUID(routed["id"]), risk_level=None, is_high_climber=False, is_urgent=False)
        elsewhere = ResponseEnRoute(clinician_id="nurse-1", left_at=MONDAY)
        await _of_chain(desk, routed, referred)
        await _of_chain(desk, routed, _a_task())
        await desk.context.deliver(elsewhere, key=UUID(routed["person_id"]), subject=new_id(), correlation=new_id())

        path = f"/{routed['id']}/timeline"
        entries = (await desk.get(path, desk.gp())).json()["items"]

        verbs = [entry["type"].split(".", 1)[1] for entry in entries]
        assert set(verbs[:2]) == {"case.referred.v1", "task.created.v1"}  # the builder sends them from the first of March
        assert verbs[2:] == [
            "person-record.recorded.v1",
            "referral.received.v1",
            "referral.identified.v1",
            "referral.triaged.v1",
            "referral.routed.v1",
        ]
        assert "Dale" not in str(entries)
        assert {entry["organisation"] for entry in entries} == {"W07", "CLCH", "CARE"}
        assert [entry["id"] for entry in entries] == await _all_pages(desk, path, desk.gp(), limit=2)


async def test_a_persons_timeline_holds_every_chain(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        first, second = await desk.sent(), await desk.sent(reason="falls")
        await _of_chain(desk, first, _a_task())
        await desk.context.deliver(_a_task(), key=UUID(first["person_id"]), subject=new_id(), correlation=new_id())
        somebody_else = await desk.sent(nhs_number=SOMEBODY_ELSE)

        entries = (await desk.get(f"/people/{first['person_id']}/timeline")).json()["items"]

        types = [entry["type"] for entry in entries]
        assert types.count("navigation.task.created.v1") == 2
        assert types.count("referrals.referral.received.v1") == 2
        assert {second["id"], first["id"]} <= {entry["subject"] for entry in entries}
        assert somebody_else["id"] not in {entry["subject"] for entry in entries}


async def test_a_lead_sees_the_timeline_of_their_own_people_only(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent()
        lead = desk.context.token("mdt:lead", actor="clch-nurse-1")
        path = f"/people/{sent['person_id']}/timeline"

        before = await desk.get(path, lead)
        await desk.context.deliver(_a_lead("clch-nurse-1", "CLCH"), key=UUID(sent["person_id"]), subject=new_id())
        after = await desk.get(path, lead)

        assert (before.status_code, before.json()["code"]) == (403, "organisation-not-involved")
        assert after.status_code == 200
        assert "referrals.referral.received.v1" in {entry["type"] for entry in after.json()["items"]}


async def test_the_directory_lists_what_is_active_on_a_day(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:

        async def codes(**query: str) -> list[str]:
            return [entry["code"] for entry in (await desk.get("/directory", desk.gp(), **query)).json()["items"]]

        assert len(await codes()) == 21
        assert await codes(need="falls") == ["falls-clinic", "health-elsewhere"]
        assert await codes(need="complex-needs", on="2014-01-01") == ["care-navigation", "health-elsewhere", "mdt"]
        assert await codes(need="complex-needs", on="2015-01-01") == [
            "care-navigation",
            "health-elsewhere",
            "integrated-locality-team",
            "mdt",
        ]
        assert await codes(on="2010-01-01") == []
        assert (await desk.get("/directory", desk.gp(), need="nonsense")).status_code == 422


async def test_there_are_67_practices_in_three_localities(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        rows = await desk.context.database.pool.fetch("SELECT locality, count(*) AS practices FROM practice GROUP BY locality")
        telephones = await desk.context.database.pool.fetch(
            "SELECT telephone FROM practice UNION ALL SELECT telephone FROM service UNION ALL SELECT telephone FROM organisation"
        )

        assert {row["locality"]: row["practices"] for row in rows} == {"west": 20, "locality-b": 24, "locality-c": 23}
        assert len({row["telephone"] for row in telephones}) == len(telephones) == 67 + 21 + 11
        assert all(row["telephone"].startswith("020 7946 0") or row["telephone"] == "999" for row in telephones)


def _a_lead(professional_id: str, organisation: str, at: datetime = MONDAY) -> LeadActivated:
    return LeadActivated(
        professional_id=professional_id, role=Role.COMMUNITY_NURSE, organisation=organisation, is_fallback=False, activated_at=at
    )


def _a_task() -> TaskCreated:
    return TaskCreated(
        kind=TaskKind.SIGNPOST,
        source=TaskSource.CARE_PLAN,
        source_id=new_id(),
        role=Role.CARE_NAVIGATOR,
        locality=Locality.WEST,
        due_at=MONDAY + timedelta(days=5),
    )


async def _of_chain(desk: ReferralsClient, referral: dict[str, Any], event: Event) -> None:
    await desk.context.deliver(event, key=UUID(referral["person_id"]), subject=new_id(), correlation=UUID(referral["id"]))


async def _all_pages(desk: ReferralsClient, path: str, caller: dict[str, str], **query: Any) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = (await desk.get(path, caller, **query | ({"cursor": cursor} if cursor else {}))).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            return found


def _with_one_wrong_character(reference: str) -> str:
    return reference[:-1] + ("A" if reference[-1] != "A" else "B")
