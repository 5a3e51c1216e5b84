"""Break-glass: it opens one person for an hour, and waits for its review (G12, finding C7)."""

from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from infra.operations.verify.check import run_check
from infra.operations.verify.checks.log import LOG
from shared.kernel.ids import new_id
from tests.builders.referrals import ReferralsClient
from tests.builders.safeguarding import Safeguarding, raise_concern

_CHECKS = [each for each in LOG if "break-glass" in each.sentence]
_EMERGENCY = {"reason": "emergency", "explanation": "He is unconscious, and no one knows his medicines."}


async def _withheld(client: ReferralsClient) -> str:
    person_id: str = (await client.refer(caller=client.ambulance, source="ambulance"))["person_id"]
    await client.post(f"/people/{person_id}/record", {"sharing": "withheld"}, version=1)
    return person_id


async def _break(client: ReferralsClient, person_id: str, caller: dict[str, str] | None = None, **changes: Any) -> httpx.Response:
    headers = (caller or client.triager) | {"Idempotency-Key": str(new_id())}
    return await client.context.http.post(f"/referrals/people/{person_id}/break-glass", json=_EMERGENCY | changes, headers=headers)


def _reviewer(client: ReferralsClient, actor: str = "guardian-1", organisation: str = "CLCH") -> dict[str, str]:
    return client.context.token("referrals:audit", actor=actor, organisation=organisation)


async def _waiting(client: ReferralsClient) -> list[dict[str, Any]]:
    return list((await client.get("/break-glass", _reviewer(client))).json()["items"])


async def test_act_opens_one_person_to_one_caller(client: ReferralsClient) -> None:
    person_id = await _withheld(client)
    colleague = client.context.token("referrals:triage", actor="triager-2")

    async def story(caller: dict[str, str]) -> Any:
        return (await client.get(f"/people/{person_id}", caller)).json()["story"]

    before = await story(client.triager)
    act = (await _break(client, person_id)).json()
    during = await story(client.triager), await story(colleague), (await client.get(f"/people/{person_id}/timeline")).status_code
    await client.context.let_pass(timedelta(minutes=60))

    assert before is None
    assert (during[0]["contacts"][0]["name"], *during[1:]) == ("Louise", None, 200)
    assert await story(client.triager) is None
    assert act["reason"] == "emergency"


async def test_act_waits_for_its_review_and_is_audited(client: ReferralsClient) -> None:
    person_id = await _withheld(client)

    act = (await _break(client, person_id)).json()
    [waiting] = await _waiting(client)
    reviewed = await client.post(f"/break-glass/{act['id']}/review", {"outcome": "justified"}, caller=_reviewer(client))
    again = await client.post(f"/break-glass/{act['id']}/review", {"outcome": "justified"}, caller=_reviewer(client))
    otherwise = await client.post(f"/break-glass/{act['id']}/review", {"outcome": "not-justified"}, caller=_reviewer(client))

    assert (waiting["id"], waiting["person_id"], waiting["actor_id"], waiting["explanation"]) == (
        act["id"],
        person_id,
        "triager-1",
        _EMERGENCY["explanation"],
    )
    assert (reviewed.json()["outcome"], again.json()["reviewed_at"]) == ("justified", reviewed.json()["reviewed_at"])
    assert (otherwise.status_code, otherwise.json()["code"]) == (409, "break-glass-reviewed")
    assert await _waiting(client) == []
    audited = await client.context.database.pool.fetch("SELECT action, actor_id FROM audit WHERE subject = $1 ORDER BY id", act["id"])
    assert [tuple(row) for row in audited[:2]] == [("BreakGlass", "triager-1"), ("ReviewBreakGlass", "guardian-1")]


async def test_audit_names_the_basis_of_each_read(client: ReferralsClient) -> None:
    person_id = await _withheld(client)

    async def basis() -> Any:
        await client.get(f"/people/{person_id}")
        return await client.context.database.pool.fetchval("SELECT basis FROM audit ORDER BY id DESC LIMIT 1")

    before = await basis()
    await _break(client, person_id)

    assert (before, await basis()) == ("point-of-access", "break-glass")


async def test_audit_of_a_person_shows_acts_and_reviews(client: ReferralsClient) -> None:
    person_id = await _withheld(client)
    act = (await _break(client, person_id)).json()
    await client.post(f"/break-glass/{act['id']}/review", {"outcome": "not-justified"}, caller=_reviewer(client))

    items = (await client.get(f"/audit/people/{person_id}", _reviewer(client))).json()["items"]

    shown = [
        (each["action"], each["actor_id"], each["subject"], each["basis"]) for each in reversed(items) if "BreakGlass" in each["action"]
    ]
    assert shown == [
        ("BreakGlass", "triager-1", act["id"], "emergency"),
        ("BreakGlass", "triager-1", person_id, "emergency"),
        ("ReviewBreakGlass", "guardian-1", act["id"], "not-justified"),
    ]


@pytest.mark.parametrize(
    "alteration",
    [
        "UPDATE referrals.break_glass SET actor_id = 'someone-else'",
        "UPDATE referrals.break_glass SET person_id = gen_random_uuid()",
        "UPDATE referrals.break_glass SET reason = 'asked-by-person'",
        "UPDATE referrals.break_glass SET outcome = 'justified'",
        "DELETE FROM referrals.break_glass",
    ],
)
async def test_act_that_contradicts_its_audit_is_found(client: ReferralsClient, owner_url: str, alteration: str) -> None:
    """The audit is sealed, so an owner of the database who alters an act in its table is found by `care verify`."""
    act = (await _break(client, await _withheld(client))).json()
    await client.post(f"/break-glass/{act['id']}/review", {"outcome": "not-justified"}, caller=_reviewer(client))
    owner = await asyncpg.connect(owner_url)
    try:
        before = [await run_check(owner, each) for each in _CHECKS]
        await owner.execute(alteration)
        after = [await run_check(owner, each) for each in _CHECKS]
    finally:
        await owner.close()

    assert [each.holds for each in before] == [True, True]
    assert sum(each.checked for each in before) == 3
    assert [each.holds for each in after] != [True, True]


async def test_late_review_is_overdue_and_stays_due(client: ReferralsClient) -> None:
    act = (await _break(client, await _withheld(client))).json()

    await client.context.let_pass(timedelta(days=3))

    [waiting] = await _waiting(client)
    due = await client.context.database.pool.fetchval(
        "SELECT count(*) FROM deadline WHERE subject = $1 AND kind = 'break-glass-review' AND state = 'pending'", act["id"]
    )
    assert (waiting["overdue_since"] is not None, due) == (True, 1)


async def test_repeated_act_is_one_act(client: ReferralsClient) -> None:
    person_id = await _withheld(client)

    first, second = [(await _break(client, person_id)).json()["id"] for _ in range(2)]

    assert first == second
    audited = "SELECT count(*) FROM audit WHERE action = 'BreakGlass' AND subject = $1"
    assert await client.context.database.pool.fetchval(audited, first) == 2


@pytest.mark.parametrize("changes", [{"reason": "safeguarding"}, {"explanation": "The ambulance asks for his medicines too."}])
async def test_another_reason_is_another_act(client: ReferralsClient, owner_url: str, changes: dict[str, Any]) -> None:
    person_id = await _withheld(client)

    first, second = (await _break(client, person_id)).json(), (await _break(client, person_id, **changes)).json()

    assert [(each["id"], each["reason"], each["explanation"]) for each in await _waiting(client)] == [
        (each["id"], stated["reason"], stated["explanation"]) for each, stated in ((first, _EMERGENCY), (second, _EMERGENCY | changes))
    ]
    audited = "SELECT basis FROM audit WHERE action = 'BreakGlass' AND subject = $1 ORDER BY id"
    bases = [await client.context.database.pool.fetchval(audited, each["id"]) for each in (first, second)]
    assert bases == ["emergency", changes.get("reason", "emergency")]
    assert await _acts_contradict_the_audit(owner_url) == []


async def test_read_concern_is_no_act_without_a_review(client: ReferralsClient, owner_url: str) -> None:
    """Who reads a safeguarding concern relies on a basis with the name of a reason."""
    person_id = await _withheld(client)
    await raise_concern(client.context, "/referrals", person_id, client.gp())
    await Safeguarding(client.context).only()
    await _break(client, person_id, reason="safeguarding")

    assert await _acts_contradict_the_audit(owner_url) == []


async def _acts_contradict_the_audit(owner_url: str) -> list[str]:
    """The checks of the acts that do not hold."""
    owner = await asyncpg.connect(owner_url)
    try:
        return [each.sentence for each in _CHECKS if not (await run_check(owner, each)).holds]
    finally:
        await owner.close()


async def test_own_act_is_reviewed_by_another(client: ReferralsClient) -> None:
    person_id = await _withheld(client)
    both = client.context.token("referrals:triage", "referrals:audit", actor="triager-1")
    act = (await _break(client, person_id, both)).json()

    refused = await client.post(f"/break-glass/{act['id']}/review", {"outcome": "justified"}, caller=both)

    assert (refused.status_code, refused.json()["code"]) == (403, "own-break-glass")


async def test_same_subject_elsewhere_reviews_no_own_act(client: ReferralsClient) -> None:
    """An issuer may give a person with two posts one subject."""
    person_id = await _withheld(client)
    nurse = client.context.token("mdt:lead", "referrals:refer", actor="nurse-1", organisation="W07")
    act = (await _break(client, person_id, nurse)).json()
    auditor = client.context.token("referrals:audit", actor="nurse-1")

    refused = await client.post(f"/break-glass/{act['id']}/review", {"outcome": "justified"}, caller=auditor)

    assert (refused.status_code, refused.json()["code"]) == (403, "own-break-glass")


async def test_stranger_breaks_no_glass(client: ReferralsClient) -> None:
    person_id, unknown = await _withheld(client), str(new_id())
    stranger = client.context.token("referrals:refer", "referrals:receive", organisation="EVIL")

    answers = [await _break(client, each, stranger) for each in (person_id, unknown)]

    assert [(each.status_code, each.json()["code"]) for each in answers] == [(404, "person-record-not-found")] * 2
    assert await _waiting(client) == []


async def test_referral_alone_breaks_no_glass(client: ReferralsClient) -> None:
    """Finding C1 by another way: a sent referral would open the story."""
    await _withheld(client)
    stranger = client.context.token("referrals:refer", organisation="EVIL")
    sent = (await client.try_refer(caller=stranger, demographics=None, story=None, reason="falls")).json()

    refused = await _break(client, sent["person_id"], stranger)

    assert (refused.status_code, refused.json()["code"]) == (403, "part-not-shared")


@pytest.mark.parametrize("organisation", ["EVIL", "W07"])
async def test_reviews_belong_to_information_governance(client: ReferralsClient, organisation: str) -> None:
    act = (await _break(client, await _withheld(client))).json()
    foreign = _reviewer(client, organisation=organisation)

    listed = await client.get("/break-glass", foreign)
    reviewed = await client.post(f"/break-glass/{act['id']}/review", {"outcome": "justified"}, caller=foreign)

    assert [each.status_code for each in (listed, reviewed)] == [403, 403]


async def test_practice_opens_a_restricted_story_by_an_act(client: ReferralsClient) -> None:
    sent = await client.refer(caller=client.ambulance, source="ambulance")
    await client.post(f"/people/{sent['person_id']}/record", {"sharing": "restricted"}, version=1)

    act = await _break(client, sent["person_id"], client.gp(), reason="asked-by-person")

    assert act.status_code == 201


async def test_unknown_act_is_not_reviewed(client: ReferralsClient) -> None:
    refused = await client.post(f"/break-glass/{new_id()}/review", {"outcome": "justified"}, caller=_reviewer(client))

    assert (refused.status_code, refused.json()["code"]) == (404, "break-glass-not-found")


async def test_running_clock_is_no_reason_of_a_caller(client: ReferralsClient) -> None:
    refused = await _break(client, await _withheld(client), reason="running-clock")

    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body.reason")
