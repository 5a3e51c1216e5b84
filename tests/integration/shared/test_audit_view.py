"""Those who govern information see who viewed a person and what an actor viewed, in every service; their reading is audited."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from infra.contexts import CONTEXTS, prefix
from infra.dev_stack.dev_secrets import Keys
from shared.clock import wall_clock
from shared.kernel.ids import new_id
from tests.builders.seeded_contexts import OPEN, SeededContext

#: A read of an aggregate of the person, the scope that admits it, and the person of the aggregate.
_READS = {
    "referrals": ("/referrals/{referral_id}", "referrals:triage", "SELECT person_id FROM referral WHERE id = $1"),
    "rapid_care": ("/rapid-care/responses/{response_id}", "rapid-care:coordinate", "SELECT person_id FROM response WHERE id = $1"),
    "mdt": ("/mdt/cases/{case_id}", "mdt:coordinate", 'SELECT person_id FROM "case" WHERE id = $1'),
    "navigation": ("/navigation/tasks/{task_id}", "navigation:coordinate", "SELECT person_id FROM task WHERE id = $1"),
}


@pytest.fixture(params=CONTEXTS)
async def reader(request: pytest.FixtureRequest, owner_url: str, keys: Keys) -> AsyncIterator["AuditReader"]:
    """A service in which nurse-1 has viewed an aggregate of a person."""
    async with OPEN[request.param](owner_url, keys) as seeded:
        path, scope, person = _READS[request.param]
        address = path.format(**seeded.ids)
        aggregate = address.rpartition("/")[2]
        read = await seeded.context.http.get(address, headers=seeded.context.token(scope, actor="nurse-1"))
        assert read.status_code == 200, read.text
        person_id = str(await seeded.context.database.pool.fetchval(person, aggregate))
        yield AuditReader(seeded, request.param, aggregate, person_id)


class AuditReader:
    def __init__(self, seeded: SeededContext, name: str, aggregate: str, person_id: str) -> None:
        self.seeded, self.name, self.aggregate, self.person_id = seeded, name, aggregate, person_id

    async def get(self, path: str, query: dict[str, Any], organisation: str = "CLCH") -> httpx.Response:
        scope = f"{prefix(self.name).strip('/')}:audit"
        caller = self.seeded.context.token(scope, organisation=organisation, role="information-governance", actor="governor-1")
        return await self.seeded.context.http.get(f"{prefix(self.name)}/audit/{path}", headers=caller, params=query)

    async def by(self, actor: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.get("actors", {"organisation": "CLCH", "actor_id": actor})).json()["items"]
        return items

    async def about(self, **query: Any) -> list[dict[str, Any]]:
        response = await self.get(f"people/{self.person_id}", query)
        assert response.status_code == 200, response.text
        items: list[dict[str, Any]] = response.json()["items"]
        return items


async def test_viewer_of_an_aggregate_is_shown_with_the_person(reader: AuditReader) -> None:
    newest = (await reader.about())[0]

    assert (newest["actor_id"], newest["actor_org"], newest["subject"]) == ("nurse-1", "CLCH", reader.aggregate)
    assert newest["action"].startswith("read_")
    assert newest["refusal"] is None


async def test_reading_the_audit_is_audited(reader: AuditReader) -> None:
    await reader.about()

    newest = (await reader.about())[0]
    assert (newest["actor_id"], newest["action"], newest["subject"]) == ("governor-1", "read_audit_of_person", reader.person_id)


async def test_views_and_refusals_of_an_actor_are_shown(reader: AuditReader) -> None:
    path, scope, _ = _READS[reader.name]
    absent = f"{path.rpartition('/')[0]}/{new_id()}"
    await reader.seeded.context.http.get(absent, headers=reader.seeded.context.token(scope, actor="nurse-1"))

    items = await reader.by("nurse-1")

    assert [(each["subject"] == reader.aggregate, each["refusal"] is None) for each in items] == [(False, False), (True, True)]
    assert await reader.by("nurse-9") == []


async def test_audit_of_another_organisation_is_closed(reader: AuditReader) -> None:
    response = await reader.get(f"people/{reader.person_id}", {}, "EVIL")

    assert (response.status_code, response.json()["code"]) == (403, "organisation-not-involved")


async def test_entries_come_in_pages_without_loss(reader: AuditReader) -> None:
    for _ in range(3):
        await reader.about()
    path, seen, cursor = f"people/{reader.person_id}", list[int](), None
    first = await reader.get(path, {"limit": 200})
    while True:
        page = (await reader.get(path, {"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [each["id"] for each in page["items"]]
        if (cursor := page.get("next")) is None:
            break

    known = [each["id"] for each in first.json()["items"]]
    assert [each for each in seen if each <= known[0]] == known
    assert seen == sorted(seen, reverse=True)


async def test_period_limits_the_entries(reader: AuditReader) -> None:
    hour, now = timedelta(hours=1), wall_clock()

    assert await reader.about(since=(now + hour).isoformat()) == []
    assert await reader.about(until=(now - hour).isoformat()) == []
    assert await reader.about(since=(now - hour).isoformat(), until=(now + hour).isoformat()) != []


async def test_empty_reading_of_the_audit_is_audited(reader: AuditReader) -> None:
    absent = new_id()

    assert (await reader.get(f"people/{absent}", {})).json()["items"] == []

    entry = await reader.seeded.context.database.pool.fetchrow("SELECT subject, refusal FROM audit ORDER BY id DESC LIMIT 1")
    assert entry is not None
    assert tuple(entry) == (absent, "nothing-found")
