"""Safeguarding concerns: raised in one short form, read by the council and the leads alone, and never in the way of care (S22, IG13)."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.contracts.safeguarding import ConcernAccountAdded, ConcernClosed, ConcernEscalated, ConcernEvent, ConcernRaised
from shared.kernel.ids import new_id
from tests.builders.referrals import OTHER_PERSON, ReferralsClient
from tests.builders.safeguarding import WORDS, Safeguarding, a_concern, raise_concern

_DECISION = {"outcome": "enquiry-opened", "reason": "He agreed to an enquiry."}


async def _raise(
    client: ReferralsClient, person_id: str, caller: dict[str, str] | None = None, key: str | None = None, **changes: Any
) -> httpx.Response:
    return await raise_concern(client.context, "/referrals", person_id, caller or client.gp(), key=key, **changes)


async def _gauge(client: ReferralsClient) -> str:
    """The metric of the alert."""
    lines = (await client.context.http.get("/referrals/metrics")).text.splitlines()
    return next(line.split()[1] for line in lines if line.startswith("care_safeguarding_escalated "))


async def test_concern_reaches_council_with_person_and_account(client: ReferralsClient) -> None:
    person_id = (await client.refer())["person_id"]

    receipt = await _raise(client, person_id, raiser_telephone="020 7946 0207")

    found = await Safeguarding(client.context).only()
    assert (receipt.status_code, set(receipt.json())) == (202, {"reference", "received_at"})
    assert (found["status"], found["kind"], found["person_id"], found["due_at"]) == (
        "raised",
        "financial",
        person_id,
        "2015-03-17T10:05:00Z",
    )
    assert (found["person"]["given_name"], found["person"]["address"], "story" in found["person"]) == ("Colin", "Oakleigh", False)
    [account] = found["accounts"]
    assert (account["reference"], account["account"], account["service"]) == (receipt.json()["reference"], WORDS, "referrals")
    assert account["raiser"] == {
        "organisation": "W07",
        "professional_id": "gp-W07",
        "role": "gp",
        "name": "Ada Nurse",
        "telephone": "020 7946 0207",
    }


async def test_same_concern_twice_is_one_with_two_accounts(client: ReferralsClient) -> None:
    person_id = (await client.refer())["person_id"]
    first, second = await _raise(client, person_id), await _raise(client, person_id, client.triager, account="His card is gone.")
    other = await _raise(client, person_id, kind="neglect")

    council = Safeguarding(client.context)
    [financial] = [each for each in await council.listed() if each["kind"] == "financial"]
    accounts = [each["reference"] for each in (await council.file(financial["id"]))["accounts"]]

    assert accounts == [first.json()["reference"], second.json()["reference"]]
    assert other.json()["reference"] not in accounts
    assert len(await client.context.published(ConcernRaised)) == 2
    assert len(await client.context.published(ConcernAccountAdded)) == 1


async def test_repeated_request_is_one_account(client: ReferralsClient) -> None:
    person_id, key = (await client.refer())["person_id"], str(new_id())

    first, again = await _raise(client, person_id, key=key), await _raise(client, person_id, key=key)
    otherwise = await _raise(client, person_id, key=key, kind="neglect")

    assert (again.status_code, again.json()) == (202, first.json())
    assert (otherwise.status_code, otherwise.json()["code"]) == (422, "idempotency-key-reused")
    assert len((await Safeguarding(client.context).only())["accounts"]) == 1


async def test_further_account_waits_for_its_own_acknowledgement(client: ReferralsClient) -> None:
    person_id, council = (await client.refer())["person_id"], Safeguarding(client.context)
    await _raise(client, person_id)
    await council.act(await council.only(), "acknowledgement")

    await _raise(client, person_id, is_urgent=True)

    found = await council.only()
    assert (found["status"], found["is_urgent"], found["due_at"]) == ("raised", True, "2015-03-16T14:05:00Z")


async def test_urgent_account_brings_the_deadline_forward(client: ReferralsClient) -> None:
    person_id, council = (await client.refer())["person_id"], Safeguarding(client.context)
    await _raise(client, person_id)
    await _raise(client, person_id, is_urgent=True)

    await client.context.let_pass(timedelta(hours=4, seconds=1))

    assert (await council.only())["status"] == "escalated"


async def test_silent_council_escalates_to_the_lead_again_and_again(client: ReferralsClient) -> None:
    person_id, council = (await client.refer())["person_id"], Safeguarding(client.context)
    await _raise(client, person_id, is_urgent=True)

    await client.context.let_pass(timedelta(hours=6, minutes=1))

    [waiting] = await council.listed(council.lead, status="escalated")
    assert await _gauge(client) == "1.0"
    assert (waiting["overdue_since"], waiting["due_at"]) == ("2015-03-16T14:05:00Z", "2015-03-16T17:05:00.000003Z")
    assert len(await client.context.published(ConcernEscalated)) == 3
    by_telephone = await council.act(waiting, "acknowledgement", caller=council.lead)
    assert (by_telephone.json()["status"], by_telephone.json()["acknowledged_by"]) == ("acknowledged", "CLCH lead-1")
    await client.context.let_pass(timedelta(days=1))
    assert len(await client.context.published(ConcernEscalated)) == 3
    assert await _gauge(client) == "0.0"


async def test_council_is_reminded_until_it_decides(client: ReferralsClient) -> None:
    person_id, council = (await client.refer())["person_id"], Safeguarding(client.context)
    await _raise(client, person_id)
    acknowledged = (await council.act(await council.only(), "acknowledgement")).json()

    await client.context.let_pass(timedelta(days=9))
    late = await council.only()
    closed = await council.act(late, "closure", _DECISION)

    assert acknowledged["due_at"] == late["overdue_since"] == "2015-03-23T10:05:00Z"
    assert (closed.json()["status"], closed.json()["outcome"], closed.json()["due_at"]) == ("closed", "enquiry-opened", None)
    assert await council.listed() == []
    assert [each["id"] for each in await council.listed(status="closed")] == [late["id"]]
    pending = "SELECT count(*) FROM deadline WHERE subject = $1 AND state = 'pending'"
    assert await client.context.database.pool.fetchval(pending, late["id"]) == 0


async def test_concern_after_a_closed_one_is_new(client: ReferralsClient) -> None:
    person_id, council = (await client.refer())["person_id"], Safeguarding(client.context)
    await _raise(client, person_id)
    acknowledged = (await council.act(await council.only(), "acknowledgement")).json()
    await council.act(acknowledged, "closure", _DECISION)

    await _raise(client, person_id)

    assert (await council.only())["id"] != acknowledged["id"]
    assert len(await client.context.published(ConcernClosed)) == 1


async def test_council_alone_decides(client: ReferralsClient) -> None:
    person_id, council = (await client.refer())["person_id"], Safeguarding(client.context)
    await _raise(client, person_id)
    acknowledged = (await council.act(await council.only(), "acknowledgement")).json()

    refused = await council.act(acknowledged, "closure", _DECISION, council.lead)
    offered = await client.get(f"/safeguarding-concerns/{acknowledged['id']}/actions", council.lead)

    assert (refused.status_code, refused.json()["code"], offered.json()) == (403, "council-decides", [])
    [own] = (await client.get(f"/safeguarding-concerns/{acknowledged['id']}/actions", council.council)).json()
    assert own["name"] == "CloseConcern"


async def test_limited_name_is_for_the_council_alone(client: ReferralsClient) -> None:
    person_id, council = (await client.refer())["person_id"], Safeguarding(client.context)
    await _raise(client, person_id, is_raiser_limited=True)

    for_council, for_lead = await council.only(), await client.get("/safeguarding-concerns", council.lead)
    seen = (await client.get(f"/safeguarding-concerns/{for_council['id']}", council.lead)).text

    assert for_council["accounts"][0]["raiser"]["name"] == "Ada Nurse"
    assert WORDS in seen
    assert [name for name in ("Ada Nurse", "gp-W07", '"W07"', 'referrals"') if name in seen + for_lead.text] == ['"W07"']
    heads = await client.context.database.pool.fetch("SELECT actor_org FROM event WHERE topic = 'referrals.safeguarding'")
    assert {row["actor_org"] for row in heads} == {"CARE"}


async def test_audit_shows_no_one_who_raised_a_concern(client: ReferralsClient) -> None:
    """A lead reads the reference and the time of an account; one who also governs information reads the audit."""
    person_id, governance = (await client.refer())["person_id"], client.context.token("referrals:audit", actor="governor-1")
    reference = (await _raise(client, person_id, is_raiser_limited=True)).json()["reference"]
    concern = await Safeguarding(client.context).only()

    async def shown(path: str, **query: str) -> list[dict[str, Any]]:
        return list((await client.get(f"/audit/{path}", governance, **query)).json()["items"])

    people = [entry for each in (reference, concern["id"], person_id) for entry in await shown(f"people/{each}")]
    actors = [await shown("actors", organisation=of, actor_id=actor) for of, actor in (("W07", "gp-W07"), ("CARE", "system"))]

    assert {each["actor_id"] for each in people if each["subject"] == concern["id"]} == {"council-1"}
    assert [each for each in people if each["subject"] == reference] == []
    assert {each["action"] for each in actors[0]} == {"ReceiveReferral"}
    assert [each for entries in (people, *actors) for each in entries if each["action"] == "RaiseConcern"] == []
    kept = await client.context.database.pool.fetch("SELECT actor_id, action FROM audit WHERE subject = $1 ORDER BY id", reference)
    assert [tuple(row) for row in kept][:1] == [("gp-W07", "RaiseConcern")]


async def test_audit_shows_a_refused_attempt_to_raise_one(client: ReferralsClient) -> None:
    stranger = client.context.token("referrals:refer", organisation="EVIL", actor="stranger-1")
    await _raise(client, (await client.refer())["person_id"], stranger)
    governance = client.context.token("referrals:audit", actor="governor-1")

    entries = (await client.get("/audit/actors", governance, organisation="EVIL", actor_id="stranger-1")).json()["items"]

    assert [(each["action"], each["refusal"]) for each in entries] == [("RaiseConcern", "person-record-not-found")]


@pytest.mark.parametrize(
    ("organisation", "scope"),
    [
        ("CLCH", "referrals:triage"),
        ("CLCH", "referrals:audit"),
        ("W07", "referrals:refer"),
        ("W07", "referrals:safeguarding"),
        ("EVIL", "referrals:safeguarding"),
    ],
)
async def test_no_one_else_learns_that_a_concern_exists(client: ReferralsClient, organisation: str, scope: str) -> None:
    await _raise(client, (await client.refer())["person_id"])
    concern = await Safeguarding(client.context).only()
    stranger = client.context.token(scope, organisation=organisation)

    def answers(concern_id: str) -> list[tuple[str, str]]:
        path = f"/safeguarding-concerns/{concern_id}"
        return [("GET", path), ("GET", f"{path}/actions"), ("POST", f"{path}/acknowledgement"), ("POST", f"{path}/closure")]

    async def refusals(concern_id: str) -> list[tuple[int, str, str]]:
        found = []
        for method, path in answers(concern_id):
            body = _DECISION if path.endswith("closure") else None
            headers = stranger | {"If-Match": 'W/"1"'}
            response = await client.context.http.request(method, f"/referrals{path}", json=body, headers=headers)
            found.append((response.status_code, response.json()["code"], response.json()["detail"]))
        return found

    of_concern = await refusals(concern["id"])

    assert of_concern == await refusals(str(new_id()))
    assert {status for status, _, _ in of_concern} == {403}
    assert (await client.get("/safeguarding-concerns", stranger)).status_code == 403


async def test_stranger_raises_nothing_and_learns_nothing(client: ReferralsClient) -> None:
    person_id = (await client.refer())["person_id"]
    stranger = client.context.token("referrals:refer", organisation="EVIL")

    answers = [await _raise(client, each, stranger) for each in (person_id, str(new_id()))]

    assert [(each.status_code, each.json()["code"]) for each in answers] == [(404, "person-record-not-found")] * 2
    assert await Safeguarding(client.context).listed() == []


async def test_system_without_a_user_raises_nothing(client: ReferralsClient) -> None:
    person_id = (await client.refer())["person_id"]
    system = client.context.token("referrals:refer", organisation="W07", actor="emis", client_id="emis")

    refused = await _raise(client, person_id, system)

    assert (refused.status_code, refused.json()["code"]) == (403, "user-missing")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"person_id": None}, "body.person_id"),
        ({"person_id": "9990548609"}, "body.person_id"),
        ({"kind": None}, "body.kind"),
        ({"kind": "gossip"}, "body.kind"),
        ({"account": None}, "body.account"),
        ({"account": "  "}, "body.account"),
        ({"account": "x" * 20_001}, "body.account"),
        ({"is_urgent": "yes"}, "body.is_urgent"),
        ({"is_raiser_limited": 1}, "body.is_raiser_limited"),
        ({"raiser_name": "x" * 501}, "body.raiser_name"),
        ({"raiser_telephone": ["020"]}, "body.raiser_telephone"),
        ({"referral_id": "1"}, "body.?"),
    ],
)
async def test_bad_form_is_refused_and_changes_nothing(client: ReferralsClient, changes: dict[str, Any], field: str) -> None:
    person_id = (await client.refer())["person_id"]
    before = len(await client.context.log())
    headers = client.gp() | {"Idempotency-Key": str(new_id())}

    form = {name: value for name, value in (a_concern(person_id) | changes).items() if value is not None}
    refused = await client.context.http.post("/referrals/safeguarding-concerns", json=form, headers=headers)

    assert (refused.status_code, [each["field"] for each in refused.json()["errors"]]) == (422, [field])
    assert (len(await client.context.log()), await Safeguarding(client.context).listed()) == (before, [])


async def test_stale_version_and_missing_header_are_refused(client: ReferralsClient) -> None:
    await _raise(client, (await client.refer())["person_id"])
    council = Safeguarding(client.context)
    found = await council.only()

    stale = await council.act(found | {"version": 7}, "acknowledgement")
    without = await client.context.http.post(f"/referrals/safeguarding-concerns/{found['id']}/acknowledgement", headers=council.council)
    too_early = await council.act(found, "closure", _DECISION)

    assert [each.status_code for each in (stale, without, too_early)] == [412, 428, 409]
    assert await council.only() == found


async def test_unknown_concern_is_unknown_to_the_council(client: ReferralsClient) -> None:
    council = Safeguarding(client.context)
    unknown = {"id": str(new_id()), "version": 1}

    read = await client.get(f"/safeguarding-concerns/{unknown['id']}", council.council)
    acknowledged = await council.act(unknown, "acknowledgement")

    assert [(each.status_code, each.json()["code"]) for each in (read, acknowledged)] == [(404, "concern-not-found")] * 2


async def test_merge_carries_the_concern_to_one_person(client: ReferralsClient) -> None:
    council = Safeguarding(client.context)
    own = (await client.refer(nhs_number=None, urgency="urgent", condition="fall"))["person_id"]
    other = (await client.refer(nhs_number=OTHER_PERSON))["person_id"]
    await _raise(client, own, client.triager)
    merged = await client.post(f"/people/{own}/merge", {"into": other}, version=1)
    assert merged.status_code == 200, merged.text

    await _raise(client, other, client.triager)

    found = await council.only()
    assert (found["person_id"], len(found["accounts"]), found["person"]["nhs_number"]) == (own, 2, OTHER_PERSON)


@pytest.mark.parametrize(("change", "body"), [("death", {"died_on": "2015-03-15"}), ("move", {"moved_on": "2015-03-15"})])
async def test_death_and_move_leave_the_concern_open(client: ReferralsClient, change: str, body: dict[str, str]) -> None:
    person_id = (await client.refer())["person_id"]
    await _raise(client, person_id)

    recorded = await client.post(f"/people/{person_id}/{change}", body, version=0)

    assert recorded.status_code == 200, recorded.text
    assert (await Safeguarding(client.context).only())["status"] == "raised"


async def test_events_of_a_concern_name_it_alone(client: ReferralsClient) -> None:
    """Key, subject and chain are the concern's own, the value is sealed, and the headers are those of the product."""
    person_id = (await client.refer())["person_id"]
    await _raise(client, person_id)

    concern = await Safeguarding(client.context).only()
    [row] = await client.context.database.pool.fetch("SELECT * FROM event WHERE topic = 'referrals.safeguarding'")
    [event] = [each for each in await client.context.log() if isinstance(each, ConcernEvent)]

    assert {str(row[name]) for name in ("key", "subject", "correlation_id")} == {concern["id"]}
    assert (person_id.encode() in row["data"], row["actor_role"], str(event.person_id)) == (False, "system", person_id)


async def test_who_alone_raised_it_learns_no_identity(client: ReferralsClient) -> None:
    """Finding: an NHS number, an own referral and an own concern gave its raiser name, address and telephone of a stranger."""
    await client.refer()
    worker = client.context.token("referrals:refer", "referrals:safeguarding", organisation="LBB", actor="council-2", role="social-worker")
    sent = await client.refer(caller=worker, reason="dementia", demographics=None, story=None)
    await _raise(client, sent["person_id"], worker)
    council = Safeguarding(client.context)

    [own], alone = await council.listed(worker), await council.only(worker)
    [seen], file = await council.listed(), await council.only()
    await _raise(client, sent["person_id"], client.gp())
    [shared], both = await council.listed(worker), await council.only(worker)

    assert (own["person"], alone["person"], len(alone["accounts"])) == (None, None, 1)
    assert (seen["person"]["family_name"], file["person"]["given_name"]) == ("Dale", "Colin")
    assert (shared["person"]["family_name"], both["person"]["given_name"], len(both["accounts"])) == ("Dale", "Colin", 2)
