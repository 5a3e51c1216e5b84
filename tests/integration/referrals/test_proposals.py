"""A referral proposes demographics and overwrites none (findings B3, B4, C4).

Every test runs twice: without batching, and with each request as a batch. Batching must change only throughput.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from infra.dev_stack.dev_secrets import Keys
from services.referrals.api.receive_group import RECEIVE_GROUP
from shared.contracts.persons import PersonRecordRecorded, ProposalConfirmed, ProposalDismissed, ProposalOpened, ProposalOverdue
from tests.builders.database import CommonDatabase
from tests.builders.referrals import MONDAY, OTHER_PERSON, ReferralsClient, a_demographics_body, referrals

_EVERY_REQUEST_IS_A_BATCH = replace(RECEIVE_GROUP, batches_single=True)
LOUISE = {"name": "Louise", "relationship": "daughter", "telephone": "020 7946 0997"}


@pytest.fixture(scope="module", params=[(), (_EVERY_REQUEST_IS_A_BATCH,)], ids=["without-batching", "with-batching"])
async def module_client(common_database: CommonDatabase, keys: Keys, request: pytest.FixtureRequest) -> AsyncIterator[ReferralsClient]:
    """The application with and without the adapters of shared/persistence/batching."""
    async with referrals(common_database.url, keys, MONDAY, groups=request.param) as client:
        yield client


@pytest.mark.parametrize(
    ("changes", "field", "present", "proposed"),
    [
        ({"family_name": "Fenn"}, "family-name", "Dale", "Fenn"),
        ({"given_name": "Col"}, "given-name", "Colin", "Col"),
        ({"address": "4 Whetstone Road"}, "home-address", "Oakleigh", "4 Whetstone Road"),
        ({"telephone": "020 7946 0998"}, "telephone-number", "020 7946 0999", "020 7946 0998"),
        ({"practice_code": "w08"}, "practice-code", "W07", "W08"),
        ({"practice_code": "W70"}, "practice-code", "W07", "W70"),
        ({"residence": "ENFIELD"}, "residence", "LBB", "ENFIELD"),
    ],
)
async def test_difference_is_proposed_and_record_stays(
    client: ReferralsClient, changes: dict[str, Any], field: str, present: str, proposed: str
) -> None:
    first = await _known(client)

    sent = await _refer_again(client, **changes)

    assert (sent["person_id"], sent["practice_code"], sent["locality"]) == (first["person_id"], "W07", first["locality"])
    [waiting] = await _open(client)
    assert (waiting["field"], waiting["present_value"], waiting["proposed_value"]) == (field, present, proposed)
    assert (waiting["referral_id"], waiting["referrer_organisation"]) == (sent["id"], "W07")
    assert (waiting["given_name"], waiting["family_name"], waiting["due_at"]) == ("Colin", "Dale", "2015-03-18T10:05:00Z")
    person = await _person(client, first)
    assert person[next(iter(changes))] == present
    assert [each["id"] for each in person["open_proposals"]] == [waiting["id"]]
    assert person["former_values"] == []
    assert len(await client.context.published(PersonRecordRecorded)) == 1


async def test_equal_referral_proposes_nothing(client: ReferralsClient) -> None:
    await _known(client)

    await _refer_again(
        client, given_name="COLIN", family_name="dale ", address="oakleigh.", telephone="+44 20 7946 0999", practice_code="w07"
    )
    await client.refer(reason="falls", demographics=None, story=None)

    assert await _open(client) == []
    assert len(await client.context.published(PersonRecordRecorded)) == 1


async def test_detail_of_family_contact_is_proposed(client: ReferralsClient) -> None:
    first = await _known(client)
    changed = LOUISE | {"name": "LOUISE", "telephone": "020 7946 0996", "lives_in": "East Finchley"}
    warden = {"name": "The warden", "relationship": "warden"}

    await client.refer(reason="falls", story={"narrative": "He fell.", "contacts": [changed, warden]})

    [waiting] = await _open(client)
    assert (waiting["field"], waiting["contact"]) == ("contact-telephone", {"name": "Louise", "relationship": "daughter"})
    contacts = (await _person(client, first))["story"]["contacts"]
    assert [(each["name"], each["telephone"], each["lives_in"]) for each in contacts] == [
        ("Louise", "020 7946 0997", "East Finchley"),
        ("The warden", None, None),
    ]
    await _decide(client, waiting, "confirmation")
    person = await _person(client, first)
    assert person["story"]["contacts"][0]["telephone"] == "020 7946 0996"
    assert [(each["contact"]["name"], each["value"]) for each in person["former_values"]] == [("Louise", "020 7946 0997")]


async def test_confirmation_records_value_and_keeps_former_one(client: ReferralsClient) -> None:
    first = await _known(client)
    await _refer_again(client, practice_code="C23")
    [waiting] = await _open(client)

    confirmed = await _decide(client, waiting, "confirmation")
    again = await _decide(client, waiting, "confirmation")

    assert (confirmed.status_code, again.status_code) == (200, 200)
    assert (confirmed.json()["status"], confirmed.json()["decided_by"], confirmed.json()["due_at"]) == ("confirmed", "triager-1", None)
    assert again.json() == confirmed.json()
    assert await _open(client) == []
    person = await _person(client, first)
    assert (person["practice_code"], person["locality"]) == ("C23", "locality-c")
    [former] = person["former_values"]
    assert {name: former[name] for name in ("field", "value", "source", "replaced_by", "until")} == {
        "field": "practice-code",
        "value": "W07",
        "source": "W07",
        "replaced_by": "triager-1",
        "until": "2015-03-16T10:05:00Z",
    }
    records = await client.context.published(PersonRecordRecorded)
    assert [record.practice_code for record in records] == ["W07", "C23"]
    assert len(await client.context.published(ProposalConfirmed)) == 1


async def test_dismissal_keeps_record_and_says_so_later(client: ReferralsClient) -> None:
    first = await _known(client)
    await _refer_again(client, address="4 Whetstone Road")
    [waiting] = await _open(client)

    dismissed = await _decide(client, waiting, "dismissal", {"reason": "He is on a visit there."})
    again = await _decide(client, waiting, "dismissal", {"reason": "He is on a visit there."})
    contradiction = await _decide(client, waiting, "confirmation", version=2)

    assert (dismissed.json()["status"], dismissed.json()["reason"]) == ("dismissed", "He is on a visit there.")
    assert again.json() == dismissed.json()
    assert (contradiction.status_code, contradiction.json()["code"]) == (409, "illegal-transition")
    assert (await _person(client, first))["address"] == "Oakleigh"
    assert len(await client.context.published(ProposalDismissed)) == 1
    await _refer_again(client, address="4 whetstone road")
    [later] = await _open(client)
    assert (later["id"] != waiting["id"], later["dismissed_before"]) == (True, "2015-03-16T10:05:00Z")


async def test_equal_proposal_opens_no_second_one(client: ReferralsClient) -> None:
    await _known(client)
    await _refer_again(client, address="4 Whetstone Road")
    await _refer_again(client, caller=client.ambulance, address="4 WHETSTONE ROAD")
    assert len(await _open(client)) == 1

    await _refer_again(client, urgency="urgent", condition="fall", address="4 Whetstone Road")

    [waiting] = await _open(client)
    assert (waiting["is_urgent"], waiting["due_at"]) == (True, "2015-03-16T10:20:00Z")
    assert len(await client.context.published(ProposalOpened)) == 1


async def test_proposal_of_former_value_says_so(client: ReferralsClient) -> None:
    await _known(client)
    await _refer_again(client, address="4 Whetstone Road")
    await _decide(client, (await _open(client))[0], "confirmation")
    await client.context.let_pass(timedelta(hours=1))

    await _refer_again(client, address="OAKLEIGH")

    [waiting] = await _open(client)
    assert (waiting["present_value"], waiting["former_until"]) == ("4 Whetstone Road", "2015-03-16T10:05:00Z")


async def test_undecided_proposal_is_reminded_and_keeps_a_deadline(client: ReferralsClient) -> None:
    await _known(client)
    await _refer_again(client, address="4 Whetstone Road")

    await client.context.let_pass(timedelta(days=3, hours=1))

    [waiting] = await _open(client)
    assert (waiting["overdue_since"], waiting["due_at"][:16]) == ("2015-03-18T10:05:00Z", "2015-03-20T10:05")
    assert len(await client.context.published(ProposalOverdue)) == 2
    assert await _pending(client) == 1
    await _decide(client, waiting, "dismissal", {"reason": "The GP was mistaken."})
    assert await _pending(client) == 0


async def test_correction_settles_equal_proposal_and_keeps_former_value(client: ReferralsClient) -> None:
    first = await _known(client)
    await _refer_again(client, family_name="Fenn")
    person = await _person(client, first)
    corrected = {"demographics": a_demographics_body(family_name="FENN")}

    response = await client.post(f"/people/{first['person_id']}/record", corrected, version=person["version"])

    assert response.status_code == 200, response.text
    assert [(each["field"], each["value"], each["source"]) for each in response.json()["former_values"]] == [
        ("family-name", "Dale", "CLCH")
    ]
    assert await _open(client) == []
    assert len(await client.context.published(ProposalConfirmed)) == 1
    assert await _pending(client) == 0


async def test_stale_decision_is_refused_and_actions_agree(client: ReferralsClient) -> None:
    await _known(client)
    await _refer_again(client, address="4 Whetstone Road")
    [waiting] = await _open(client)
    path = f"/proposals/{waiting['id']}"

    offered = (await client.get(f"{path}/actions")).json()
    stale = await _decide(client, waiting, "confirmation", version=7)
    stranger = await client.post(f"{path}/confirmation", caller=client.gp(), version=waiting["version"])
    unknown = await client.post(f"/proposals/{UUID(int=8)}/confirmation", version=1)
    assert unknown.json()["code"] == "proposal-not-found"

    assert [each["name"] for each in offered] == ["ConfirmProposal", "DismissProposal"]
    assert (stale.status_code, stranger.status_code, unknown.status_code) == (412, 403, 404)
    assert (await client.get(path)).json() == waiting
    await _decide(client, waiting, "confirmation")
    assert (await client.get(f"{path}/actions")).json() == []
    assert (await client.get(path)).json()["present_value"] == "Oakleigh"


async def test_list_of_proposals_has_pages_and_audits_each_person(client: ReferralsClient) -> None:
    first = await _known(client)
    await _refer_again(client, address="4 Whetstone Road", telephone="020 7946 0998", practice_code="W08")

    page = (await client.get("/proposals", limit=2)).json()
    rest = (await client.get("/proposals", limit=2, cursor=page["next"])).json()

    assert (len(page["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)
    assert {each["field"] for each in (*page["items"], *rest["items"])} == {"home-address", "telephone-number", "practice-code"}
    audited = "SELECT count(*) FROM audit WHERE action = 'open_proposals' AND subject = $1"
    assert await client.context.database.pool.fetchval(audited, UUID(first["person_id"])) == 2


@pytest.mark.parametrize("address", ["4 Whetstone Road", "Oakleigh"])
async def test_twin_with_same_number_opens_no_record(client: ReferralsClient, address: str) -> None:
    """Finding B3. The story of the first twin is not shown, and their record stays."""
    first = await _known(client)
    twin = a_demographics_body(given_name="Carl", address=address)

    refused = await client.try_refer(demographics=twin, reason="falls")
    urgent = await client.refer(demographics=twin, urgency="urgent", condition="fall", story={"narrative": "Found in the street."})

    assert (refused.status_code, refused.json()["code"]) == (409, "identity-differs")
    assert "Community Point of Access" in refused.json()["advice"]
    assert "Colin" not in refused.text
    assert (urgent["status"], urgent["discrepancies"]) == ("unverified", ["identity-differs"])
    assert urgent["person_id"] != first["person_id"]
    assert (urgent["story"]["narrative"], urgent["story"]["contacts"]) == ("Found in the street.", [])
    assert await _open(client) == []
    person = await _person(client, first)
    assert (person["given_name"], person["address"], person["story"]) == ("Colin", "Oakleigh", first["story"])


async def test_referrer_who_names_the_person_otherwise_sees_no_story(client: ReferralsClient) -> None:
    await _known(client)

    married = await _refer_again(client, family_name="Fenn", reason="falls")
    moved = await _refer_again(client, address="4 Whetstone Road", reason="dementia")

    assert (married["is_story_known"], married["story"]) == (True, None)
    assert moved["story"]["contacts"][0]["name"] == "Louise"


async def test_proposal_about_merged_record_is_decided_for_the_survivor(client: ReferralsClient) -> None:
    kept, merged = await _known(client), await client.refer(nhs_number=OTHER_PERSON)
    await _refer_again(client, nhs_number=OTHER_PERSON, address="4 Whetstone Road")
    version = (await client.get(f"/people/{merged['person_id']}/identity")).json()["version"]
    response = await client.post(f"/people/{merged['person_id']}/merge", {"into": kept["person_id"]}, version=version)
    assert response.status_code == 200, response.text

    await _refer_again(client, nhs_number=OTHER_PERSON, address="4 WHETSTONE ROAD", practice_code="W08")

    waiting = {each["field"]: each for each in await _open(client)}
    assert {field: each["present_value"] for field, each in waiting.items()} == {"home-address": "Oakleigh", "practice-code": "W07"}
    assert len((await _person(client, merged))["open_proposals"]) == len((await _person(client, kept))["open_proposals"]) == 2
    await _decide(client, waiting["home-address"], "confirmation")
    assert (await _person(client, kept))["address"] == (await _person(client, merged))["address"] == "4 Whetstone Road"


async def test_proposal_of_wrongly_merged_twin_returns_to_its_record(client: ReferralsClient) -> None:
    colin, carl = await _merged_twins(client)
    await _refer_as_carl(client, telephone="020 7946 0996")
    assert {each["field"]: each["person_id"] for each in await _open(client)} == {
        "given-name": carl["person_id"],
        "telephone-number": carl["person_id"],
    }

    await _separate(client, carl)

    assert ((await _person(client, colin))["given_name"], (await _person(client, colin))["open_proposals"]) == ("Colin", [])
    [waiting] = (await _person(client, carl))["open_proposals"]
    assert (waiting["field"], waiting["present_value"], waiting["proposed_value"]) == (
        "telephone-number",
        "020 7946 0998",
        "020 7946 0996",
    )
    await _decide(client, waiting, "confirmation")
    persons = [await _person(client, each) for each in (colin, carl)]
    assert [(each["given_name"], each["telephone"]) for each in persons] == [("Colin", "020 7946 0999"), ("Carl", "020 7946 0996")]


@pytest.mark.parametrize("is_corrected", [False, True], ids=["confirmed", "corrected"])
async def test_value_recorded_during_mistaken_merge_is_proposed_twice(client: ReferralsClient, *, is_corrected: bool) -> None:
    colin, carl = await _merged_twins(client)
    if is_corrected:
        version = (await _person(client, carl))["version"]
        body = {"demographics": a_demographics_body(address="4 Whetstone Road")}
        response = await client.post(f"/people/{carl['person_id']}/record", body, version=version)
        assert response.status_code == 200, response.text
    else:
        await _refer_as_carl(client, address="4 Whetstone Road")
        await _decide(client, next(each for each in await _open(client) if each["field"] == "home-address"), "confirmation")
    assert (await _person(client, carl))["address"] == "4 Whetstone Road"

    await _separate(client, carl)

    waiting = {each["person_id"]: each for each in await _open(client)}
    assert {person_id: (each["present_value"], each["proposed_value"]) for person_id, each in waiting.items()} == {
        colin["person_id"]: ("4 Whetstone Road", "Oakleigh"),
        carl["person_id"]: ("Oakleigh", "4 Whetstone Road"),
    }
    assert [(each["is_urgent"], each["due_at"]) for each in waiting.values()] == [(True, "2015-03-16T10:20:00Z")] * 2
    for each in waiting.values():
        await _decide(client, each, "confirmation")
    assert [(await _person(client, each))["address"] for each in (colin, carl)] == ["Oakleigh", "4 Whetstone Road"]
    assert await _open(client) == []


@pytest.mark.parametrize(
    ("born_on", "status"), [("1932-02-05", 409), ("1923-05-02", 409), ("1932-01-01", 201), ("1900-01-01", 201), ("1970-01-01", 201)]
)
async def test_transposed_birthday_is_refused_and_placeholder_is_not(client: ReferralsClient, born_on: str, status: int) -> None:
    first = await _known(client)

    response = await client.try_refer(reason="falls", demographics=a_demographics_body(born_on=born_on))

    assert response.status_code == status
    assert (await _person(client, first))["born_on"] == "1932-05-02"
    assert await _open(client) == []


async def test_recorded_placeholder_birthday_is_replaced_on_confirmation_only(client: ReferralsClient) -> None:
    first = await client.refer(demographics=a_demographics_body(born_on="1900-01-01"))

    await client.refer(reason="falls")

    [waiting] = await _open(client)
    assert (waiting["field"], waiting["present_value"], waiting["proposed_value"]) == ("born-on", "1900-01-01", "1932-05-02")
    assert (await _person(client, first))["born_on"] == "1900-01-01"
    await _decide(client, waiting, "confirmation")
    assert (await _person(client, first))["born_on"] == "1932-05-02"


async def test_unreadable_practice_of_urgent_referral_changes_no_contact(client: ReferralsClient) -> None:
    """Finding B4: `W7O` is no code."""
    first = await _known(client)
    before = (await client.get(f"/people/{first['person_id']}/contact")).json()

    routine = await client.try_refer(reason="falls", demographics=a_demographics_body(practice_code="W7O"))
    await _refer_again(client, urgency="urgent", condition="fall", practice_code="W7O")
    await _refer_again(client, practice_code="W70")

    assert routine.status_code == 422
    assert (await client.get(f"/people/{first['person_id']}/contact")).json() == before
    assert before["professional_id"] == "gp-W07"


async def test_first_referral_of_unknown_details_fills_them_at_once(client: ReferralsClient) -> None:
    urgent = await client.refer(urgency="urgent", condition="fall", demographics=None)

    await client.refer(reason="falls", demographics=a_demographics_body(telephone="020 7946 0999"))

    person = await _person(client, urgent)
    assert (person["family_name"], person["telephone"], person["practice_code"]) == ("Dale", "020 7946 0999", "W07")
    assert (person["open_proposals"], person["former_values"]) == ([], [])


async def test_referral_without_difference_adds_no_statement(client: ReferralsClient) -> None:
    """It is acknowledged while another transaction keeps the table of proposals for itself."""
    await _known(client)
    pool = client.context.database.pool

    async with pool.acquire() as blocker, blocker.transaction():
        await blocker.execute("LOCK TABLE proposal IN ACCESS EXCLUSIVE MODE")
        equal = await client.try_refer(reason="falls", demographics=a_demographics_body(telephone="020 7946 0999"))
        new = await client.try_refer(nhs_number=OTHER_PERSON)

    assert (equal.status_code, new.status_code) == (201, 201)


async def _known(client: ReferralsClient) -> dict[str, Any]:
    """A person whose practice another referrer has stated."""
    about = {"demographics": a_demographics_body(telephone="020 7946 0999"), "story": {"narrative": "He is alone.", "contacts": [LOUISE]}}
    return await client.refer(caller=client.ambulance, source="ambulance", **about)


async def _refer_again(client: ReferralsClient, caller: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    """A later referral of the known person; the other changes are those of the demographics."""
    of_referral = {name: changes.pop(name) for name in ("urgency", "condition", "reason", "nhs_number") if name in changes}
    demographics = a_demographics_body(**({"telephone": "020 7946 0999"} | changes))
    return await client.refer(**({"reason": "falls", "story": None} | of_referral), demographics=demographics, caller=caller)


async def _merged_twins(client: ReferralsClient) -> tuple[dict[str, Any], dict[str, Any]]:
    """Colin, and Carl, whose record was merged into Colin's by mistake."""
    colin, carl = await _known(client), await client.refer(nhs_number=OTHER_PERSON, demographics=_carl())
    identity = f"/people/{carl['person_id']}/identity"
    version = (await client.get(identity)).json()["version"]
    merged = await client.post(f"/people/{carl['person_id']}/merge", {"into": colin["person_id"]}, version=version)
    assert merged.status_code == 200, merged.text
    return colin, carl


def _carl(**changes: Any) -> dict[str, Any]:
    return a_demographics_body(**{"given_name": "Carl", "telephone": "020 7946 0998"} | changes)


async def _refer_as_carl(client: ReferralsClient, **changes: Any) -> None:
    await client.refer(nhs_number=OTHER_PERSON, reason="falls", story=None, demographics=_carl(**changes))


async def _separate(client: ReferralsClient, record: dict[str, Any]) -> None:
    version = (await client.get(f"/people/{record['person_id']}/identity")).json()["version"]
    response = await client.post(f"/people/{record['person_id']}/separation", {"reason": "They are twins."}, version=version)
    assert response.status_code == 200, response.text


async def _open(client: ReferralsClient) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await client.get("/proposals")).json()["items"]
    return items


async def _person(client: ReferralsClient, referral: dict[str, Any]) -> dict[str, Any]:
    person: dict[str, Any] = (await client.get(f"/people/{referral['person_id']}")).json()
    return person


async def _decide(
    client: ReferralsClient, proposal: dict[str, Any], verb: str, body: Any = None, *, version: int | None = None
) -> httpx.Response:
    return await client.post(f"/proposals/{proposal['id']}/{verb}", body, version=version or proposal["version"])


async def _pending(client: ReferralsClient) -> int:
    pending = "SELECT count(*) FROM deadline WHERE kind = 'proposal-decision' AND state = 'pending'"
    return int(await client.context.database.pool.fetchval(pending))
