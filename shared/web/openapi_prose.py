"""The prose of an OpenAPI document: what a supplier must know beside the operations."""

from typing import Any

SERVERS = [
    {"url": "/", "description": "The host that serves this document"},
    {"url": "http://127.0.0.1:8080", "description": "The local stack of `make up`"},
]

ABOUT = """\
One of four services that carry a person's care across organisations.

**Changes.** A command names the fact that it records: `POST .../acceptance`. It is based on a version: send the `ETag` of the resource in \
`If-Match`; a newer version is refused with 412, an absent header with 428. An operation that creates something needs a new UUID in \
`Idempotency-Key`: a repetition with the same key and body has no second effect and returns the stored response with \
`Idempotency-Replayed: true`; another body with the same key is refused with 422. `GET .../actions` lists the permitted commands.

**Refusals** are problem documents (RFC 9457). Decide by `code`, which is stable; show `detail`, `advice` and, for 422, the `errors`, each \
with the path of a field. A refused request changes nothing. 503 has `Retry-After`: repeat the request unchanged.

**Lists** return `items` and `next`; send `next` unchanged as `cursor`. Unknown parameters and unknown fields are refused, and the refusal \
names the nearest known one.

**Purpose.** A read serves the care of the person, or their protection from harm: its basis is a relationship to the person, which the \
audit names. Any other reason is stated with an act of break-glass, which is reviewed (IG15).

**Forms.** Bodies are JSON in UTF-8. Days are `2026-09-21`, in Europe/London; times are RFC 3339 with an offset and are returned in UTC. \
Codes are in kebab-case. An absent value is `null`. Every response has `traceparent`.

Codes in brackets, such as (G12), name rules of care; the page `docs/rules.md` of the repository explains each of them.
"""

BEARER: dict[str, Any] = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": """\
A JWT of the deployment's issuer, signed under a key of its JWKS (RS256, RS512, PS256, ES256 or EdDSA).

| claim | content |
|---|---|
| `iss` | issuer: exactly the one that the deployment configures, `care-coordination` by default |
| `aud` | audience: exactly the one that the deployment configures, `care-coordination` by default |
| `exp`, `nbf`, `iat` | `exp` and `iat` are required, an hour apart at most unless the deployment permits more; leeway 30 seconds |
| `sub` | code of the professional or the system that acts; it is recorded with every change and every read of a person |
| `org` | ODS code of the organisation, in capitals: it may read only about people in whose care it is involved |
| `act`, `client_id` | the supplier's system that acts for the professional, as `act.sub` (RFC 8693) or else as the client (RFC 9068); it \
is recorded with them |
| `role` | professional role, such as `community-nurse` |
| `scope` | scopes, separated by blanks; an operation needs one of those that it lists |

`care token` issues tokens for development, for twelve hours at most.""",
}


def scopes_sentence(scopes: tuple[str, ...]) -> str:
    """`Scope: `referrals:refer` or `referrals:triage`.`."""
    return f"**Scope**: {' or '.join(f'`{scope}`' for scope in scopes)}."
