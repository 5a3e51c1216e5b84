"""Every field of every operation refuses what is invalid for its kind, names itself, and never causes a server error.

The applications have no database: an invalid request is refused before its transaction begins. `test_hostile_values.py` sends the odd
values, which may be accepted, to contexts on a database.
"""

import importlib
from collections.abc import Callable
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI
from starlette.datastructures import State

from infra.contexts import CONTEXTS, policy_of
from infra.dev_stack.dev_secrets import make
from infra.dev_stack.scopes import SCOPES
from shared.clock import FrozenClock
from shared.kernel.scope_holders import Holders
from shared.persistence.database import Database
from shared.web.app import create_app
from shared.web.limits import CallerLimits
from tests.builders.context_app import secrets_of, tokens_of
from tests.builders.hostile_requests import hostile_requests
from tests.builders.limits import NO_LIMITS
from tests.builders.operations import operations
from tests.builders.referrals import MONDAY

KEYS = make()
TOKENS = tokens_of(KEYS)
HEADERS = {
    "Authorization": f"Bearer {KEYS.token('clinician-1', 'CLCH', 'clinician', list(SCOPES))}",
    "Idempotency-Key": "first",
    "If-Match": 'W/"1"',
}
#: Invalid values of a field, on average.
LEAST = 12
#: Parameters for which every text of a URL is a valid search, or is refused as a whole; in every context the cursor.
ACCEPT_ANY_TEXT = {"referrals": {"query.cursor", "query.reference"}}
UNKNOWN_ID = "0193a1f0-0000-7000-8000-000000000001"


async def _no_database() -> Any:
    raise AssertionError("No server runs the application.")


def _application(context: str) -> FastAPI:
    router = importlib.import_module(f"services.{context}.api").router
    app = create_app(context=context, title=context, router=router, open_database=_no_database, tokens=TOKENS)
    database = Database(cast("Any", None), clock=FrozenClock(MONDAY), policy=policy_of(context)(), secrets=secrets_of(KEYS))
    state = {"database": database, "tokens": TOKENS, "holders": Holders(), "limits": CallerLimits(NO_LIMITS, "test"), "metrics_token": None}
    app.state = State(state)
    return app


@pytest.mark.parametrize("context", CONTEXTS)
async def test_invalid_value_is_refused_at_its_field(context: str, record_property: Callable[[str, object], None]) -> None:
    app = _application(context)
    described = list(operations(app.openapi()))
    requests = [each for operation in described for each in hostile_requests(operation) if each.value.is_refused]
    fields = {(operation.name, pointer) for operation in described for pointer in operation.pointers()}
    without = fields - {(each.operation.name, each.pointer) for each in requests}

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://care", headers=HEADERS) as http:
        faults = [each.fault(await each.send(http, dict.fromkeys(each.operation.names_in_path(), UNKNOWN_ID))) for each in requests]

    assert [fault for fault in faults if fault] == []
    assert {pointer for _, pointer in without} == ACCEPT_ANY_TEXT.get(context, {"query.cursor"})
    assert len(requests) > LEAST * len(fields)
    record_property(
        "summary", f"hostile fields, {context}: {len(requests)} invalid values for {len(fields)} fields, each refused at its field"
    )
