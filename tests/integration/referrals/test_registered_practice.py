"""The registered practice at the Community Point of Access: the surviving record names it, and a score only before there is a record."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.codes import RiskLevel
from shared.contracts.mdt import RiskLevelCrossed
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
    await client.refer(caller=client.gp("W08"), reason="falls", demographics=a_demographics_body(practice_code="W08"))
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
async def test_score_names_the_practice_before_a_record(client: ReferralsClient) -> None:
    person_id = new_id()
    await _score(client, person_id, "W07")

    async def broken_by(practice: str) -> int:
        caller = client.gp(practice) | {"Idempotency-Key": str(new_id())}
        return (await client.post(f"/people/{person_id}/break-glass", _ACT, caller=caller)).status_code

    assert [await broken_by(practice) for practice in ("W07", "W08")] == [201, 404]
