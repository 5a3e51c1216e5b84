"""Refusals of the four services by route and mistake; nothing changes, and no response quotes a sent value.

`pytest -s` prints the table. A route without a row in `FOREIGN_CALLER` is open to every organisation, as sending a referral is.
"""

import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.kernel.ids import new_id
from tests.builders.context_app import TABLES, RunningContext
from tests.integration.shared.sample_routes import COMMANDS, CREATING, FOREIGN_CALLER, STRANGER, UNKNOWN_ID, OpenRoute, SampleRoute

SECRET = "Mr Dale fell in his kitchen"


@dataclass(frozen=True)
class Call:
    """A valid request."""

    path: str
    content: bytes
    headers: dict[str, str]

    def without(self, header: str) -> "Call":
        return replace(self, headers={name: value for name, value in self.headers.items() if name != header})

    def with_(self, **headers: str) -> "Call":
        return replace(self, headers=self.headers | {name.replace("_", "-"): value for name, value in headers.items()})


Mistake = Callable[[Call, SampleRoute], Call | Awaitable[Call]]


def signed(route: SampleRoute, *, scope: str | None = None, organisation: str | None = None, hours: int = 1) -> str:
    keys, valid_for = route.context.keys, timedelta(hours=hours)
    return "Bearer " + keys.token(route.actor, organisation or route.organisation, "clinician", [scope or route.scope], valid_for)


def right(route: SampleRoute) -> Call:
    headers = {"Content-Type": "application/json", "Authorization": signed(route)}
    headers |= {"Idempotency-Key": str(new_id())} if route.version is None else {"If-Match": f'W/"{route.version}"'}
    return Call(route.path, json.dumps(route.body).encode(), headers)


async def sent(route: SampleRoute, call: Call) -> httpx.Response:
    return await route.context.http.post(call.path, content=call.content, headers=call.headers)


async def key_used_before(call: Call, route: SampleRoute) -> Call:
    assert (await sent(route, call)).status_code == 201
    return replace(call, content=json.dumps(route.other_body).encode())


def unknown_field(call: Call, route: SampleRoute) -> Call:
    return replace(call, content=json.dumps({**route.body, "remark": SECRET}).encode())


def mistyped_nhs_number(call: Call, route: SampleRoute) -> Call:
    return replace(call, content=json.dumps({**route.body, "nhs_number": "9990548608"}).encode())


def where_it_ended(call: Call, route: SampleRoute) -> Call:
    assert route.ended
    path, version = route.ended
    return replace(call, path=path).with_(If_Match=f'W/"{version}"')


#: Mistake, status, code. A code of None is the route's own.
EVERYWHERE: dict[str, tuple[int, str | None, Mistake]] = {
    "malformed JSON": (400, "malformed-request", lambda call, _: replace(call, content=f'{{"remark": "{SECRET}'.encode())),
    "unknown field": (422, "validation-failed", unknown_field),
    "missing Content-Type": (415, "json-expected", lambda call, _: call.without("Content-Type")),
    "missing token": (401, "token-missing", lambda call, _: call.without("Authorization")),
    "expired token": (401, "token-expired", lambda call, route: call.with_(Authorization=signed(route, hours=-1))),
    "wrong scope": (403, "scope-missing", lambda call, route: call.with_(Authorization=signed(route, scope="another:scope"))),
    "oversized body": (413, "body-too-large", lambda call, _: replace(call, content=b'"' + b"x" * (1024 * 1024) + b'"')),
}
WHEN_CREATING: dict[str, tuple[int, str | None, Mistake]] = {
    "missing Idempotency-Key": (400, "idempotency-key-missing", lambda call, _: call.without("Idempotency-Key")),
    "reused Idempotency-Key": (422, "idempotency-key-reused", key_used_before),
}
WHEN_CHANGING: dict[str, tuple[int, str | None, Mistake]] = {
    "missing If-Match": (428, "if-match-missing", lambda call, _: call.without("If-Match")),
    "malformed If-Match": (400, "if-match-malformed", lambda call, _: call.with_(If_Match=SECRET)),
    "stale If-Match": (412, "version-conflict", lambda call, _: call.with_(If_Match='W/"7000"')),
    "illegal transition": (409, "illegal-transition", where_it_ended),
    "unknown id": (404, None, lambda call, route: replace(call, path=str(route.unknown))),
}
ANOTHER_ORGANISATION = (403, None, lambda call, route: call.with_(Authorization=signed(route, organisation=STRANGER)))


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    route: str
    mistake: str
    status: int
    code: str
    make: Mistake

    def __str__(self) -> str:
        return f"{self.route} | {self.mistake} | {self.status} {self.code}"


def rows(route: str) -> list[Row]:
    mistakes = EVERYWHERE | (WHEN_CREATING if route in CREATING else WHEN_CHANGING)
    if route in FOREIGN_CALLER:
        mistakes["another organisation"] = ANOTHER_ORGANISATION
    if route == "POST /referrals":
        mistakes["mistyped NHS number"] = (422, "invalid-nhs-number", mistyped_nhs_number)
    own = {403: FOREIGN_CALLER.get(route, ""), 404: UNKNOWN_ID.get(route, "")}
    return [Row(route, name, status, code or own[status], make) for name, (status, code, make) in mistakes.items()]


@pytest.mark.parametrize("name", CREATING | COMMANDS)
async def test_mistaken_request_is_refused_and_changes_nothing(owner_url: str, keys: Keys, name: str, subtests: pytest.Subtests) -> None:
    """One open route for all mistakes: a refused request must not change its context."""
    async with (CREATING | COMMANDS)[name](owner_url, keys) as route:
        for row in rows(name):
            sys.stdout.write(f"{row}\n")
            with subtests.test(msg=str(row)):
                await refuses(route, row)


async def refuses(route: SampleRoute, row: Row) -> None:
    made = row.make(right(route), route)
    call = made if isinstance(made, Call) else await made
    before = await contents(route.context)

    response = await sent(route, call)

    assert (response.status_code, response.json()["code"]) == (row.status, row.code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert await contents(route.context) == before
    assert SECRET not in response.text


@pytest.mark.parametrize("open_route", (CREATING | COMMANDS).values(), ids=CREATING | COMMANDS)
async def test_request_without_mistake_succeeds(owner_url: str, keys: Keys, open_route: OpenRoute) -> None:
    """Proves that each row is refused for its mistake alone, and that a change of the tables is seen."""
    async with open_route(owner_url, keys) as route:
        before = await contents(route.context)

        response = await sent(route, right(route))

        assert response.is_success, response.text
        assert await contents(route.context) != before


async def contents(context: RunningContext) -> dict[str, Any]:
    """Every row of every table of the context's schema, without the entries of refusals in the audit."""
    pool = context.database.pool
    names = {name: "" for (name,) in await pool.fetch(TABLES)}
    names["audit"], names["audit_unsealed"] = "WHERE refusal IS NULL", "WHERE id IN (SELECT id FROM audit WHERE refusal IS NULL)"
    return {
        name: await pool.fetch(f'SELECT to_jsonb(each)::text FROM "{name}" AS each {condition} ORDER BY 1')  # noqa: S608  names of the test
        for name, condition in names.items()
    }
