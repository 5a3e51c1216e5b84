"""The registered practice at the Community Point of Access: the surviving record names it, and a score only before there is a record."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.codes import RiskLevel
from shared.contracts.mdt import RiskLevelCrossed
from shared.contracts.referrals import ReferralRouted
from shared.kernel.ids import new_id
from tests.builders.referrals import DALE, MONDAY, ReferralsClient, a_demographics_body
from tests.builders.row_security import planted_get, without_row_security

_ACT = {"reason": "emergency", "explanation": "He is unconscious."}


@pytest.fixture(params=[True, False], ids=["both-walls", "policy-alone"])
async def walls(request: pytest.FixtureRequest, owner_url: str) -> AsyncIterator[None]:
    """The access policy decides alone as it does before row-level security."""
    async with AsyncExitStack() as stack:
        if not request.param:
            await stack.enter_async_context(without_row_security(owner_url, "referrals"))
        yield


async def _score(client: ReferralsClient, person_id: UUID, practice: str) -> None:
    crossed = RiskLevelCrossed(from_level=None, to_level=RiskLevel.HIGH, practice_code=practice, valid_from=MONDAY.date(), rule_version="1")
    await client.context.deliver(crossed, key=person_id, subject=new_id(), sequence=1)


async def _moved(client: ReferralsClient) -> dict[str, Any]:
    """A referral of a person who moved from practice W07, which the newest score still names, to W08."""
    sent = await client.refer(caller=client.ambulance, source="ambulance")
    await _score(client, UUID(sent["person_id"]), "W07")
    revised = await client.post(
        f"/people/{sent['person_id']}/record", {"demographics": a_demographics_body(practice_code="W08")}, version=1
    )
    assert revised.status_code == 200, revised.text
    return sent


async def _merged(client: ReferralsClient) -> dict[str, Any]:
    """A referral under a record of practice W07 that was merged into one of W08."""
    sent = await client.refer(caller=client.ambulance, source="ambulance", urgency="urgent", nhs_number=None)
    await client.refer(caller=client.ambulance, source="ambulance", reason="falls", demographics=a_demographics_body(practice_code="W08"))
    version = (await client.get(f"/people/{sent['person_id']}/identity")).json()["version"]
    verified = await client.post(f"/people/{sent['person_id']}/verification", {"nhs_number": DALE}, version=version)
    assert verified.status_code == 200, verified.text
    return sent


async def _statuses(client: ReferralsClient, sent: dict[str, Any], practice: str) -> list[int]:
    """Of the referral and of a break-glass."""
    caller = client.gp(practice)
    act = await client.post(f"/people/{sent['person_id']}/break-glass", _ACT, caller=caller | {"Idempotency-Key": str(new_id())})
    return [(await client.get(f"/{sent['id']}", caller)).status_code, act.status_code]


async def _people(client: ReferralsClient, practice: str) -> int:
    """The number of rows about people that a route without the policy shows."""
    async with planted_get(client.context, practice, "referrals:refer") as tx:
        tables = ("person", "referral", "risk")
        return sum([await tx.driver.fetchval(f"SELECT count(*) FROM {table}") for table in tables])  # noqa: S608  names of the test


@pytest.mark.usefixtures("walls")
@pytest.mark.parametrize("begin", [_moved, _merged])
async def test_former_practice_sees_nothing(client: ReferralsClient, begin: Any) -> None:
    sent = await begin(client)

    assert await _statuses(client, sent, "W07") == [404, 404]
    assert (await client.get("", client.gp(), whose="registered")).json()["items"] == []
    assert await _statuses(client, sent, "W08") == [200, 201]


@pytest.mark.parametrize("begin", [_moved, _merged])
async def test_second_wall_hides_all_from_former_practice(client: ReferralsClient, begin: Any) -> None:
    await begin(client)

    assert await _people(client, "W07") == 0
    assert await _people(client, "W08") > 0


@pytest.mark.usefixtures("walls")
async def test_practice_of_merged_record_counts_without_another(client: ReferralsClient) -> None:
    """The survivor was registered by its number alone, and names no practice."""
    sent = await client.refer(caller=client.ambulance, source="ambulance", urgency="urgent", nhs_number=None)
    await client.post(f"/people/{sent['person_id']}/verification", {"nhs_number": DALE}, version=1)
    await client.context.database.pool.execute("UPDATE person SET practice_code = 'unknown' WHERE nhs_number = $1", DALE)

    assert (await client.get(f"/{sent['id']}", client.gp())).status_code == 200
    assert (await client.get(f"/{sent['id']}", client.gp("W08"))).status_code == 404


@pytest.mark.usefixtures("walls")
async def test_score_names_no_practice_before_a_record(client: ReferralsClient) -> None:
    """Finding: who imported a score of the own practice broke the glass, read the story, and ended all care as died."""
    person_id = new_id()
    await _score(client, person_id, "W07")

    caller = client.gp() | {"Idempotency-Key": str(new_id())}
    assert (await client.post(f"/people/{person_id}/break-glass", _ACT, caller=caller)).status_code == 404


async def _doubtful(client: ReferralsClient) -> dict[str, Any]:
    """A referral by a practice that states itself as the practice of a person without a record, and the referral of an ambulance."""
    await client.refer(caller=client.gp("W08"), demographics=a_demographics_body(practice_code="W08"))
    return await client.refer(caller=client.ambulance, source="ambulance", reason="falls", demographics=None)


async def _confirm(client: ReferralsClient, person_id: str, practice: str = "W08") -> None:
    version = (await client.get(f"/people/{person_id}")).json()["version"]
    named = {"demographics": a_demographics_body(practice_code=practice)}
    revised = await client.post(f"/people/{person_id}/record", named, version=version)
    assert revised.status_code == 200, revised.text


@pytest.mark.usefixtures("walls")
async def test_practice_that_states_itself_is_a_stranger(client: ReferralsClient) -> None:
    """Finding: it read the person from then on, and a number without a record could be occupied so."""
    other = await _doubtful(client)

    assert await _statuses(client, other, "W08") == [404, 403]
    assert (await client.get("", client.gp("W08"), whose="registered")).json()["items"] == []


async def test_second_wall_hides_other_referrals_from_doubtful_practice(client: ReferralsClient) -> None:
    other = await _doubtful(client)

    async with planted_get(client.context, "W08", "mdt:read") as tx:
        assert await tx.driver.fetchval("SELECT count(*) FROM referral WHERE id = $1", UUID(other["id"])) == 0


@pytest.mark.usefixtures("walls")
async def test_confirmed_practice_sees_the_person(client: ReferralsClient) -> None:
    other = await _doubtful(client)

    await _confirm(client, other["person_id"])

    assert await _statuses(client, other, "W08") == [200, 201]
    assert other["id"] in {item["id"] for item in (await client.get("", client.gp("W08"), whose="registered")).json()["items"]}


@pytest.mark.usefixtures("walls")
async def test_score_confirms_no_doubtful_practice(client: ReferralsClient) -> None:
    other = await _doubtful(client)

    await _score(client, UUID(other["person_id"]), "W08")

    assert (await client.get(f"/{other['id']}", client.gp("W08"))).status_code == 404


async def test_other_referrer_confirms_a_doubtful_practice(client: ReferralsClient) -> None:
    sent = await client.refer()
    stated = await client.refer(caller=client.ambulance, source="ambulance", reason="falls")

    assert (await client.get(f"/{stated['id']}", client.gp())).status_code == 200
    assert (await client.read(sent["id"]))["discrepancies"] == []


_DECISION = {"urgency": "routine", "is_complex": False, "reason": "Needs help at home."}


@pytest.mark.usefixtures("walls")
async def test_triage_of_its_referral_confirms_the_practice(client: ReferralsClient) -> None:
    sent = await client.refer(caller=client.gp("W08"), demographics=a_demographics_body(practice_code="W08"))
    other = await client.refer(caller=client.ambulance, source="ambulance", reason="falls", demographics=None)

    triaged = await client.command(sent["id"], "triage", _DECISION)

    assert (triaged["discrepancies"], (await client.read(other["id"]))["discrepancies"]) == ([], [])
    assert (await client.get(f"/{other['id']}", client.gp("W08"))).status_code == 200


async def test_triage_of_another_referral_confirms_no_practice(client: ReferralsClient) -> None:
    other = await _doubtful(client)

    triaged = await client.command(other["id"], "triage", _DECISION)

    assert triaged["discrepancies"] == ["practice-unconfirmed"]
    assert (await client.get(f"/{other['id']}", client.gp("W08"))).status_code == 404


async def test_doubted_practice_waits_for_the_point_of_access(client: ReferralsClient) -> None:
    sent = await client.refer()
    assert sent["discrepancies"] == []
    doubted = await client.command(sent["id"], "triage", _DECISION | {"is_practice_confirmed": False})
    work = (await client.get("/work", section="discrepancies")).json()

    await _confirm(client, sent["person_id"], "W07")

    assert (doubted["discrepancies"], doubted["discrepancies_due_at"]) == (["practice-unconfirmed"], doubted["deadline"]["due_at"])
    assert [item["id"] for item in work["items"]] == [sent["id"]]
    assert (await client.read(sent["id"]))["discrepancies"] == []
    assert (await client.get(f"/people/{sent['person_id']}")).json()["is_practice_confirmed"]


async def test_practice_of_its_withdrawn_referral_stays_a_stranger(client: ReferralsClient) -> None:
    """A number without a record was occupied so."""
    sent = await client.refer(caller=client.gp("W08"), demographics=a_demographics_body(practice_code="W08"))
    await client.command(sent["id"], "cancellation", {"reason": "withdrawn"}, caller=client.gp("W08"))

    later = await client.refer(demographics=a_demographics_body())
    await client.command(later["id"], "triage", _DECISION)

    assert (await client.get(f"/{later['id']}", client.gp("W08"))).status_code == 404
    assert (await client.read(later["id"]))["discrepancies"] == ["practice-unconfirmed"]


async def _left_in_doubt(client: ReferralsClient, **triage: Any) -> dict[str, Any]:
    """A referral by practice W08, whose triage leaves open whether the person is registered with it."""
    sent = await client.refer(caller=client.gp("W08"), demographics=a_demographics_body(practice_code="W08"))
    await client.command(sent["id"], "triage", _DECISION | {"is_practice_confirmed": False} | triage)
    return sent


async def test_practice_in_doubt_is_no_receiver(client: ReferralsClient) -> None:
    """Finding: it became the receiver as the person's GP, and read the story."""
    sent, to_gp = await _left_in_doubt(client), {"route": "service", "service_code": "gp"}

    refused = await client.try_command(sent["id"], "route", to_gp)
    await _confirm(client, sent["person_id"])

    assert (refused.status_code, refused.json()["code"]) == (409, "practice-unconfirmed")
    assert (await client.command(sent["id"], "route", to_gp))["status"] == "routed"
    assert (await client.get(f"/{sent['id']}", client.receiver("W08"))).status_code == 200


async def test_routing_names_no_practice_in_doubt(client: ReferralsClient) -> None:
    """Finding: the meeting made its GP the fallback lead."""
    sent = await _left_in_doubt(client, is_complex=True)

    await client.command(sent["id"], "route", {"route": "mdt", "service_code": "mdt"})

    [routed] = await client.context.published(ReferralRouted)
    assert (routed.practice_code, routed.locality) == ("unknown", "west")


async def test_practice_that_completes_a_record_marks_the_joined_referral(client: ReferralsClient) -> None:
    """The ambulance did not know the practice, and the referral of the practice merges."""
    unknown = {name: value for name, value in a_demographics_body().items() if name != "practice_code"}
    sent = await client.refer(caller=client.ambulance, source="ambulance", demographics=unknown, urgency="urgent")

    merged = await client.refer(urgency="urgent")

    assert merged["status"] == "merged"
    assert "practice-unconfirmed" in (await client.read(sent["id"]))["discrepancies"]


async def test_acknowledgement_shows_no_stored_story_to_a_doubtful_practice(client: ReferralsClient) -> None:
    await client.refer(caller=client.gp("W08"), demographics=a_demographics_body(practice_code="W08"))
    await client.refer(
        caller=client.ambulance,
        source="ambulance",
        reason="falls",
        story={"narrative": "He fell.", "history": ["Lives alone"]},
        demographics=None,
    )

    again = await client.refer(caller=client.gp("W08"), story=None, reason="enablement")

    assert (again["is_story_known"], again["story"]) == (True, None)


async def test_doubt_is_not_resolved_by_a_reason(client: ReferralsClient) -> None:
    """Finding: the mark ended while the doubt stayed, so that no deadline reminded of the refused route."""
    sent = await _left_in_doubt(client)
    offered = [each["name"] for each in (await client.get(f"/{sent['id']}/actions")).json()]

    refused = await client.try_command(
        sent["id"], "discrepancy-resolution", {"discrepancy": "practice-unconfirmed", "reason": "He says so."}
    )

    assert (refused.status_code, refused.json()["code"], "ResolveDiscrepancy" in offered) == (409, "practice-in-doubt", False)
    assert (await client.read(sent["id"]))["discrepancies"] == ["practice-unconfirmed"]


async def _merged_into_doubt(client: ReferralsClient) -> dict[str, Any]:
    """The referral of practice W07, in doubt, into whose record one of practice W08 was merged, which a triage had confirmed."""
    stated = {"nhs_number": None, "condition": "fall", "demographics": a_demographics_body(practice_code="W08")}
    other = await client.refer(caller=client.gp("W08"), urgency="urgent", **stated)
    await client.command(other["id"], "triage", _DECISION | {"urgency": "urgent"})
    sent = await client.refer(reason="falls")
    version = (await client.get(f"/people/{other['person_id']}/identity")).json()["version"]
    verified = await client.post(f"/people/{other['person_id']}/verification", {"nhs_number": DALE}, version=version)
    assert verified.status_code == 200, verified.text
    return sent


@pytest.mark.usefixtures("walls")
async def test_practice_of_merged_record_yields_to_doubt(client: ReferralsClient) -> None:
    """Finding: it read the referrals of the surviving record, which names another practice."""
    sent = await _merged_into_doubt(client)

    assert await _statuses(client, sent, "W08") == [404, 403]


async def test_second_wall_hides_doubtful_survivor_from_merged_practice(client: ReferralsClient) -> None:
    sent = await _merged_into_doubt(client)

    async with planted_get(client.context, "W08", "mdt:read") as tx:
        assert await tx.driver.fetchval("SELECT count(*) FROM referral WHERE id = $1", UUID(sent["id"])) == 0


async def test_second_wall_takes_no_practice_from_a_score(client: ReferralsClient) -> None:
    other = await _doubtful(client)
    await _score(client, UUID(other["person_id"]), "W08")

    async with planted_get(client.context, "W08", "mdt:read") as tx:
        assert await tx.driver.fetchval("SELECT count(*) FROM referral WHERE id = $1", UUID(other["id"])) == 0
