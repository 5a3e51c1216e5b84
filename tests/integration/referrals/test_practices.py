"""Practices that are unknown, close, merge or open again, at the Community Point of Access (A15, B11)."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.contexts import CONTEXTS
from infra.dev_stack.dev_secrets import Keys
from infra.reference.load import Changes
from infra.reference.practice_file import PracticeFileRefused
from services.referrals.domain.referral import ReferralDeadline
from shared.contracts.codes import Locality
from shared.contracts.persons import PersonRecordRecorded
from shared.contracts.referrals import ReferralAcknowledgementOverdue, ReferralDiscrepancyFound, ReferralDiscrepancyResolved
from tests.builders.practices import a_practice_entry, load_entries, write
from tests.builders.referrals import MONDAY, ReferralsClient, a_demographics_body, referrals

CLOSING = MONDAY.date() + timedelta(days=7)
OUR_TELEPHONE = "020 7946 0001"


@pytest.fixture
async def separate_client(own_url: str, keys: Keys) -> AsyncIterator[ReferralsClient]:
    """The Community Point of Access on a database whose practices a test may change."""
    async with referrals(own_url, keys, MONDAY) as client:
        yield client


async def contact_of(client: ReferralsClient, referral: dict[str, Any]) -> tuple[str, str]:
    seen = (await client.get(f"/people/{referral['person_id']}/contact")).json()
    return seen["professional_id"], seen["telephone"]


async def registered(client: ReferralsClient, practice: str) -> list[str]:
    page = (await client.get("", caller=client.gp(practice), whose="registered")).json()
    return [item["id"] for item in page["items"]]


async def localities_published(client: ReferralsClient) -> list[Locality | None]:
    return [event.locality for event in await client.context.published(PersonRecordRecorded)]


@pytest.mark.parametrize(("typed", "kept"), [("ZZZ", "ZZZ"), ("w7o", "W7O"), ("7", "7")])
async def test_urgent_referral_keeps_an_unknown_practice_code(client: ReferralsClient, typed: str, kept: str) -> None:
    """Finding: it was marked as without demographics, and the record had no practice."""
    sent = await client.refer(urgency="urgent", condition="fall", demographics=a_demographics_body(practice_code=typed))

    person = (await client.get(f"/people/{sent['person_id']}")).json()
    assert (person["practice_code"], sent["practice_code"], sent["discrepancies"]) == (kept, kept, ["practice-unknown"])
    assert await contact_of(client, sent) == ("community-point-of-access", OUR_TELEPHONE)
    await client.command(sent["id"], "triage", {"urgency": "urgent", "reason": "Fell"})
    routed = await client.command(sent["id"], "route", {"route": "rapid-care", "service_code": "rapid-care", "override_reason": "Urgent"})
    assert routed["status"] == "routed"


@pytest.mark.parametrize("urgency", ["urgent", "routine"])
async def test_referral_with_unknown_practice_has_owner_who_asks(client: ReferralsClient, urgency: str) -> None:
    sent = await client.refer(urgency=urgency, condition="fall", demographics=a_demographics_body(practice_code="E85001"))

    seen = await client.read(sent["id"])
    assert (seen["locality"], seen["discrepancies"], seen["owner"]["service_code"]) == (
        None,
        ["practice-unknown"],
        "community-point-of-access",
    )
    assert seen["discrepancies_due_at"] == seen["deadline"]["due_at"]
    work = (await client.get("/work", section="discrepancies")).json()
    assert [item["id"] for item in work["items"]] == [sent["id"]]
    assert await contact_of(client, sent) == ("community-point-of-access", OUR_TELEPHONE)


async def test_unanswered_question_about_the_practice_is_repeated(client: ReferralsClient) -> None:
    sent = await client.refer(urgency="urgent", condition="fall", demographics=a_demographics_body(practice_code="E85001"))
    await client.command(sent["id"], "triage", {"urgency": "urgent", "is_complex": False, "reason": "Fall"})
    await client.command(sent["id"], "route", {"route": "rapid-care", "service_code": "rapid-care", "override_reason": "He is ill"})

    await client.context.let_pass(timedelta(minutes=20))

    overdue = await client.context.published(ReferralAcknowledgementOverdue)
    assert [event.service_code for event in overdue] == ["community-point-of-access"]


async def test_corrected_practice_ends_the_question(client: ReferralsClient) -> None:
    sent = await client.refer(demographics=a_demographics_body(practice_code="E85001"))
    person = (await client.get(f"/people/{sent['person_id']}")).json()

    revised = await client.post(
        f"/people/{person['id']}/record", {"demographics": a_demographics_body(practice_code="B01")}, version=person["version"]
    )

    assert (revised.status_code, revised.json()["locality"]) == (200, "locality-b")
    assert (await client.read(sent["id"]))["discrepancies"] == []
    assert len(await client.context.published(ReferralDiscrepancyResolved)) == 1


async def test_correction_to_unknown_practice_begins_the_question(client: ReferralsClient) -> None:
    sent = await client.refer()
    person = (await client.get(f"/people/{sent['person_id']}")).json()

    revised = await client.post(
        f"/people/{person['id']}/record", {"demographics": a_demographics_body(practice_code="E85001")}, version=person["version"]
    )

    assert (revised.status_code, revised.json()["locality"]) == (200, None)
    assert (await client.read(sent["id"]))["discrepancies"] == ["practice-unknown"]


async def test_successor_takes_over_on_the_closing_day(separate_client: ReferralsClient, own_url: str, tmp_path: Path) -> None:
    sent = await separate_client.refer(caller=separate_client.ambulance, source="ambulance")
    await load_entries(own_url, separate_client.context.clock.at, tmp_path, a_practice_entry("W07", closed=CLOSING, successor="W08"))
    before = await contact_of(separate_client, sent), await registered(separate_client, "W07"), await registered(separate_client, "W08")

    separate_client.context.clock.at = MONDAY + timedelta(days=7)  # no deadline has fired: a read resolves the code
    on_the_day = await contact_of(separate_client, sent), await registered(separate_client, "W07"), await registered(separate_client, "W08")
    await separate_client.context.let_pass(timedelta(days=1))
    after = await contact_of(separate_client, sent), await registered(separate_client, "W07"), await registered(separate_client, "W08")

    assert before == (("gp-W07", "020 7946 0807"), [sent["id"]], [])
    assert on_the_day == after == (("gp-W08", "020 7946 0208"), [], [sent["id"]])
    assert (await separate_client.get(f"/{sent['id']}", caller=separate_client.gp("W08"))).status_code == 200
    assert await separate_client.context.published(ReferralDiscrepancyFound) == []
    assert await localities_published(separate_client) == [Locality.WEST]


async def test_people_of_closed_practice_stay_covered(separate_client: ReferralsClient, own_url: str, tmp_path: Path) -> None:
    await load_entries(own_url, separate_client.context.clock.at, tmp_path, a_practice_entry("W07", closed=CLOSING, successor="B01"))
    separate_client.context.clock.at = MONDAY + timedelta(days=8)

    routed = await separate_client.refer_and_route()

    assert (routed["practice_code"], routed["locality"], routed["is_practice_covered"]) == ("B01", "locality-b", True)


async def test_record_follows_successor_into_another_locality(separate_client: ReferralsClient, own_url: str, tmp_path: Path) -> None:
    sent = await separate_client.refer()
    await load_entries(own_url, separate_client.context.clock.at, tmp_path, a_practice_entry("W07", closed=CLOSING, successor="B01"))

    await separate_client.context.let_pass(timedelta(days=8))

    assert await localities_published(separate_client) == [Locality.WEST, Locality.LOCALITY_B]
    assert (await separate_client.get(f"/people/{sent['person_id']}")).json()["locality"] == "locality-b"


async def test_practice_closed_without_successor_leaves_an_owner_who_asks(
    separate_client: ReferralsClient, own_url: str, tmp_path: Path
) -> None:
    sent = await separate_client.refer_and_route()
    await load_entries(own_url, separate_client.context.clock.at, tmp_path, a_practice_entry("W07", closed=CLOSING))

    await separate_client.context.let_pass(timedelta(days=8))

    seen = await separate_client.read(sent["id"])
    assert seen["discrepancies"] == ["practice-unknown"]
    assert seen["discrepancies_due_at"] is not None
    assert await contact_of(separate_client, sent) == ("community-point-of-access", OUR_TELEPHONE)
    assert (
        await registered(separate_client, "W07"),
        (await separate_client.get(f"/{sent['id']}", caller=separate_client.gp("W08"))).status_code,
    ) == ([], 404)
    assert await localities_published(separate_client) == [Locality.WEST, Locality.WEST, None]
    pending = await separate_client.context.database.pool.fetch("SELECT kind FROM deadline WHERE state = 'pending'")
    assert ReferralDeadline.DISCREPANCY in {row["kind"] for row in pending}


async def test_withdrawn_closing_restores_everything(separate_client: ReferralsClient, own_url: str, tmp_path: Path) -> None:
    sent = await separate_client.refer()
    await load_entries(own_url, separate_client.context.clock.at, tmp_path, a_practice_entry("W07", closed=CLOSING))
    await separate_client.context.let_pass(timedelta(days=8))

    await load_entries(own_url, separate_client.context.clock.at, tmp_path)
    await separate_client.context.let_pass(timedelta(minutes=1))

    assert (await separate_client.read(sent["id"]))["discrepancies"] == []
    assert await contact_of(separate_client, sent) == ("gp-W07", "020 7946 0207")
    assert await localities_published(separate_client) == [Locality.WEST, None, Locality.WEST]


async def test_new_practice_of_the_table_ends_the_question(separate_client: ReferralsClient, own_url: str, tmp_path: Path) -> None:
    sent = await separate_client.refer(demographics=a_demographics_body(practice_code="E85001"))

    await load_entries(own_url, separate_client.context.clock.at, tmp_path, a_practice_entry("E85001", locality=Locality.LOCALITY_C))
    await separate_client.context.let_pass(timedelta(minutes=1))

    assert (await separate_client.read(sent["id"]))["discrepancies"] == []
    assert await localities_published(separate_client) == [None, Locality.LOCALITY_C]


async def test_loading_again_changes_nothing(separate_client: ReferralsClient, own_url: str, tmp_path: Path) -> None:
    closing = a_practice_entry("W07", closed=date(2099, 1, 1), successor="W08")
    first = await load_entries(own_url, separate_client.context.clock.at, tmp_path, closing)
    before = await _state(separate_client)

    again = await load_entries(own_url, separate_client.context.clock.at + timedelta(minutes=1), tmp_path, closing)

    assert first == dict.fromkeys(CONTEXTS, Changes(changed=1))
    assert again == dict.fromkeys(CONTEXTS, Changes())
    assert await _state(separate_client) == before


async def test_changed_line_changes_the_validity_and_its_deadline(separate_client: ReferralsClient, own_url: str, tmp_path: Path) -> None:
    await load_entries(
        own_url, separate_client.context.clock.at, tmp_path, a_practice_entry("W07", closed=date(2099, 1, 1), successor="W08")
    )

    await load_entries(
        own_url, separate_client.context.clock.at, tmp_path, a_practice_entry("W07", closed=date(2098, 7, 1), successor="W08")
    )

    practices, deadlines = await _state(separate_client)
    assert [(row["valid_until"], row["successor"]) for row in practices if row["code"] == "W07"] == [(date(2098, 7, 1), "W08")]
    assert [row["due_at"].isoformat() for row in deadlines if row["due_at"].year > 2090] == ["2098-06-30T23:00:00+00:00"]


async def test_broken_file_is_refused_as_a_whole(separate_client: ReferralsClient, own_url: str, tmp_path: Path) -> None:
    before = await _state(separate_client)
    path = write(tmp_path / "broken.csv", a_practice_entry("W07", closed=CLOSING, successor="W99"), a_practice_entry("B30"))

    with pytest.raises(PracticeFileRefused, match="Line 68: the successor W99 is no practice of the file"):
        await load_entries(
            own_url,
            separate_client.context.clock.at,
            tmp_path,
            a_practice_entry("W07", closed=CLOSING, successor="W99"),
            a_practice_entry("B30"),
        )

    assert path.exists()
    assert await _state(separate_client) == before


async def test_role_of_the_service_may_only_read_the_table(separate_client: ReferralsClient) -> None:
    for right in ("INSERT", "UPDATE", "DELETE"):
        assert not await separate_client.context.database.pool.fetchval("SELECT has_table_privilege('practice', $1)", right)


async def _state(client: ReferralsClient) -> tuple[list[Any], list[Any]]:
    pool = client.context.database.pool
    practices = await pool.fetch("SELECT * FROM practice ORDER BY code, valid_from")
    return practices, await pool.fetch("SELECT id, due_at FROM deadline WHERE state = 'pending' ORDER BY id")


async def test_practice_that_closed_without_successor_is_not_recorded(
    separate_client: ReferralsClient, own_url: str, tmp_path: Path
) -> None:
    """Finding: a confirmed proposal took the person's practice away without a warning."""
    client = separate_client
    known = await client.refer(demographics=a_demographics_body(practice_code="W08"))
    await client.refer(reason="falls", demographics=a_demographics_body(practice_code="W07"))
    await load_entries(own_url, client.context.clock.at, tmp_path, a_practice_entry("W07", closed=CLOSING))
    [waiting] = (await client.get("/proposals")).json()["items"]
    open_yet = (await client.get(f"/proposals/{waiting['id']}/actions")).json()
    await client.context.let_pass(timedelta(days=8))
    [waiting] = (await client.get("/proposals")).json()["items"]
    path, record = f"/proposals/{waiting['id']}", f"/people/{known['person_id']}"

    offered = (await client.get(f"{path}/actions")).json()
    refused = await client.post(f"{path}/confirmation", {}, version=waiting["version"])
    person = (await client.get(record)).json()
    corrected = await client.post(f"{record}/record", {"demographics": a_demographics_body(practice_code="W07")}, version=person["version"])
    dismissed = await client.post(f"{path}/dismissal", {"reason": "Registered with W08."}, version=waiting["version"])

    assert [action["name"] for action in open_yet] == ["ConfirmProposal", "DismissProposal"]
    assert [action["name"] for action in offered] == ["DismissProposal"]
    assert (refused.status_code, refused.json()["code"]) == (409, "practice-closed")
    assert (corrected.status_code, corrected.json()["code"]) == (409, "practice-closed")
    assert dismissed.status_code == 200
    assert await contact_of(client, known) == ("gp-W08", "020 7946 0208")


_DECISION = {"urgency": "routine", "reason": "Needs help at home."}


async def _merged_practices(own_url: str, client: ReferralsClient, folder: Path) -> None:
    """W07 closed on Monday, and W08 took over."""
    await load_entries(own_url, client.context.clock.at, folder, a_practice_entry("W07", closed=MONDAY.date(), successor="W08"))


async def _is_confirmed(client: ReferralsClient, sent: dict[str, Any]) -> bool:
    person = (await client.get(f"/people/{sent['person_id']}")).json()
    confirmed: bool = person["is_practice_confirmed"]
    return confirmed


@pytest.mark.parametrize(("referrer", "stated"), [("W07", "W08"), ("W08", "W07")])
async def test_practice_confirms_itself_under_no_other_code(
    separate_client: ReferralsClient, own_url: str, tmp_path: Path, referrer: str, stated: str
) -> None:
    """Finding: a token of the closed practice stated the successor, and confirmed it at receipt."""
    await _merged_practices(own_url, separate_client, tmp_path)

    sent = await separate_client.refer(caller=separate_client.gp(referrer), demographics=a_demographics_body(practice_code=stated))

    assert (await _is_confirmed(separate_client, sent), sent["discrepancies"]) == (False, [])


@pytest.mark.parametrize(("referrer", "stated"), [("W07", "W08"), ("W08", "W07"), ("W08", "W08")])
async def test_triage_confirms_the_practice_under_each_code(
    separate_client: ReferralsClient, own_url: str, tmp_path: Path, referrer: str, stated: str
) -> None:
    """Finding: the mark stayed with the referral of the successor for a person with the former code."""
    await _merged_practices(own_url, separate_client, tmp_path)
    sent = await separate_client.refer(caller=separate_client.gp(referrer), demographics=a_demographics_body(practice_code=stated))

    triaged = await separate_client.command(sent["id"], "triage", _DECISION)

    assert (triaged["discrepancies"], await _is_confirmed(separate_client, sent)) == ([], True)


async def test_other_referrer_confirms_the_practice_by_its_successor(
    separate_client: ReferralsClient, own_url: str, tmp_path: Path
) -> None:
    await _merged_practices(own_url, separate_client, tmp_path)
    sent = await separate_client.refer(caller=separate_client.gp("W08"), demographics=a_demographics_body(practice_code="W07"))

    stated = a_demographics_body(practice_code="W08")
    await separate_client.refer(caller=separate_client.ambulance, source="ambulance", reason="falls", demographics=stated)

    assert await _is_confirmed(separate_client, sent)


async def test_successor_waits_for_its_triage_as_the_practice(separate_client: ReferralsClient, own_url: str, tmp_path: Path) -> None:
    """Both of its referrals are without a mark until then, although the record has the former code."""
    await _merged_practices(own_url, separate_client, tmp_path)
    first = await separate_client.refer(caller=separate_client.gp("W08"), demographics=a_demographics_body(practice_code="W07"))
    again = await separate_client.refer(
        caller=separate_client.gp("W08"), reason="falls", demographics=a_demographics_body(practice_code="W08")
    )
    more = await separate_client.refer(
        caller=separate_client.gp("W08"), reason="dementia", demographics=None, story={"narrative": "He forgets to eat."}
    )

    marks = [(await separate_client.read(sent["id"]))["discrepancies"] for sent in (first, again, more)]
    assert marks == [[], [], ["practice-unconfirmed"]]
