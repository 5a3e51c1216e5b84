"""The second wall in each context: row-level security stands when the access policy is forgotten (docs/adr/0044)."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import pytest

from infra.contexts import CONTEXTS
from infra.dev_stack.dev_secrets import Keys
from shared.access import HOLDER, SCOPES, Holder
from tests.builders.access_page import AccessPage
from tests.builders.row_security import planted_get, protected_tables, seen_rows, without_row_security
from tests.builders.safeguarding import raise_concern
from tests.builders.seeded_contexts import OPEN, SeededContext

_ABOUT_PEOPLE = """
SELECT DISTINCT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND attname = 'person_id'"""


@dataclass(frozen=True)
class Staff:
    """A scope of a context's own staff, the table of the work on which their access rests, and the column of its end."""

    scope: str
    table: str
    end: str


STAFF = {
    "rapid_care": Staff("rapid-care:coordinate", "response", "ended_at"),
    "mdt": Staff("mdt:coordinate", "case", "closed_at"),
    "navigation": Staff("navigation:coordinate", "task", "ended_at"),
}
#: Tables with rows that only a basis of staff, or of safeguarding, shows. Navigation has no such basis: an employer sees its own tasks.
_OF_STAFF = {
    "referrals": {"person", "referral", "safeguarding_concern", "safeguarding_account"},
    "rapid_care": {"response"},
    "mdt": {"case", "care_plan"},
}


@pytest.fixture(params=STAFF)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def tables(sample: SeededContext) -> list[str]:
    """The protected ones."""
    return await protected_tables(sample.context)


@pytest.fixture
async def sample(name: str, owner_url: str, keys: Keys) -> AsyncIterator[SeededContext]:
    async with OPEN[name](owner_url, keys) as opened:
        yield opened


async def _seen(sample: SeededContext, tables: list[str], scope: str, organisation: str) -> Mapping[str, int]:
    """What a route and a list without the policy show to a caller with the scope: the rows of each table that has any."""
    async with planted_get(sample.context, organisation, scope) as tx:
        found = await seen_rows(tx, tables)
    return {table: rows for table, rows in found.items() if rows}


async def test_scope_of_another_organisation_sees_no_row(sample: SeededContext, name: str, tables: list[str], owner_url: str) -> None:
    """Three holes in one: a route without the policy, a list without its filter, a scope without its organisation."""
    work = STAFF[name]
    staff, stranger = [await _seen(sample, tables, work.scope, organisation) for organisation in ("CLCH", "EVIL")]
    async with without_row_security(owner_url, name):
        without = await _seen(sample, tables, work.scope, "EVIL")

    assert work.table in staff
    assert stranger == {}
    assert without.keys() >= staff.keys()


@pytest.mark.parametrize("context", _OF_STAFF)
async def test_stranger_with_all_scopes_of_staff_sees_nothing(context: str, owner_url: str, keys: Keys) -> None:
    """Scopes whose organisation no one checked, of each basis that belongs to the service's staff or to safeguarding."""
    scopes = {scope for basis, holder in HOLDER.items() if holder is not Holder.ANYONE for scope in SCOPES[basis]}
    async with OPEN[context](owner_url, keys) as opened:
        if context == "referrals":
            await raise_concern(opened.context, "/referrals", opened.ids["person_id"], opened.context.token("referrals:triage"))
        seen = {}
        for organisation in ("EVIL", "CLCH"):
            async with planted_get(opened.context, organisation, *scopes) as tx:
                rows = await seen_rows(tx, await protected_tables(opened.context))
            seen[organisation] = {table for table, found in rows.items() if found}

    assert seen["EVIL"] == set()
    assert seen["CLCH"] >= _OF_STAFF[context]


async def test_basis_ends_without_the_policy(sample: SeededContext, name: str, tables: list[str], owner_url: str) -> None:
    work, now = STAFF[name], sample.context.clock.at
    change = f'UPDATE "{work.table}" SET {work.end} = $1'  # noqa: S608  names of the test

    async def is_seen(days: int) -> bool:
        """So many days after the end."""
        await sample.context.database.pool.execute(change, now - timedelta(days=days))
        return work.table in await _seen(sample, tables, work.scope, "CLCH")

    lasting, ended = await is_seen(27), await is_seen(29)
    async with without_row_security(owner_url, name):
        without = await is_seen(29)

    assert (lasting, ended, without) == (True, False, True)


async def test_connection_without_a_reader_sees_no_row(sample: SeededContext, tables: list[str]) -> None:
    async with sample.context.api_database.read_only() as reader:
        seen = await seen_rows(reader, tables)
    async with sample.context.database.read_only() as service:
        stored = await seen_rows(service, tables)

    assert set(seen.values()) == {0}
    assert any(stored.values())


async def test_command_sees_every_row(sample: SeededContext, name: str, tables: list[str]) -> None:
    async with planted_get(sample.context, "EVIL", method="POST") as command:
        changed = await seen_rows(command, tables)
    async with sample.context.database.read_only() as service:
        assert changed == await seen_rows(service, tables)

    assert changed[STAFF[name].table]


@pytest.mark.parametrize("context", CONTEXTS)
async def test_each_table_about_people_is_protected(context: str, owner_url: str, keys: Keys) -> None:
    async with OPEN[context](owner_url, keys) as opened:
        about = {row["relname"] for row in await opened.context.database.pool.fetch(_ABOUT_PEOPLE)}
        protected = set(await protected_tables(opened.context))

    assert about - protected == AccessPage.read().outside[context]
