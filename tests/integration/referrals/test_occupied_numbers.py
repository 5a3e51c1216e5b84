"""A stranger refers a number that was never referred under an invented name, and withdraws: the right referral is not refused."""

from collections.abc import AsyncIterator
from random import Random
from typing import Any
from uuid import UUID

import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.web.limits import CallerLimits, Limits
from tests.builders.database import CommonDatabase
from tests.builders.population import nhs_numbers
from tests.builders.referrals import DALE, MONDAY, OTHER_PERSON, ReferralsClient, a_demographics_body, referrals

_INVENTED = a_demographics_body(given_name="Xaver", family_name="Quill", born_on="1950-05-05", address="1 Nowhere", practice_code="W08")
_STORY = {"narrative": "Xaver collects stamps."}
_URGENT = {"urgency": "urgent", "condition": "pneumonia"}


@pytest.fixture
async def limited_client(common_database: CommonDatabase, owner_url: str, keys: Keys) -> AsyncIterator[ReferralsClient]:  # noqa: ARG001  it empties the tables
    """The context with the limits of a new deployment; its clock stands still."""
    async with referrals(common_database.url, keys, MONDAY, limits=CallerLimits(Limits(), "occupied", lambda: 1000.0)) as client:
        yield client


async def _occupy(client: ReferralsClient, **changes: Any) -> dict[str, Any]:
    """The invented referral of a stranger, still open."""
    return await client.refer(**{"caller": client.gp("W08"), "demographics": _INVENTED, "story": _STORY, "reason": "information"} | changes)


async def _withdraw(client: ReferralsClient, sent: dict[str, Any], caller: dict[str, str] | None = None) -> None:
    await client.command(sent["id"], "cancellation", {"reason": "sent-in-error"}, caller=caller or client.gp("W08"))


async def _person(client: ReferralsClient, sent: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = (await client.get(f"/people/{sent['person_id']}")).json()
    return body


def _answer(sent: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in sent.items() if name not in {"id", "person_id", "reference"}}


@pytest.mark.parametrize("urgency", [{}, _URGENT])
async def test_withdrawn_invention_does_not_contradict(client: ReferralsClient, urgency: dict[str, Any]) -> None:
    invented = await _occupy(client)
    await _withdraw(client, invented)

    sent = await client.refer(**urgency)
    unknown = await client.refer(**urgency, nhs_number=OTHER_PERSON)

    assert _answer(sent) == _answer(unknown)
    assert (sent["status"], sent["discrepancies"], sent["person_id"]) == ("identified", [], invented["person_id"])
    person = await _person(client, sent)
    assert (person["given_name"], person["born_on"], person["practice_code"]) == ("Colin", "1932-05-02", "W07")
    assert person["story"] == sent["story"]
    assert await client.context.database.pool.fetchval("SELECT count(*) FROM audit WHERE refusal = 'identity-differs'") == 0


async def test_withdrawn_inventions_count_no_wrong_guess(limited_client: ReferralsClient) -> None:
    """More numbers than a caller may guess wrongly."""
    numbers = nhs_numbers(Random(7), 70)  # noqa: S311  a seed must repeat its numbers
    for number in numbers:
        await _withdraw(limited_client, await _occupy(limited_client, nhs_number=number))

    answers = [await limited_client.try_refer(nhs_number=number) for number in numbers]

    assert {each.status_code for each in answers} == {201}


async def test_triaged_invention_that_is_withdrawn_does_not_contradict(client: ReferralsClient) -> None:
    invented = await _occupy(client)
    await client.command(invented["id"], "triage", {"urgency": "routine", "reason": "Stable.", "is_practice_confirmed": False})
    await _withdraw(client, invented)

    assert (await client.refer())["status"] == "identified"


async def test_inventions_of_several_strangers_do_not_contradict(client: ReferralsClient) -> None:
    first = await _occupy(client)
    joined = await _occupy(client, caller=client.ambulance, source="ambulance", demographics=None)
    assert joined["status"] == "merged"
    await _withdraw(client, joined, client.ambulance)
    await _withdraw(client, first)

    assert (await client.refer())["status"] == "identified"


async def test_person_known_again_is_protected(client: ReferralsClient) -> None:
    await _withdraw(client, await _occupy(client))
    await client.refer()

    refused = await client.try_refer(caller=client.gp("W08"), demographics=_INVENTED, reason="falls")

    assert (refused.status_code, refused.json()["code"]) == (409, "identity-differs")


@pytest.mark.parametrize("known", ["open", "routed", "corrected", "practice", "died", "gone"])
async def test_person_whom_others_know_is_protected(client: ReferralsClient, known: str) -> None:
    """Each is a reason beside a stranger's word, or a stranger's word that still stands."""
    sent = await client.refer(caller=client.ambulance, source="ambulance")
    if known == "open":
        await client.refer(reason="falls")
    if known == "routed":
        await client.command(sent["id"], "triage", {"urgency": "routine", "reason": "Stable."})
        await client.command(sent["id"], "route", {"route": "service", "service_code": "district-nursing"})
    if known == "corrected":
        await _correct(client, sent)
    if known == "practice":
        await _withdraw(client, await client.refer(reason="falls"), client.gp())
    reason = "died" if known == "died" else "withdrawn"
    await client.command(sent["id"], "cancellation", {"reason": reason}, caller=client.triager)

    if known == "gone":
        await _record_move(client, sent)

    refused = await client.try_refer(caller=client.gp("W08"), demographics=_INVENTED, reason="dementia")

    assert (refused.status_code, refused.json()["code"]) == (409, "identity-differs")


async def test_later_referral_loosens_no_preference(client: ReferralsClient) -> None:
    await _withdraw(client, await _occupy(client, sharing="withheld", sharing_stated_by="person"))

    sent = await client.refer()

    person = await client.context.database.pool.fetchrow("SELECT * FROM person WHERE id = $1", UUID(sent["person_id"]))
    assert person is not None
    assert (person["nhs_number"], person["given_name"]) == (DALE, "Colin")
    assert (person["sharing"], person["sharing_stated_by"]) == ("withheld", "person")


async def _correct(client: ReferralsClient, sent: dict[str, Any]) -> None:
    version = (await _person(client, sent))["version"]
    changed = {"demographics": a_demographics_body(address="4 Whetstone Road")}
    answer = await client.post(f"/people/{sent['person_id']}/record", changed, version=version)
    assert answer.status_code == 200, answer.text


async def _record_move(client: ReferralsClient, sent: dict[str, Any]) -> None:
    answer = await client.post(f"/people/{sent['person_id']}/move", {}, version=0)
    assert answer.status_code == 200, answer.text
