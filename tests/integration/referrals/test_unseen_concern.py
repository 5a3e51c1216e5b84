"""A safeguarding concern is in no one's way and in no one else's sight: answers, rows, statements and locks with and without one."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import orjson

from infra.codegen.operations import operations
from shared.kernel.ids import new_id
from tests.builders.context_app import TABLES
from tests.builders.query_log import logged_statements
from tests.builders.referrals import OTHER_PERSON, ReferralsClient
from tests.builders.safeguarding import WORDS, Safeguarding, raise_concern

_OWN_TABLES = ("safeguarding_concern", "safeguarding_account")
#: Tables to which every command adds rows, and the reads that audit themselves.
_LOGS = {"event", "outbox", "audit", "audit_unsealed", "deadline", "idempotency"}


async def _raise(client: ReferralsClient, person_id: str, **changes: Any) -> Any:
    response = await raise_concern(client.context, "/referrals", person_id, client.gp(), **changes)
    assert response.status_code == 202, response.text
    return response


@asynccontextmanager
async def _without_tables(owner_url: str) -> AsyncIterator[None]:
    """Inside, a statement that names a table of the concerns fails."""
    owner = await asyncpg.connect(owner_url)
    try:
        for table in _OWN_TABLES:
            await owner.execute(f"ALTER TABLE referrals.{table} RENAME TO {table}_away")
        yield
    finally:
        for table in _OWN_TABLES:
            await owner.execute(f"ALTER TABLE referrals.{table}_away RENAME TO {table}")
        await owner.close()


async def _answers(client: ReferralsClient, known: Mapping[str, str]) -> dict[tuple[str, str], tuple[int, Any]]:
    """The answer of each read of the context to each kind of caller; `known` fills the paths. Each look at the audit adds to the audit."""
    token = client.context.token
    callers = {
        "point of access": client.triager,
        "practice": client.gp(),
        "receiver": client.receiver("CLCH"),
        "ambulance": client.ambulance,
        "governance": token("referrals:audit", organisation="CLCH"),
        "lead": token("mdt:lead", actor="nurse-1"),
        "stranger": token("referrals:refer", "referrals:receive", organisation="EVIL"),
    }
    reads = [
        each.path
        for each in operations()
        if (each.context, each.method) == ("referrals", "GET") and "concern" not in each.path and "/audit/" not in each.path
    ]
    found = {}
    for path in reads:
        for name, caller in callers.items():
            response = await client.context.http.get(path.format(**known), headers=caller)
            body = response.json()
            if isinstance(body, dict):
                body.pop("instance", None)  # the trace id
            found[path, name] = response.status_code, body
    return found


async def _known(client: ReferralsClient) -> dict[str, str]:
    """Mr Dale with a referral at a receiver, a proposal and an act of break-glass."""
    sent = await client.refer_and_route()
    await client.refer(reason="falls", demographics={**_DALE, "address": "4 Whetstone Road"})
    [proposal] = (await client.get("/proposals")).json()["items"]
    return {"person_id": sent["person_id"], "referral_id": sent["id"], "proposal_id": proposal["id"], "break_glass_id": str(new_id())}


_DALE = {"given_name": "Colin", "family_name": "Dale", "born_on": "1932-05-02", "address": "Oakleigh", "practice_code": "W07"}


async def test_no_answer_differs_with_a_concern(client: ReferralsClient, owner_url: str) -> None:
    """The reads work without the tables of the concerns, so they also take the same time."""
    known = await _known(client)
    before = await _answers(client, known)
    await _raise(client, known["person_id"], is_urgent=True)
    await _raise(client, known["person_id"])

    async with _without_tables(owner_url):
        after = await _answers(client, known)

    assert {each: (before[each], after[each]) for each in before if before[each] != after[each]} == {}
    statuses = {status for status, _ in before.values()}
    assert {200, 403, 404} == statuses
    assert WORDS not in orjson.dumps([body for _, body in after.values()]).decode()


async def test_first_and_further_account_take_the_same_work(client: ReferralsClient) -> None:
    """The sender learns from neither answer nor time whether there was a concern: statements, headers and sizes are equal."""
    person_id, other = (await client.refer())["person_id"], (await client.refer(nhs_number=OTHER_PERSON))["person_id"]
    await _raise(client, person_id)
    await Safeguarding(client.context).act(await Safeguarding(client.context).only(), "acknowledgement")
    work, answers = [], []

    for each in (other, other, person_id):  # none, an unacknowledged and an acknowledged concern
        async with logged_statements(client.context.api_database.pool) as statements:
            answers.append(await _raise(client, each))
        work.append([_shape(statement) for statement in statements])

    assert work[0] == work[1] == work[2]
    assert len({(each.status_code, len(each.content), tuple(each.headers)) for each in answers}) == 1
    assert any(name == "safeguarding_concern" for name in work[0])


def _shape(statement: str) -> str:
    """The statement; of an insert and an update of one row of a table its name."""
    written = next((table for table in _OWN_TABLES if f"INTO {table} " in statement or f"UPDATE {table} " in statement), None)
    return written or statement


async def test_person_is_named_in_two_tables_alone(client: ReferralsClient) -> None:
    known = await _known(client)

    async def rows() -> dict[str, int]:
        tables = [row[0] for row in await client.context.database.pool.fetch(TABLES)]
        count = "SELECT count(*) FROM {} AS t WHERE t::text LIKE '%' || $1 || '%' OR t::text LIKE '%' || $2 || '%'"
        found = {each: await client.context.database.pool.fetchval(count.format(each), known["person_id"], WORDS) for each in tables}
        return {table: number for table, number in found.items() if table not in _OWN_TABLES}

    before = await rows()
    await _raise(client, known["person_id"], is_urgent=True)
    await client.context.let_pass(timedelta(hours=5))
    council = Safeguarding(client.context)
    await council.act(await council.only(), "acknowledgement")

    assert {table: number for table, number in (await rows()).items() if number != before[table]} == {}


async def test_referral_beside_the_concern_is_untouched(client: ReferralsClient) -> None:
    known = await _known(client)

    async def care() -> dict[str, list[str]]:
        pool = client.context.database.pool
        tables = {row[0] for row in await pool.fetch(TABLES)} - _LOGS - set(_OWN_TABLES)
        found = {each: sorted(row[0] for row in await pool.fetch(f"SELECT t::text FROM {each} AS t")) for each in tables}  # noqa: S608
        about = "SELECT t::text FROM {} AS t WHERE subject = ANY($1::uuid[]) ORDER BY 1"
        subjects = [known["referral_id"], known["person_id"], known["proposal_id"]]
        return found | {each: [row[0] for row in await pool.fetch(about.format(each), subjects)] for each in ("event", "deadline", "audit")}

    before = await care()
    await _raise(client, known["person_id"], is_urgent=True)
    await client.context.let_pass(timedelta(minutes=5))

    assert await care() == before


async def test_care_and_concern_wait_for_no_common_lock(client: ReferralsClient, owner_url: str) -> None:
    known = await _known(client)
    owner = await asyncpg.connect(owner_url)
    try:
        async with owner.transaction():
            await owner.execute("LOCK TABLE referrals.referral, referrals.proposal, referrals.life IN ROW EXCLUSIVE MODE")
            await owner.execute("SELECT FROM referrals.referral, referrals.person FOR UPDATE")
            await _raise(client, known["person_id"])
        async with owner.transaction():
            await owner.execute("LOCK TABLE referrals.safeguarding_concern, referrals.safeguarding_account")
            await client.command(known["referral_id"], "acceptance", caller=client.receiver("CLCH"))
    finally:
        await owner.close()
