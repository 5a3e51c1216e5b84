"""A read sees one state, commits its audit before its answer, and leaves no reader on the connection (docs/adr/0044)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import nullcontext
from typing import Any

import asyncpg
import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.access import BreakGlassReason
from shared.kernel.ids import new_id
from shared.persistence.break_glass import break_glass
from shared.persistence.transaction import Transaction
from tests.builders.faulty_database import FaultyDatabase
from tests.builders.row_security import planted_get, protected_tables, seen_rows
from tests.builders.seeded_contexts import OPEN, SeededContext

_SETTINGS = ("service", "organisation", "professional", "issuer", "bases", "is_staff", "now", "ended_after", "today")


@pytest.fixture
async def sample(owner_url: str, keys: Keys) -> AsyncIterator[SeededContext]:
    async with OPEN["rapid_care"](owner_url, keys) as opened:
        yield opened


class _FullDisk(FaultyDatabase):
    """Entries of the audit fail."""


async def _audited(tx: Transaction[Any]) -> None:
    tx.audit(new_id())


async def _not_audited(tx: Transaction[Any]) -> None:
    assert await tx.driver.fetchval("SELECT current_setting('care.organisation')") == "CLCH"


async def _failed(tx: Transaction[Any]) -> None:
    await tx.driver.execute("SELECT 1 / 0")


async def _failed_audit(tx: Transaction[Any]) -> None:
    tx.audit(new_id(), version=-(2**40))  # no number of the column


async def _cancelled(tx: Transaction[Any]) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().call_later(0.05, task.cancel)
    await tx.driver.execute("SELECT pg_sleep(30)")


_ENDS: Mapping[Callable[[Transaction[Any]], Awaitable[None]], tuple[type[BaseException], ...]] = {
    _audited: (),
    _not_audited: (),
    _failed: (asyncpg.DivisionByZeroError,),
    _failed_audit: (asyncpg.DataError,),
    _cancelled: (asyncio.CancelledError,),
}


@pytest.mark.parametrize("work", _ENDS)
async def test_connection_forgets_its_reader(sample: SeededContext, work: Callable[[Transaction[Any]], Awaitable[None]]) -> None:
    async with planted_get(sample.context, "CLCH", "rapid-care:coordinate") as tx:
        shown = await seen_rows(tx, ["response"])
    with pytest.raises(_ENDS[work]) if _ENDS[work] else nullcontext():
        async with planted_get(sample.context, "CLCH", "rapid-care:coordinate") as tx:
            pid = tx.driver.get_server_pid()
            await work(tx)

    async with sample.context.api_database.read_only() as reader:
        left = [await reader.driver.fetchval("SELECT current_setting($1, true)", f"care.{name}") for name in _SETTINGS]
        seen = await seen_rows(reader, await protected_tables(sample.context))
        assert reader.driver.get_server_pid() == pid

    assert shown["response"]
    assert not any(left)
    assert set(seen.values()) == {0}


async def test_audit_of_read_is_committed_at_its_end(sample: SeededContext) -> None:
    subject = new_id()
    count = "SELECT count(*) FROM audit WHERE subject = $1"
    async with planted_get(sample.context, "CLCH", "rapid-care:coordinate") as tx:
        tx.audit(subject)
        before = await sample.context.database.pool.fetchval(count, subject)

    assert (before, await sample.context.database.pool.fetchval(count, subject)) == (0, 1)


async def test_answer_without_its_audit_is_not_given(sample: SeededContext, owner_url: str) -> None:
    full = _FullDisk()
    full.owner = await asyncpg.connect(owner_url)
    reader = sample.context.token("rapid-care:coordinate")

    async with full.raising("rapid_care.audit", "53100"):
        refused = await sample.context.http.get("/rapid-care/responses", headers=reader)
    given = await sample.context.http.get("/rapid-care/responses", headers=reader)
    await full.owner.close()

    assert (refused.status_code, given.status_code) == (503, 200)
    assert sample.ids["person_id"] in given.text
    assert sample.ids["person_id"] not in refused.text


async def test_act_by_a_read_is_refused_before_it_begins(sample: SeededContext) -> None:
    with pytest.raises(RuntimeError, match="a read changes nothing"):
        async with planted_get(sample.context, "CLCH", "rapid-care:coordinate") as tx:
            await break_glass(tx, new_id(), BreakGlassReason.EMERGENCY, "He is unconscious.")

    assert await sample.context.database.pool.fetchval("SELECT count(*) FROM break_glass") == 0


async def test_lock_by_a_read_is_refused(sample: SeededContext) -> None:
    with pytest.raises(RuntimeError, match="a read changes nothing"):
        async with planted_get(sample.context, "CLCH", "rapid-care:coordinate") as tx:
            await tx.lock("person")


async def test_read_sees_one_state(sample: SeededContext) -> None:
    """What the policy has allowed for one story does not show a later one."""
    versions = "SELECT sum(version) FROM response"
    async with planted_get(sample.context, "CLCH", "rapid-care:coordinate") as tx:
        before = await tx.driver.fetchval(versions)
        await sample.context.database.pool.execute("UPDATE response SET version = version + 7")
        during = await tx.driver.fetchval(versions)
    async with planted_get(sample.context, "CLCH", "rapid-care:coordinate") as tx:
        after = await tx.driver.fetchval(versions)

    assert during == before < after


async def test_read_that_records_a_deadline_is_refused(sample: SeededContext) -> None:
    with pytest.raises(RuntimeError, match="a read changes nothing"):
        async with planted_get(sample.context, "CLCH", "rapid-care:coordinate") as tx:
            tx.cancel_deadlines(new_id(), "contact")
