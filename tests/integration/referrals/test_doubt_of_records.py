"""A doubt about a practice is the person's: no order of merges, referrals and separations leaves a record with the practice without it."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from infra.dev_stack.dev_secrets import Keys
from tests.builders.practices import a_practice_entry, load_entries
from tests.builders.referrals import DALE, MONDAY, OTHER_PERSON, ReferralsClient, a_demographics_body, referrals

_OF_W08 = a_demographics_body(practice_code="W08")
_WITHOUT_NUMBER = {"nhs_number": None, "urgency": "urgent", "condition": "fall"}
_DECISION = {"urgency": "routine", "is_complex": False, "reason": "Needs help at home."}
_DOUBT = {**_DECISION, "urgency": "urgent", "is_practice_confirmed": False}
_MARK = ["practice-unconfirmed"]


async def _doubted(client: ReferralsClient) -> dict[str, Any]:
    """An unverified person's referral by practice W08, which its triage doubted."""
    sent = await client.refer(caller=client.gp("W08"), demographics=_OF_W08, **_WITHOUT_NUMBER)
    return await client.command(sent["id"], "triage", _DOUBT)


async def _of_ambulance(client: ReferralsClient, **changes: Any) -> dict[str, Any]:
    """A referral by another organisation, which practice W08 may read once it is confirmed."""
    return await client.refer(**{"caller": client.ambulance, "source": "ambulance", "reason": "falls", "demographics": None} | changes)


async def _identify(client: ReferralsClient, sent: dict[str, Any], verb: str, body: dict[str, Any]) -> None:
    version = (await client.get(f"/people/{sent['person_id']}/identity")).json()["version"]
    answer = await client.post(f"/people/{sent['person_id']}/{verb}", body, version=version)
    assert answer.status_code == 200, answer.text


async def _verify(client: ReferralsClient, sent: dict[str, Any]) -> None:
    await _identify(client, sent, "verification", {"nhs_number": DALE})


async def _merge(client: ReferralsClient, sent: dict[str, Any], into: dict[str, Any]) -> None:
    await _identify(client, sent, "merge", {"into": into["person_id"]})


async def _separate(client: ReferralsClient, *sent: dict[str, Any]) -> None:
    for each in sent:
        await _identify(client, each, "separation", {"reason": "They are father and son."})


async def _refer_again(client: ReferralsClient, practice: str = "W08", **changes: Any) -> dict[str, Any]:
    """The practice refers the person again, and the default triage follows: the triaged referral."""
    again = await client.refer(caller=client.gp(practice), **{"reason": "dementia", "demographics": None} | changes)
    return await client.command(again["id"], "triage", _DECISION)


async def _reads(client: ReferralsClient, sent: dict[str, Any], practice: str = "W08") -> int:
    return (await client.get(f"/{sent['id']}", client.gp(practice))).status_code


async def _doubts(client: ReferralsClient, *sent: dict[str, Any]) -> list[list[str]]:
    people = [(await client.get(f"/people/{each['person_id']}")).json() for each in sent]
    return [[doubt["practice_code"] for doubt in person["practice_doubts"]] for person in people]


async def test_separation_leaves_the_doubt_with_the_survivor(client: ReferralsClient) -> None:
    """Finding: the verification made a record without a practice, which took the doubted one afterwards and was separated."""
    doubted = await _doubted(client)
    await _verify(client, doubted)
    other = await _of_ambulance(client)
    await _refer_again(client, reason="social-care", demographics=_OF_W08)

    await _separate(client, doubted)
    again = await _refer_again(client)

    assert (again["discrepancies"], await _reads(client, other), await _doubts(client, other)) == (_MARK, 404, [["W08"]])


@pytest.mark.parametrize("order", list(permutations(range(2))), ids=["first-first", "second-first"])
async def test_doubt_outlives_a_chain_of_merges(client: ReferralsClient, *, order: Sequence[int]) -> None:
    """The doubted record is merged into a second one, and both are merged into a third one."""
    doubted = await _doubted(client)
    second = await _of_ambulance(client, **_WITHOUT_NUMBER, demographics=a_demographics_body(practice_code=None))
    await _merge(client, doubted, second)
    other = await _of_ambulance(client, demographics=a_demographics_body(practice_code=None), urgency="urgent", condition="fall")
    await _merge(client, doubted, other)
    await _merge(client, second, other)
    await _refer_again(client, reason="social-care", demographics=_OF_W08)

    await _separate(client, *[(doubted, second)[each] for each in order])
    again = await _refer_again(client)

    assert (again["discrepancies"], await _reads(client, other)) == (_MARK, 404)
    assert await _doubts(client, doubted, second, other) == [["W08"]] * 3


async def test_doubt_reaches_the_record_of_another_number(client: ReferralsClient) -> None:
    """The survivor names the doubted practice, and the merged record takes it afterwards."""
    survivor = await client.refer(caller=client.gp("W08"), demographics=_OF_W08, urgency="urgent", condition="fall")
    await client.command(survivor["id"], "triage", _DOUBT)
    unnamed = {"nhs_number": OTHER_PERSON, "demographics": a_demographics_body(practice_code=None)}
    other = await _of_ambulance(client, **unnamed, urgency="urgent", condition="fall")
    await _merge(client, other, survivor)
    await _refer_again(client, reason="social-care", nhs_number=OTHER_PERSON, demographics=_OF_W08)

    await _separate(client, other)
    again = await _refer_again(client, nhs_number=OTHER_PERSON)

    assert (again["discrepancies"], await _reads(client, other)) == (_MARK, 404)


async def test_later_doubt_reaches_records_without_the_practice(client: ReferralsClient) -> None:
    """The doubt is stated after the merge, by the referral of one record."""
    sent = await client.refer(caller=client.gp("W08"), demographics=_OF_W08, **_WITHOUT_NUMBER)
    await _verify(client, sent)
    other = await _of_ambulance(client)
    await client.command(sent["id"], "triage", _DOUBT)

    await _separate(client, sent)
    again = await _refer_again(client, demographics=_OF_W08)

    assert (again["discrepancies"], await _reads(client, other)) == (_MARK, 404)


@pytest.mark.parametrize("is_by_proposal", [True, False], ids=["proposal", "correction"])
async def test_staff_end_the_doubt_of_each_record(client: ReferralsClient, *, is_by_proposal: bool) -> None:
    doubted = await _doubted(client)
    other = await _of_ambulance(client, demographics=a_demographics_body())
    await _merge(client, doubted, other)
    path = f"/people/{other['person_id']}"
    person = (await client.get(path)).json()

    if is_by_proposal:
        await client.refer(caller=client.gp("W08"), reason="dementia", demographics=_OF_W08)
        [proposal] = (await client.get(path)).json()["open_proposals"]
        answer = await client.post(f"/proposals/{proposal['id']}/confirmation", version=proposal["version"])
    else:
        answer = await client.post(f"{path}/record", {"demographics": _OF_W08}, version=person["version"])
    await _separate(client, doubted)

    assert (answer.status_code, await _doubts(client, doubted, other)) == (200, [[], []])
    assert [await _reads(client, each) for each in (other, doubted)] == [200, 200]


async def test_confirmation_after_separation_ends_its_own_doubt_alone(client: ReferralsClient) -> None:
    doubted = await _doubted(client)
    await _verify(client, doubted)
    other = await _of_ambulance(client)
    await _separate(client, doubted)

    again = await client.refer(caller=client.gp("W08"), reason="dementia", demographics=_OF_W08)
    await client.command(again["id"], "triage", _DECISION | {"is_practice_confirmed": True})

    assert (await _reads(client, other), await _doubts(client, other, doubted)) == (200, [[], ["W08"]])


async def test_doubt_of_records_holds_for_the_successor(own_url: str, keys: Keys, tmp_path: Path) -> None:
    """Practice W08 closes, and B01 takes over, before the separation."""
    async with referrals(own_url, keys, MONDAY) as client:
        doubted = await _doubted(client)
        await _verify(client, doubted)
        other = await _of_ambulance(client)
        closing = a_practice_entry("W08", closed=MONDAY.date() + timedelta(days=1), successor="B01")
        await load_entries(own_url, client.context.clock.at, tmp_path, closing)
        await client.context.let_pass(timedelta(days=1))
        await _refer_again(client, "B01", reason="social-care", demographics=a_demographics_body(practice_code="B01"))

        await _separate(client, doubted)
        again = await _refer_again(client, "B01")

        assert (again["discrepancies"], await _reads(client, other, "B01")) == (_MARK, 404)
