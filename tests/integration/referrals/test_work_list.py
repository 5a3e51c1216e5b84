"""The work list of the Community Point of Access: names, filters and claims."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.builders.referrals import OTHER_PERSON, ReferralsClient, a_demographics_body


def staff(client: ReferralsClient, actor: str, *scopes: str) -> dict[str, str]:
    return client.context.token(*(scopes or ("referrals:handle", "referrals:triage")), organisation="CLCH", actor=actor)


async def listed(client: ReferralsClient, caller: dict[str, str] | None = None, **query: Any) -> list[str]:
    response = await client.get("/work", caller, **query)
    assert response.status_code == 200, response.text
    return [item["id"] for item in response.json()["items"]]


async def test_list_shows_names_and_audits_each_person(client: ReferralsClient) -> None:
    sent = await client.refer()

    [item] = (await client.get("/work")).json()["items"]

    assert item["person"] == {"given_name": "Colin", "family_name": "Dale", "born_on": "1932-05-02"}
    query = "SELECT count(*) FROM audit WHERE action = 'work_list' AND subject = $1 AND actor_id = 'triager-1'"
    assert await client.context.database.pool.fetchval(query, item["person_id"]) == 1
    assert item["id"] == sent["id"]


async def audited(client: ReferralsClient, action: str) -> list[str]:
    rows = await client.context.database.pool.fetch("SELECT subject FROM audit WHERE action = $1", action)
    return [str(row["subject"]) for row in rows]


async def test_receivers_list_shows_names_and_audits_each_person_once(client: ReferralsClient) -> None:
    routed = [await client.refer_and_route(reason=reason) for reason in ("community-nursing", "falls")]

    items = (await client.get("/incoming", client.receiver("CLCH"))).json()["items"]

    assert {item["id"] for item in items} == {each["id"] for each in routed}
    assert [item["person"] for item in items] == [{"given_name": "Colin", "family_name": "Dale", "born_on": "1932-05-02"}] * 2
    assert await audited(client, "incoming_referrals") == [items[0]["person_id"]]


async def test_tracing_list_shows_names_and_audits_each_person(client: ReferralsClient) -> None:
    sent = await client.refer(nhs_number=None, urgency="urgent", reason="falls", condition="falls")

    [item] = (await client.get("/people/unverified")).json()["items"]

    assert (item["person_id"], item["person"]["family_name"], item["person"]["born_on"]) == (sent["person_id"], "Dale", "1932-05-02")
    assert await audited(client, "unverified_people") == [sent["person_id"]]


async def test_call_handler_and_clinician_read_and_claim(client: ReferralsClient) -> None:
    sent = await client.refer()

    for scope in ("referrals:handle", "referrals:triage"):
        caller = staff(client, scope.replace(":", "-"), scope)
        assert await listed(client, caller) == [sent["id"]]
        claimed = await client.post(f"/{sent['id']}/claim", {"take_over": True}, caller=caller)
        assert claimed.status_code == 200, claimed.text


async def test_call_handler_makes_no_clinical_decision(client: ReferralsClient) -> None:
    sent, handler = await client.refer(urgency="urgent"), staff(client, "handler-1", "referrals:handle")
    clinical = {"discrepancy": "condition-missing", "reason": "Known."}

    triaged = await client.try_command(sent["id"], "triage", {"urgency": "routine", "reason": "Seen"}, caller=handler)
    resolved = await client.try_command(sent["id"], "discrepancy-resolution", clinical, caller=handler)
    asked = await client.try_command(sent["id"], "information-request", {"question": "Who has the key?"}, caller=handler)

    assert (triaged.status_code, triaged.json()["code"]) == (403, "scope-missing")
    assert (resolved.status_code, resolved.json()["code"]) == (403, "clinical-decision")
    assert asked.status_code == 200


async def test_filters_select(client: ReferralsClient) -> None:
    routine = await client.refer()
    urgent = await client.refer(
        nhs_number=OTHER_PERSON, demographics=a_demographics_body(family_name="Reed"), urgency="urgent", reason="falls"
    )
    await client.post(f"/{routine['id']}/claim", {})

    assert await listed(client, urgency="urgent") == [urgent["id"]]
    assert await listed(client, claimed="mine") == [routine["id"]]
    assert await listed(client, claimed="unclaimed") == [urgent["id"]]
    assert await listed(client, staff(client, "triager-2"), claimed="mine") == []
    assert await listed(client, status="identified", discrepancy="condition-missing") == [urgent["id"]]
    assert await listed(client, overdue="true") == []
    await client.context.let_pass(timedelta(minutes=16))
    assert await listed(client, overdue="true") == [urgent["id"]]
    assert await listed(client, overdue="false", section="triage") == [routine["id"]]


@pytest.mark.parametrize(
    "query",
    [{"claimed": "everybody"}, {"urgency": "soon"}, {"status": "open"}, {"overdue": "perhaps"}, {"discrepancy": "x"}, {"sections": "1"}],
)
async def test_unknown_filter_is_refused(client: ReferralsClient, query: dict[str, Any]) -> None:
    response = await client.get("/work", **query)

    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, f"query.{next(iter(query))}")


async def test_of_two_claims_at_once_one_wins(client: ReferralsClient) -> None:
    sent, callers = await client.refer(), [staff(client, f"triager-{number}") for number in range(1, 6)]

    responses = await asyncio.gather(*(client.post(f"/{sent['id']}/claim", {}, caller=caller) for caller in callers))

    [won] = [response.json()["claim"] for response in responses if response.status_code == 200]
    lost = [response for response in responses if response.status_code != 200]
    assert {(each.status_code, each.json()["code"]) for each in lost} == {(409, "claimed-by-colleague")}
    assert all(won["claimed_by"] in each.json()["detail"] for each in lost)
    [item] = (await client.get("/work")).json()["items"]
    assert item["claim"] == won


async def test_claim_is_taken_over_released_and_lapses(client: ReferralsClient) -> None:
    sent, colleague = await client.refer(), staff(client, "triager-2")
    path = f"/{sent['id']}/claim"
    await client.post(path, {})
    await client.command(sent["id"], "triage", {"urgency": "routine", "reason": "Seen"}, caller=colleague)

    refused = await client.post(f"{path}-release", caller=colleague)
    taken = await client.post(path, {"take_over": True}, caller=colleague)
    released, again = [await client.post(f"{path}-release", caller=colleague) for _ in range(2)]

    assert (refused.status_code, refused.json()["code"]) == (409, "claimed-by-colleague")
    assert (taken.json()["claim"]["claimed_by"], released.json()) == ("triager-2", {"id": sent["id"], "claim": None})
    assert (again.status_code, again.json()) == (200, released.json())
    await client.post(path, {})
    await client.context.let_pass(timedelta(minutes=30))
    assert (await client.get("/work")).json()["items"][0]["claim"] is None
    assert (await client.post(path, {}, caller=colleague)).status_code == 200


async def test_release_is_offered_to_the_holder_alone(client: ReferralsClient) -> None:
    sent = await client.refer()
    await client.post(f"/{sent['id']}/claim", {})

    offered = {
        actor: {action["name"] for action in (await client.get(f"/{sent['id']}/actions", staff(client, actor))).json()}
        for actor in ("triager-1", "triager-2")
    }

    assert "ClaimReferral" in offered["triager-1"] & offered["triager-2"]
    assert ("ReleaseClaim" in offered["triager-1"], "ReleaseClaim" in offered["triager-2"]) == (True, False)
