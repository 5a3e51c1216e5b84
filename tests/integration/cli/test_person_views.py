"""`care person ID`: what the four services know of a person side by side, and an exit code that says whether they agree."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest

from infra.contexts import CONTEXTS
from shared.kernel.ids import new_id
from tests.builders.referral_request import REFERRAL
from tests.integration.cli.care_process import Result, RunningProduct
from tests.timeouts import LONGEST_WAIT

_COPIES = """
SELECT ARRAY(SELECT person_id FROM rapid_care.person INTERSECT SELECT person_id FROM mdt.person INTERSECT
    SELECT person_id FROM navigation.person)"""
_ENTRIES = "SELECT refusal FROM {context}.audit WHERE action = 'person' AND subject::text = $1 AND actor_id = $2"
_SET_PRACTICE = """
UPDATE mdt.person SET record = jsonb_set(record::jsonb, '{practice_code}', to_jsonb($2::text)) WHERE person_id::text = $1"""


@pytest.fixture
async def owner(product: RunningProduct) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(product.workspace.database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def person(product: RunningProduct, owner: "asyncpg.Connection[asyncpg.Record]") -> str:
    """A person of W07 whose record has arrived in every service."""
    async with httpx.AsyncClient(base_url=product.url) as http:
        headers = {"Authorization": f"Bearer {product.token('GP')}", "Idempotency-Key": str(new_id())}
        sent = await http.post("/referrals", json=REFERRAL | {"nhs_number": "9990548609"}, headers=headers)
    assert sent.status_code == 201, sent.text
    async with asyncio.timeout(LONGEST_WAIT):
        while sent.json()["person_id"] not in map(str, await owner.fetchval(_COPIES)):
            await asyncio.sleep(0.1)
    return str(sent.json()["person_id"])


@asynccontextmanager
async def _disagreement(owner: "asyncpg.Connection[asyncpg.Record]", person: str) -> AsyncIterator[None]:
    """The meeting's copy of the record has another practice."""
    await owner.execute(_SET_PRACTICE, person, "B03")
    try:
        yield
    finally:
        await owner.execute(_SET_PRACTICE, person, "W07")


async def test_views_are_printed_side_by_side_when_they_agree(product: RunningProduct, person: str) -> None:
    printed = await _views(product, person)

    assert printed.code == 0, printed.err
    assert _row(printed, "") == list(CONTEXTS)
    assert _row(printed, "practice") == ["W07"] * 4
    assert _row(printed, "care plan") == ["does not know", "none", "none", "none"]
    assert _row(printed, "open work") == ["referral identified", "none", "none", "none"]
    assert printed.out.splitlines()[-1] == "The services agree."


async def test_views_name_the_fact_when_they_differ(
    product: RunningProduct, owner: "asyncpg.Connection[asyncpg.Record]", person: str
) -> None:
    async with _disagreement(owner, person):
        differing = await _views(product, person)
    agreed = await _views(product, person)

    assert (differing.code, differing.err) == (1, "")
    assert dict(zip(CONTEXTS, _row(differing, "practice"), strict=True)) == dict.fromkeys(CONTEXTS, "W07") | {"mdt": "B03"}
    assert differing.out.splitlines()[-1] == "The services differ about: practice."
    assert agreed.code == 0


async def test_views_are_refused_when_no_service_knows_the_person(product: RunningProduct) -> None:
    unknown, no_id = await _views(product, str(new_id())), await _views(product, "W07")

    assert unknown.refusal == "No service knows a person with this id: GET /referrals/{id} has it as `person_id`."
    assert unknown.out == ""
    assert (no_id.code, "person_id" in no_id.err) == (2, True)


async def test_reading_is_audited_in_each_service(
    product: RunningProduct, owner: "asyncpg.Connection[asyncpg.Record]", person: str
) -> None:
    unknown = str(new_id())
    for each in (person, unknown):
        await _views(product, each, by="viewer-2")

    assert await _entries(owner, person) == [None] * 4
    assert await _entries(owner, unknown) == ["nothing-found"] * 4


async def _entries(owner: "asyncpg.Connection[asyncpg.Record]", person: str) -> list[str | None]:
    """The refusals of viewer-2 in the audits of the services."""
    return [row["refusal"] for context in CONTEXTS for row in await owner.fetch(_ENTRIES.format(context=context), person, "viewer-2")]


async def _views(product: RunningProduct, person: str, by: str = "viewer-1") -> Result:
    return await product.workspace.run("person", person, "--by", by, "--name", product.name)


def _row(printed: Result, fact: str) -> list[str]:
    """The cells of a row of the table; the heading is the row of the empty fact."""
    rows = [[cell.strip() for cell in line.replace("┃", "│").split("│")[1:-1]] for line in printed.out.splitlines()]
    [cells] = [row[1:] for row in rows if row and row[0] == fact]
    return cells
