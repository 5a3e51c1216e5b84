"""Bearer tokens: JWTs signed under a key of the deployment's JWKS, with an allow-listed algorithm."""

from functools import lru_cache
from http import HTTPStatus
from typing import Any

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import KeySet

from shared.clock import wall_clock
from shared.kernel.actor import Actor
from shared.web.problems import HttpRefusal

ALGORITHMS = ["RS256", "RS512", "PS256", "ES256", "EdDSA"]
_LEEWAY_SECONDS = 30
_TOKENS_REMEMBERED = 10_000
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="care"'}


class Tokens:
    """Reads who acts from a token. `audience` and `issuer` must match exactly."""

    def __init__(self, key_set: KeySet, *, issuer: str, audience: str) -> None:
        self._key_set = key_set
        # A signature that was right stays right; what a token says, above all until when, is looked at every time.
        self._claims_of = lru_cache(_TOKENS_REMEMBERED)(self._verified)
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(wall_clock().timestamp()),
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
            org={"essential": True},
            role={"essential": True},
        )

    def actor(self, authorization: str | None) -> Actor:
        """Raises HttpRefusal 401 with the code token-missing, token-expired or token-invalid."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthorised("token-missing", "This needs a bearer token.")
        try:
            claims = self._claims_of(token)
            self._claims.validate(claims)
        except ExpiredTokenError as problem:
            raise _unauthorised("token-expired", "The token has expired.") from problem
        except (JoseError, ValueError) as problem:
            raise _unauthorised("token-invalid", "The token is not valid here.") from problem
        return _actor(claims)

    def _verified(self, token: str) -> dict[str, Any]:
        return jwt.decode(token, self._key_set, algorithms=ALGORITHMS).claims


def _actor(claims: dict[str, Any]) -> Actor:
    scopes = frozenset(str(claims.get("scope", "")).split())
    return Actor(id=str(claims["sub"]), organisation=str(claims["org"]), role=str(claims["role"]), scopes=scopes)


def _unauthorised(code: str, detail: str) -> HttpRefusal:
    return HttpRefusal(HTTPStatus.UNAUTHORIZED, code, detail, "Fetch a fresh token and send it as 'Authorization: Bearer ...'.", _CHALLENGE)
