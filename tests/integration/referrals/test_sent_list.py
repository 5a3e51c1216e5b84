"""The list of what an organisation sent asks PostgreSQL the same questions for a short page as for a long one."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.builders.query_log import logged_statements
from tests.builders.referrals import DALE, ReferralsClient, a_demographics_body

#: The log of events, of which a referrer does not see some; the list of referrals itself does not name it.
_EVENTS = "FROM event"


async def _sent(client: ReferralsClient, caller: dict[str, str], count: int, **changes: Any) -> list[dict[str, Any]]:
    """Urgent referrals without a condition, which is a mark with a deadline, each of another person without an NHS number."""
    marked = {"nhs_number": None, "urgency": "urgent", "reason": "falls", "caller": caller, **changes}
    return [await client.refer(**marked) for _ in range(count)]


async def _triage(client: ReferralsClient, sent: dict[str, Any], *, is_confirmed: bool) -> None:
    decision = {"urgency": "urgent", "reason": "Seen.", "is_practice_confirmed": is_confirmed}
    await client.command(sent["id"], "triage", decision)


async def _statements(client: ReferralsClient, caller: dict[str, str], limit: int) -> tuple[list[str], list[dict[str, Any]]]:
    """The statements of a page of the list, and its items."""
    async with logged_statements(client.context.api_database.pool) as statements:
        page = await client.get("", caller, limit=limit)
    return statements, page.json()["items"]


def _due(items: Sequence[dict[str, Any]]) -> list[bool]:
    """Whether each item has the deadline of its marks, which a mere referrer does not see."""
    return [each["discrepancies_due_at"] is not None for each in items]


@pytest.mark.parametrize("is_registered", [False, True], ids=["referrer", "registered-practice"])
async def test_page_of_marks_asks_as_often_when_long(client: ReferralsClient, *, is_registered: bool) -> None:
    caller = client.gp() if is_registered else client.ambulance
    for each in await _sent(client, caller, 20):
        await _triage(client, each, is_confirmed=is_registered)

    (short, two), (long, twenty) = [await _statements(client, caller, limit) for limit in (2, 20)]

    assert (_due(two), _due(twenty)) == ([is_registered] * 2, [is_registered] * 20)
    assert len(short) == len(long)
    assert short == long
    assert any(_EVENTS in each for each in long) is not is_registered


async def test_page_shows_each_person_by_own_relationship(client: ReferralsClient) -> None:
    """Of one practice: a person who is registered with it, and another of whom it is the referrer alone."""
    registered, doubted = await _sent(client, client.gp(), 2)
    await _triage(client, registered, is_confirmed=True)
    await _triage(client, doubted, is_confirmed=False)

    _, items = await _statements(client, client.gp(), 10)

    assert {each["id"]: due for each, due in zip(items, _due(items), strict=True)} == {registered["id"]: True, doubted["id"]: False}


async def test_page_follows_the_surviving_record(client: ReferralsClient) -> None:
    """It names another practice, in doubt: the practice of the merged record is a referrer alone from then on."""
    practice = client.gp("W08")
    [sent] = await _sent(client, practice, 1, demographics=a_demographics_body(practice_code="W08"))
    await _triage(client, sent, is_confirmed=True)
    _, before = await _statements(client, practice, 10)
    await client.refer(reason="community-nursing")

    version = (await client.get(f"/people/{sent['person_id']}/identity")).json()["version"]
    verified = await client.post(f"/people/{sent['person_id']}/verification", {"nhs_number": DALE}, version=version)

    _, after = await _statements(client, practice, 10)
    assert (verified.status_code, _due(before), _due(after)) == (200, [True], [False])
    assert (await client.read(sent["id"]))["discrepancies_due_at"] is not None
