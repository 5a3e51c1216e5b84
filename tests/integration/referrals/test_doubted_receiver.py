"""A practice that a triager doubts has no referral as the person's GP: the Community Point of Access has it again, with a deadline."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.referrals import ReferralReturned
from tests.builders.referrals import DALE, ReferralsClient, a_demographics_body

_OF_W08 = a_demographics_body(practice_code="W08")
_DECISION = {"urgency": "routine", "is_complex": False, "reason": "Needs help at home."}
_DOUBT = _DECISION | {"is_practice_confirmed": False}
_TO_GP = {"route": "service", "service_code": "gp"}
_SECRET = "He is afraid of his neighbour."
_PENDING = "SELECT kind FROM deadline WHERE subject = $1 AND state = 'pending'"


async def _confirmed(client: ReferralsClient, **changes: Any) -> dict[str, Any]:
    """A referral by practice W08, which its triage has confirmed."""
    sent = await client.refer(caller=client.gp("W08"), **{"reason": "dementia", "demographics": _OF_W08} | changes)
    return await client.command(sent["id"], "triage", _DECISION | {"urgency": sent["requested_urgency"]})


async def _routed(client: ReferralsClient, **changes: Any) -> dict[str, Any]:
    """Another organisation's referral, which the practice of the person is asked to accept."""
    said = {"source": "ambulance", "reason": "falls", "demographics": None, "story": {"narrative": _SECRET}}
    return await client.refer_and_route("service", "gp", **{"caller": client.ambulance} | said | changes)


async def _doubt(client: ReferralsClient) -> None:
    """The triage of a further referral by the practice doubts it."""
    sent = await client.refer(caller=client.gp("W08"), reason="social-care", demographics=None)
    await client.command(sent["id"], "triage", _DOUBT)


async def _seen(client: ReferralsClient, sent: dict[str, Any]) -> list[int]:
    """What practice W08 reads as the receiver of the referral."""
    caller = client.receiver("W08")
    incoming = (await client.get("/incoming", caller, route="service")).json()["items"]
    reads = [await client.get(f"/{sent['id']}{part}", caller) for part in ("", "/record", "/timeline")]
    return [*[each.status_code for each in reads], sum(each["id"] == sent["id"] for each in incoming)]


async def _held(client: ReferralsClient, sent: dict[str, Any]) -> tuple[str, str, bool, bool, list[str]]:
    """Who has the referral, and whether its own deadline and that of its marks run."""
    referral = await client.read(sent["id"])
    kinds = await client.context.database.pool.fetch(_PENDING, UUID(sent["id"]))
    is_due = {row["kind"] for row in kinds}
    return referral["status"], referral["owner"]["service_code"], "triage" in is_due, "discrepancy" in is_due, referral["discrepancies"]


async def _act_on_life(client: ReferralsClient, sent: dict[str, Any], verb: str, body: dict[str, Any]) -> None:
    path = f"/people/{sent['person_id']}"
    answer = await client.post(f"{path}/{verb}", body, version=(await client.get(f"{path}/life")).json()["version"])
    assert answer.status_code == 200, answer.text


_BACK = ("returned", "community-point-of-access", True, True, ["practice-unconfirmed"])


@pytest.mark.parametrize("is_accepted", [False, True], ids=["routed", "accepted"])
async def test_doubt_takes_the_referral_back_from_the_practice(client: ReferralsClient, *, is_accepted: bool) -> None:
    """Finding: the practice read the words of another referrer, and accepted the referral after the doubt."""
    await _confirmed(client)
    sent = await _routed(client)
    if is_accepted:
        await client.command(sent["id"], "acceptance", caller=client.receiver("W08"))
    before = await _seen(client, sent)

    await _doubt(client)

    accepted = await client.try_command(sent["id"], "acceptance", caller=client.receiver("W08"))
    assert (before, await _seen(client, sent), await _held(client, sent)) == ([200, 200, 200, 1], [404, 404, 404, 0], _BACK)
    assert (accepted.status_code, accepted.json()["code"]) == (404, "referral-not-found")
    assert [(event.service_code, event.reason) for event in await client.context.published(ReferralReturned)] == [("gp", "other")]


async def test_question_to_the_referrer_leaves_no_doubted_receiver(client: ReferralsClient) -> None:
    await _confirmed(client)
    sent = await _routed(client)
    await client.command(sent["id"], "information-request", {"question": "Which medicines does he take?"})

    await _doubt(client)

    assert (await _seen(client, sent), await _held(client, sent)) == ([404, 404, 404, 0], _BACK)


async def test_doubted_practice_accepts_no_referral_of_its_own(client: ReferralsClient) -> None:
    """It sees the referral that it sent, and learns who has it."""
    sent = await _confirmed(client)
    await client.command(sent["id"], "route", _TO_GP)
    await _doubt(client)
    caller = client.context.token("referrals:receive", "referrals:refer", organisation="W08", role="gp", actor="gp-W08")

    refused = await client.try_command(sent["id"], "acceptance", caller=caller)

    assert (refused.status_code, refused.json()["code"]) == (409, "receiver-in-doubt")
    assert "Community Point of Access" in refused.json()["advice"]


async def test_crossing_acceptance_leaves_no_referral_with_doubted_practice(client: ReferralsClient) -> None:
    await _confirmed(client)
    sent = await _routed(client)

    acceptance = client.post(f"/{sent['id']}/acceptance", caller=client.receiver("W08"), version=sent["version"])

    accepted, _ = await asyncio.gather(acceptance, _doubt(client))

    assert accepted.status_code in {200, 404, 409, 412}, accepted.text
    assert (await _seen(client, sent), await _held(client, sent)) == ([404, 404, 404, 0], _BACK)


async def test_merge_with_doubted_record_takes_referral_back(client: ReferralsClient) -> None:
    """The practice is doubted for a record without a number, which is verified afterwards."""
    urgent = {"nhs_number": None, "urgency": "urgent", "condition": "fall"}
    doubted = await client.refer(caller=client.gp("W08"), demographics=_OF_W08, **urgent)
    await client.command(doubted["id"], "triage", _DOUBT | {"urgency": "urgent"})
    await _confirmed(client)
    sent = await _routed(client)
    version = (await client.get(f"/people/{doubted['person_id']}/identity")).json()["version"]

    merged = await client.post(f"/people/{doubted['person_id']}/verification", {"nhs_number": DALE}, version=version)

    assert merged.status_code == 200, merged.text
    assert (await _seen(client, sent), await _held(client, sent)) == ([404, 404, 404, 0], _BACK)


@pytest.mark.parametrize("is_by_person", [False, True], ids=["closed", "ended-with-person"])
async def test_referral_opened_again_has_no_doubted_receiver(client: ReferralsClient, *, is_by_person: bool) -> None:
    """The referral had ended, with the practice as its receiver, before the doubt."""
    await _confirmed(client)
    sent = await _routed(client)
    await client.command(sent["id"], "acceptance", caller=client.receiver("W08"))
    if is_by_person:
        await _act_on_life(client, sent, "death", {})
    else:
        await client.command(sent["id"], "closure", {"outcome": "need-met"}, caller=client.receiver("W08"))
    await _doubt(client)

    if is_by_person:
        await _act_on_life(client, sent, "restoration", {"reason": "It was his brother."})
    else:
        await client.command(sent["id"], "reopening", {"reason": "It was another person."})

    assert (await _seen(client, sent), await _held(client, sent)) == ([404, 404, 404, 0], _BACK)


async def test_doubt_leaves_the_referral_of_another_receiver(client: ReferralsClient) -> None:
    """A service with an organisation of its own is no GP of the person."""
    await _confirmed(client)
    sent = await client.refer_and_route(caller=client.ambulance, source="ambulance", reason="falls", demographics=None, story=None)

    await _doubt(client)

    referral = await client.read(sent["id"])
    assert (referral["status"], referral["discrepancies"]) == ("routed", ["practice-unconfirmed"])


async def test_confirmed_practice_has_the_referral_again(client: ReferralsClient) -> None:
    """The Community Point of Access confirms the practice, and routes the referral to it as before."""
    await _confirmed(client)
    sent = await _routed(client)
    await _doubt(client)
    again = await client.refer(caller=client.gp("W08"), reason="palliative", demographics=None)
    await client.command(again["id"], "triage", _DECISION | {"is_practice_confirmed": True})

    await client.command(sent["id"], "triage", _DECISION)
    await client.command(sent["id"], "route", _TO_GP)
    accepted = await client.command(sent["id"], "acceptance", caller=client.receiver("W08"))

    assert (accepted["owner"], accepted["discrepancies"]) == ({"service_code": "gp", "organisation": "W08"}, [])
