"""A scope that belongs to an organisation is worth nothing to another one: every operation, with real ids, for each of its scopes.

Finding C2, C3: any organisation's coordinator registered navigators, and any organisation's triager read and decided.
"""

from collections.abc import Callable

import httpx
import pytest

from infra.codegen.states import scopes
from infra.contexts import CONTEXTS, prefix
from infra.dev_stack.dev_secrets import Keys
from services.mdt.domain.access import READ
from services.referrals.domain.access import RECEIVE, REFER
from tests.builders.operations import Operation
from tests.builders.seeded_contexts import OPEN, SeededContext

#: Scopes of any organisation: for them a relationship to the person decides, or the meeting's members.
_OF_ANY_ORGANISATION = {REFER, RECEIVE, "mdt:lead", READ}
STRANGER = "EVIL"


@pytest.mark.parametrize("name", CONTEXTS)
async def test_scope_of_another_organisation_opens_no_operation(
    owner_url: str, keys: Keys, name: str, record_property: Callable[[str, object], None]
) -> None:
    opened, cells = list[str](), 0
    async with OPEN[name](owner_url, keys) as seeded:
        before = await _changes(seeded)
        for operation in await seeded.described(name):
            for scope in _bound_scopes(name, operation):
                response = await _send(seeded, operation, scope)
                cells += 1
                if (response.status_code, response.json()["code"]) != (403, "organisation-not-involved"):
                    opened.append(f"{operation.method} {operation.path} with {scope}: {response.status_code} {response.text[:100]}")
        after = await _changes(seeded)

    assert opened == []
    assert after == before
    record_property("summary", f"scopes of another organisation, {name}: {cells} cells, 0 open")


def _bound_scopes(name: str, operation: Operation) -> list[str]:
    """The scopes that admit a caller of the context's own services, and belong to an organisation."""
    own = f"{prefix(name).strip('/')}:"
    return [scope for scope in scopes(name)[operation.name] if scope.startswith(own) and scope not in _OF_ANY_ORGANISATION]


async def _send(seeded: SeededContext, operation: Operation, scope: str) -> httpx.Response:
    path = operation.path.format(**seeded.ids_of(operation))
    headers = seeded.context.token(scope, organisation=STRANGER, actor="stranger-1") | seeded.new_key() | {"If-Match": 'W/"1"'}
    query = {**operation.query(), **{each: seeded.ids[each] for each in operation.query() if each in seeded.ids}}
    return await seeded.context.http.request(operation.method, path, headers=headers, params=query, json=operation.example())


async def _changes(seeded: SeededContext) -> int:
    """The number of events and of audit entries other than refusals."""
    audited = "(SELECT count(*) FROM audit WHERE refusal IS NULL)"
    count: int = await seeded.context.database.pool.fetchval(f"SELECT (SELECT count(*) FROM event) + {audited}")  # noqa: S608
    return count
