"""A triager's doubt about a practice that refers stays, whatever others send or triage, until staff confirm the practice explicitly."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.contracts.persons import PersonRecordRecorded
from shared.kernel.ids import new_id
from tests.builders.practices import a_practice_entry, load_entries
from tests.builders.referrals import DALE, MONDAY, ReferralsClient, a_demographics_body, referrals

_OF_W08 = a_demographics_body(practice_code="W08")
_DECISION = {"urgency": "routine", "is_complex": False, "reason": "Needs help at home."}
_DOUBT = _DECISION | {"is_practice_confirmed": False}
_CONFIRMATION = _DECISION | {"is_practice_confirmed": True}
_MARK = ["practice-unconfirmed"]


async def _doubted(client: ReferralsClient, **changes: Any) -> dict[str, Any]:
    """A referral by practice W08 that names itself, which its triage doubted."""
    sent = await client.refer(caller=client.gp("W08"), **{"demographics": _OF_W08} | changes)
    return await client.command(sent["id"], "triage", _DOUBT | {"urgency": sent["requested_urgency"]})


async def _of_hospital(client: ReferralsClient, **changes: Any) -> dict[str, Any]:
    """A referral by another organisation, which practice W08 may read once it is confirmed."""
    caller = client.context.token("referrals:refer", organisation="RFL", actor="ward-1")
    return await client.refer(caller=caller, source="secondary-care", **{"reason": "falls", "demographics": None} | changes)


async def _reads(client: ReferralsClient, sent: dict[str, Any]) -> int:
    return (await client.get(f"/{sent['id']}", client.gp("W08"))).status_code


async def _marks(client: ReferralsClient, *sent: dict[str, Any]) -> list[list[str]]:
    return [(await client.read(each["id"]))["discrepancies"] for each in sent]


async def _person(client: ReferralsClient, sent: dict[str, Any]) -> dict[str, Any]:
    person: dict[str, Any] = (await client.get(f"/people/{sent['person_id']}")).json()
    return person


async def _revise(client: ReferralsClient, sent: dict[str, Any], practice: str) -> None:
    body = {"demographics": a_demographics_body(practice_code=practice)}
    revised = await client.post(f"/people/{sent['person_id']}/record", body, version=(await _person(client, sent))["version"])
    assert revised.status_code == 200, revised.text


async def _verify(client: ReferralsClient, sent: dict[str, Any]) -> None:
    version = (await client.get(f"/people/{sent['person_id']}/identity")).json()["version"]
    verified = await client.post(f"/people/{sent['person_id']}/verification", {"nhs_number": DALE}, version=version)
    assert verified.status_code == 200, verified.text


async def test_doubt_outlives_the_triage_of_another_referral(client: ReferralsClient) -> None:
    """Finding: another triager knew nothing of the doubt, and the default of the next triage confirmed the practice."""
    await _doubted(client)
    other = await _of_hospital(client)

    again = await client.refer(caller=client.gp("W08"), reason="dementia", demographics=_OF_W08)
    triaged = await client.command(again["id"], "triage", _DECISION)

    assert (again["discrepancies"], triaged["discrepancies"], await _reads(client, other)) == (_MARK, _MARK, 404)
    assert [event.is_practice_confirmed for event in await client.context.published(PersonRecordRecorded)][-1] is False


async def test_mark_of_later_referral_is_in_the_work_list(client: ReferralsClient) -> None:
    await _doubted(client)
    again = await client.refer(caller=client.gp("W08"), reason="dementia", demographics=_OF_W08)

    work = (await client.get("/work", section="discrepancies")).json()["items"]

    [shown] = [item for item in work if item["id"] == again["id"]]
    assert (shown["discrepancies"], shown["owner"]["service_code"]) == (_MARK, "community-point-of-access")


async def test_doubt_marks_an_earlier_untriaged_referral(client: ReferralsClient) -> None:
    earlier = await client.refer(caller=client.gp("W08"), reason="dementia", demographics=_OF_W08)

    await _doubted(client, reason="falls")

    assert await _marks(client, earlier) == [_MARK]


async def test_doubt_outlives_raised_urgency_and_its_triage(client: ReferralsClient) -> None:
    """Finding: the practice raised the urgency of its doubted referral, which was triaged again."""
    sent, other = await _doubted(client), await _of_hospital(client)

    amended = await client.command(sent["id"], "amendment", {"is_urgent": True}, caller=client.gp("W08"))
    triaged = await client.command(sent["id"], "triage", _DECISION | {"urgency": "urgent", "condition": "fall"})

    assert (amended["discrepancies"], triaged["discrepancies"]) == ([*_MARK, "condition-missing"], _MARK)
    assert await _reads(client, other) == 404


async def test_another_referrer_ends_no_doubt(client: ReferralsClient) -> None:
    await _doubted(client)

    other = await _of_hospital(client, demographics=_OF_W08)

    assert ((await client.read(other["id"]))["discrepancies"], await _reads(client, other)) == (_MARK, 404)


@pytest.mark.parametrize("is_by_triage", [True, False], ids=["triage", "correction"])
async def test_explicit_confirmation_ends_the_doubt(client: ReferralsClient, *, is_by_triage: bool) -> None:
    sent, other = await _doubted(client), await _of_hospital(client)
    again = await client.refer(caller=client.gp("W08"), reason="dementia", demographics=_OF_W08)

    if is_by_triage:
        await client.command(again["id"], "triage", _CONFIRMATION)
    else:
        await _revise(client, sent, "W08")

    assert await _marks(client, sent, other, again) == [[], [], []]
    assert (await _reads(client, other), (await _person(client, sent))["practice_doubts"]) == (200, [])


async def test_record_names_the_doubt(client: ReferralsClient) -> None:
    sent = await _doubted(client)

    [doubt] = (await _person(client, sent))["practice_doubts"]

    assert (doubt["practice_code"], doubt["doubted_by"]) == ("W08", "triager-1")
    assert datetime.fromisoformat(doubt["doubted_at"]) == client.context.clock.at


async def test_doubt_stays_with_the_former_practice(client: ReferralsClient) -> None:
    """Staff record another practice, which the proposal of the doubted one does not change by itself."""
    sent = await _doubted(client)
    await _revise(client, sent, "W07")

    again = await client.refer(caller=client.gp("W08"), reason="dementia", demographics=_OF_W08)
    await client.command(again["id"], "triage", _DECISION)

    person = await _person(client, sent)
    assert (person["practice_code"], person["is_practice_confirmed"]) == ("W07", True)
    assert [doubt["practice_code"] for doubt in person["practice_doubts"]] == ["W08"]


async def test_confirmed_proposal_ends_the_doubt(client: ReferralsClient) -> None:
    sent = await _doubted(client)
    await _revise(client, sent, "W07")
    await client.refer(caller=client.gp("W08"), reason="dementia", demographics=_OF_W08)
    [proposal] = (await _person(client, sent))["open_proposals"]

    confirmed = await client.post(f"/proposals/{proposal['id']}/confirmation", version=proposal["version"])

    person = await _person(client, sent)
    assert (confirmed.status_code, person["practice_code"], person["practice_doubts"]) == (200, "W08", [])


async def test_triage_doubts_what_an_accomplice_stated(client: ReferralsClient) -> None:
    sent = await client.refer(caller=client.gp("W08"), demographics=_OF_W08)
    other = await _of_hospital(client, demographics=_OF_W08)
    before = await _reads(client, other)

    doubted = await client.command(sent["id"], "triage", _DOUBT)

    assert (before, await _reads(client, other), doubted["discrepancies"]) == (200, 404, _MARK)


async def test_merge_confirms_no_doubted_practice(client: ReferralsClient) -> None:
    """The practice referred the same person without a number, which a triage doubted, and with it, which another one confirmed."""
    unverified = {"nhs_number": None, "urgency": "urgent", "condition": "fall"}
    doubted = await _doubted(client, **unverified)
    sent = await client.refer(caller=client.gp("W08"), reason="dementia", demographics=_OF_W08)
    await client.command(sent["id"], "triage", _DECISION)
    other = await _of_hospital(client)
    before = await _reads(client, other)

    await _verify(client, doubted)

    assert (before, await _reads(client, other), await _marks(client, sent, other)) == (200, 404, [_MARK, _MARK])
    assert [(await _person(client, each))["is_practice_confirmed"] for each in (doubted, sent)] == [False, False]


async def test_confirmation_holds_for_each_merged_record(client: ReferralsClient) -> None:
    doubted = await _doubted(client, nhs_number=None, urgency="urgent", condition="fall")
    sent = await client.refer(caller=client.gp("W08"), reason="dementia", demographics=_OF_W08)
    await _verify(client, doubted)
    other = await _of_hospital(client)

    await client.command(sent["id"], "triage", _CONFIRMATION)

    assert (await _reads(client, other), await _marks(client, doubted, sent, other)) == (200, [[], [], []])


async def test_doubt_holds_for_the_successor(own_url: str, keys: Keys, tmp_path: Path) -> None:
    """Practice W08 closes, and B01 takes over."""
    async with referrals(own_url, keys, MONDAY) as client:
        await _doubted(client)
        closing = a_practice_entry("W08", closed=MONDAY.date() + timedelta(days=1), successor="B01")
        await load_entries(own_url, client.context.clock.at, tmp_path, closing)
        await client.context.let_pass(timedelta(days=1))

        again = await client.refer(caller=client.gp("B01"), reason="dementia", demographics=a_demographics_body(practice_code="B01"))
        marked = await client.read(again["id"])
        triaged = await client.command(again["id"], "triage", _DECISION)

        assert (marked["discrepancies"], triaged["discrepancies"]) == (_MARK, _MARK)


@pytest.mark.parametrize("code", ["W08", "B01"])
async def test_practice_sees_its_doubt_under_each_code(own_url: str, keys: Keys, tmp_path: Path, code: str) -> None:
    """In the answer, its repetition, the view and the list. Practice W08 closes, and B01 takes over; another referrer sees no mark."""
    async with referrals(own_url, keys, MONDAY) as client:
        await _doubted(client)
        closing = a_practice_entry("W08", closed=MONDAY.date() + timedelta(days=1), successor="B01")
        await load_entries(own_url, client.context.clock.at, tmp_path, closing)
        await client.context.let_pass(timedelta(days=1))
        sending = {"reason": "dementia", "demographics": None, "story": None, "key": str(new_id())}

        sent, again = [await client.refer(caller=client.gp(code), **sending) for _ in range(2)]
        seen = (await client.get(f"/{sent['id']}", client.gp(code))).json()
        [listed] = [each for each in (await client.get("", client.gp(code))).json()["items"] if each["id"] == sent["id"]]
        other = await _of_hospital(client)

        assert [each["discrepancies"] for each in (sent, again, seen, listed)] == [_MARK] * 4
        assert (other["discrepancies"], await _marks(client, other)) == ([], [_MARK])
