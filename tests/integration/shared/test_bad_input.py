"""Each bad request of a table is refused with its status and code; the response quotes no sent value, and nothing changes."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from joserfc import jwt
from joserfc.jwk import RSAKey

from infra.dev_stack.dev_secrets import Keys, make
from shared.clock import wall_clock
from shared.kernel.ids import new_id
from tests.integration.shared.delivery_harness import DeliveryHarness

SENT = {"person_id": "0193a1f0-0000-7000-8000-000000000001", "condition": "copd"}
SECRET = "Mr Dale fell in his kitchen"


@dataclass(frozen=True)
class BadRequest:
    """A request that differs from a valid one in `headers` (None removes a header), `body`, `path` or `method`."""

    status: int
    code: str
    path: str = "/parcels"
    method: str = "POST"
    body: bytes | dict[str, Any] | None = field(default_factory=lambda: dict(SENT))
    headers: dict[str, str | None] = field(default_factory=dict)
    scope: str = "parcels:send"


ACCEPTANCE = "/parcels/{parcel}/acceptance"
CASES = {
    "malformed JSON": BadRequest(400, "malformed-request", body=b'{"person_id": "' + SECRET.encode()),
    "repeated field": BadRequest(400, "malformed-request", body=b'{"condition": "copd", ' + json.dumps(SENT)[1:].encode()),
    "unknown parameter": BadRequest(422, "validation-failed", path="/parcels?urgnet=true"),
    "no body": BadRequest(422, "validation-failed", body=None),
    "unknown field": BadRequest(422, "validation-failed", body={**SENT, "story": SECRET}),
    "missing field": BadRequest(422, "validation-failed", body={"condition": "copd"}),
    "value outside its list": BadRequest(422, "validation-failed", body={**SENT, "condition": SECRET}),
    "body of another kind": BadRequest(415, "json-expected", body=b"copd", headers={"Content-Type": "text/plain"}),
    "body without a kind": BadRequest(415, "json-expected", body=b'{"condition": "copd"}', headers={"Content-Type": None}),
    "body that is no object": BadRequest(422, "validation-failed", body=b"[]"),
    "missing token": BadRequest(401, "token-missing", headers={"Authorization": None}),
    "another scheme": BadRequest(401, "token-missing", headers={"Authorization": "Basic YTpi"}),
    "no token at all": BadRequest(401, "token-invalid", headers={"Authorization": f"Bearer {SECRET}"}),
    "token without a signature": BadRequest(401, "token-invalid", headers={"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."}),
    "wrong scope": BadRequest(403, "scope-missing", scope="parcels:look"),
    "missing Idempotency-Key": BadRequest(400, "idempotency-key-missing", headers={"Idempotency-Key": None}),
    "overlong Idempotency-Key": BadRequest(422, "validation-failed", headers={"Idempotency-Key": "k" * 129}),
    "reused Idempotency-Key": BadRequest(
        422, "idempotency-key-reused", body={**SENT, "condition": "fall"}, headers={"Idempotency-Key": "used"}
    ),
    "oversized body": BadRequest(413, "body-too-large", body=b'"' + b"x" * (1024 * 1024) + b'"'),
    "missing If-Match": BadRequest(428, "if-match-missing", ACCEPTANCE, headers={"If-Match": None}),
    "malformed If-Match": BadRequest(400, "if-match-malformed", ACCEPTANCE, headers={"If-Match": SECRET}),
    "stale If-Match": BadRequest(412, "version-conflict", ACCEPTANCE, headers={"If-Match": 'W/"7"'}),
    "illegal transition": BadRequest(409, "illegal-transition", "/parcels/{accepted}/acceptance", headers={"If-Match": 'W/"2"'}),
    "unknown id": BadRequest(404, "parcel-not-found", "/parcels/0193a1f0-0000-7000-8000-000000000000/acceptance"),
    "malformed id": BadRequest(404, "not-found", "/parcels/9990548609/acceptance"),
    "unknown path": BadRequest(404, "not-found", "/parcel"),
    "path with a further slash": BadRequest(404, "not-found", "/parcels/"),
    "another method": BadRequest(405, "method-not-allowed", method="DELETE"),
}


async def refused(harness: DeliveryHarness, bad: BadRequest) -> Any:
    sent, accepted = await harness.send(), await harness.send()
    await harness.accept(accepted.id, 1)
    await harness.post(SENT, **{"Idempotency-Key": "used"})
    before = await contents(harness)

    good = harness.sender.token(bad.scope) | {"Idempotency-Key": str(new_id()), "If-Match": 'W/"1"', "Content-Type": "application/json"}
    headers = {name: value for name, value in {**good, **bad.headers}.items() if value is not None}
    body: dict[str, Any] = {"json": bad.body} if isinstance(bad.body, dict) else {"content": bad.body}
    response = await harness.sender.http.request(bad.method, bad.path.format(parcel=sent.id, accepted=accepted.id), headers=headers, **body)

    assert await contents(harness) == before
    return response


async def contents(harness: DeliveryHarness) -> list[Any]:
    """All rows of the context, without the entries of refusals in the audit."""
    tables = ("parcel", "event", "outbox", "deadline", "audit WHERE refusal IS NULL", "idempotency", "inbox", "parked")
    return [await harness.owner.fetch(f"SELECT * FROM rapid_care.{table} ORDER BY 1") for table in tables]  # noqa: S608  names of the test


@pytest.mark.parametrize("name", CASES)
async def test_bad_request_is_refused_and_changes_nothing(harness: DeliveryHarness, name: str) -> None:
    bad = CASES[name]

    response = await refused(harness, bad)

    problem = response.json()
    assert (response.status_code, problem["code"]) == (bad.status, bad.code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert (problem["status"], problem["type"]) == (bad.status, f"urn:care-coordination:problem:{bad.code}")
    assert problem["instance"] == response.headers["traceparent"].split("-")[1]
    assert all(problem[part] for part in ("title", "detail", "advice"))
    assert SECRET not in response.text
    assert "9990548609" not in response.text


async def test_refusal_names_the_resource(harness: DeliveryHarness) -> None:
    unknown, sent = new_id(), await harness.send()

    absent, stale = await harness.accept(unknown, 1), await harness.accept(sent.id, 7)

    assert absent.json()["detail"] == f"No parcel has the id {unknown}."
    assert stale.json()["detail"] == f"The parcel {sent.id} is at version 1, not 7."


async def test_expired_token_is_refused(harness: DeliveryHarness) -> None:
    old = harness.sender.token("parcels:send")["Authorization"]

    with time_machine.travel(wall_clock() + timedelta(days=1), tick=True):
        response = await refused(harness, BadRequest(401, "token-expired", headers={"Authorization": old}))

    assert (response.status_code, response.json()["code"]) == (401, "token-expired")
    assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "claim",
    [
        *({"iss": "another"}, {"aud": "another"}, {"sub": None}, {"org": None}, {"exp": None}, {"iat": None}),
        *({"sub": "system"}, {"sub": "System"}, {"org": "CARE"}, {"org": "care"}, {"act": {"sub": "SYSTEM"}}),  # the product's own names
        *({"org": "clch"}, {"org": "Clch"}),  # another organisation than CLCH, whose code is the same
        *({"org": "CLCH and others"}, {"sub": 7}, {"sub": "a\nb"}, {"sub": "a\u200b"}, {"sub": " a"}, {"role": "c\0"}, {"role": "c" * 201}),
    ],
)
async def test_token_with_wrong_claim_is_refused(harness: DeliveryHarness, keys: Keys, claim: dict[str, Any]) -> None:
    token = a_token(keys, claim)

    response = await refused(harness, BadRequest(401, "token-invalid", headers={"Authorization": f"Bearer {token}"}))

    assert (response.status_code, response.json()["code"]) == (401, "token-invalid")


@pytest.mark.parametrize(
    ("claim", "detail"),
    [
        ({"iat": None}, "The token has no claim iat."),
        ({"exp": int(wall_clock().timestamp()) + 2 * 86_400}, "; the service accepts at most 43200."),
    ],
)
async def test_refused_token_names_the_reason(harness: DeliveryHarness, keys: Keys, claim: dict[str, Any], detail: str) -> None:
    response = await refused(harness, BadRequest(401, "token-invalid", headers={"Authorization": f"Bearer {a_token(keys, claim)}"}))

    assert (response.status_code, response.json()["code"]) == (401, "token-invalid")
    assert response.json()["detail"].endswith(detail)


async def test_token_with_foreign_signature_is_refused(harness: DeliveryHarness) -> None:
    token = make().token("clinician-1", "CLCH", "clinician", ["parcels:send"])

    response = await refused(harness, BadRequest(401, "token-invalid", headers={"Authorization": f"Bearer {token}"}))

    assert (response.status_code, response.json()["code"]) == (401, "token-invalid")


def a_token(keys: Keys, changes: dict[str, Any]) -> str:
    now = int(wall_clock().timestamp())
    claims = {
        "iss": "care-coordination",
        "aud": "care-coordination",
        "iat": now,
        "exp": now + 60,
        "sub": "a",
        "org": "B",
        "role": "c",
        "scope": "parcels:send",
    }
    payload = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode({"alg": "RS256", "kid": keys.signing_key["kid"]}, payload, RSAKey.import_key(keys.signing_key))  # type: ignore[arg-type]
