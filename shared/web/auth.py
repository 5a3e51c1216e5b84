"""Bearer tokens: JWTs signed under a key of the token issuer, with an allow-listed algorithm."""

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, InvalidKeyIdError, JoseError, MissingClaimError

from shared.clock import wall_clock
from shared.contracts.input_types import ODS_PATTERN
from shared.kernel.actor import SUPPLIER_SYSTEM, SYSTEM, Actor
from shared.web.problems import HttpProblem
from shared.web.signing_keys import KeysUnread, SigningKeys

ALGORITHMS = ["RS256", "RS512", "PS256", "ES256", "EdDSA"]
_LEEWAY_SECONDS = 30
_TOKENS_REMEMBERED = 10_000
#: Characters of a subject or a role.
_MAX_NAME = 200
#: A client id: printable characters without a blank (RFC 6749, appendix A.1).
_SYSTEM_NAME = re.compile(r"[!-~]{1,200}")
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="care"'}


@dataclass(frozen=True, slots=True)
class _CachedToken:
    """The actor of a verified token, and its validity in seconds of the epoch, leeway included."""

    actor: Actor
    begins: float
    ends: float

    def require_valid(self, now: int) -> None:
        """Raises ExpiredTokenError, InvalidClaimError."""
        if now >= self.ends:
            raise ExpiredTokenError("exp")
        if now < self.begins:
            raise InvalidClaimError("nbf")


class Tokens:
    """Verifies tokens and reads their actors. `audience` and `issuer` must match exactly; no token may be valid beyond `max_lifetime`."""

    def __init__(self, keys: SigningKeys, *, issuer: str, audience: str, max_lifetime: timedelta) -> None:
        self.keys, self._max_lifetime = keys, max_lifetime
        # The signature and claims of a cached token stay valid while the keys do; its period is checked at every request.
        self._known = lru_cache(_TOKENS_REMEMBERED)(self._verified)
        keys.on_change.append(self._known.cache_clear)
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(wall_clock().timestamp()),
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            org={"essential": True},
            role={"essential": True},
        )

    async def actor(self, authorization: str | None) -> Actor:
        """Raises HttpProblem 401 with the code token-missing, token-expired or token-invalid; 503 while no keys are known."""
        token = _bearer(authorization)
        try:
            try:
                return self.valid(token).actor
            except (InvalidKeyIdError, KeysUnread):
                await self.keys.read_for_unknown_key()
            return self.valid(token).actor
        except KeysUnread as problem:
            detail, advice = "The signing keys of the token issuer are not known yet.", "Repeat the request unchanged."
            raise HttpProblem(HTTPStatus.SERVICE_UNAVAILABLE, "temporarily-unavailable", detail, advice, {"Retry-After": "5"}) from problem
        except ExpiredTokenError as problem:
            raise _unauthorised("token-expired", "The token has expired.") from problem
        except MissingClaimError as problem:
            raise _unauthorised("token-invalid", f"The token has no claim {problem.claim}.") from problem
        except (JoseError, ValueError, RecursionError) as problem:
            raise _unauthorised("token-invalid", "The token is not valid for this service.") from problem

    def token(self, authorization: str | None) -> "Token":
        return Token(self, _bearer(authorization))

    def valid(self, token: str) -> _CachedToken:
        """Raises JoseError, ValueError, KeysUnread, HttpProblem."""
        known = self._known(token)
        known.require_valid(int(wall_clock().timestamp()))
        return known

    def _verified(self, token: str) -> _CachedToken:
        if self.keys.current is None:
            raise KeysUnread("no reading has succeeded yet")
        claims = jwt.decode(token, self.keys.current, algorithms=ALGORITHMS).claims
        self._claims.validate(claims)
        self._require_short(claims["exp"] - claims["iat"])
        begins = max(claims.get("nbf", 0), claims["iat"]) - _LEEWAY_SECONDS
        return _CachedToken(_actor(claims), begins, claims["exp"] + _LEEWAY_SECONDS)

    def _require_short(self, seconds: float) -> None:
        """Raises HttpProblem: a stolen token must soon be worthless."""
        longest = self._max_lifetime.total_seconds()
        if seconds > longest:
            raise _unauthorised(
                "token-invalid", f"The token is valid for {seconds:.0f} seconds; the service accepts at most {longest:.0f}."
            )


class Token:
    """A token that was accepted. What lasts longer than a request asks whether it still is."""

    def __init__(self, tokens: Tokens, text: str) -> None:
        self._tokens, self._text = tokens, text

    def is_valid(self) -> bool:
        return self.lifetime_left() > timedelta()

    def lifetime_left(self) -> timedelta:
        """Zero once the token has ended or its key was withdrawn."""
        try:
            ends = self._tokens.valid(self._text).ends
        except (JoseError, ValueError, RecursionError, KeysUnread, HttpProblem):
            return timedelta()
        return timedelta(seconds=max(0.0, ends - wall_clock().timestamp()))


def _bearer(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _unauthorised("token-missing", "The request has no bearer token.")
    return token


def _actor(claims: dict[str, Any]) -> Actor:
    """Raises InvalidClaimError for an organisation that is no code in capitals, and for a name that the product reserves for itself."""
    subject, organisation, role = _name(claims, "sub"), _name(claims, "org"), _name(claims, "role")
    if not re.fullmatch(ODS_PATTERN, organisation) or _is_same(organisation, SYSTEM.organisation):
        raise InvalidClaimError("org")
    if _is_same(subject, SYSTEM.id):
        raise InvalidClaimError("sub")
    scopes = frozenset(str(claims.get("scope", "")).split())
    return Actor(subject, organisation, role, scopes, str(claims["iss"]), _system(claims, subject, role))


def _system(claims: dict[str, Any], subject: str, role: str) -> str | None:
    """The system that acts: that of the claim `act` (RFC 8693), otherwise the client (RFC 9068). Raises InvalidClaimError.

    The subject of a token without a user is the client itself, or a subject with the role of a system.
    """
    if _is_same(role, SUPPLIER_SYSTEM):
        return subject
    client = claims.get("client_id", claims.get("azp"))
    act = claims.get("act", None if client is None else {"sub": client})
    if act is None:
        return None
    system = act.get("sub") if isinstance(act, dict) else None
    if not isinstance(system, str) or not _SYSTEM_NAME.fullmatch(system) or _is_same(system, SYSTEM.id):
        raise InvalidClaimError("act")
    return system


def _name(claims: dict[str, Any], claim: str) -> str:
    """A text that a reader of the audit can see and type. Raises InvalidClaimError."""
    value = claims[claim]
    if not isinstance(value, str) or not value.isprintable() or value != value.strip() or not 0 < len(value) <= _MAX_NAME:
        raise InvalidClaimError(claim)
    return value


def _is_same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _unauthorised(code: str, detail: str) -> HttpProblem:
    return HttpProblem(HTTPStatus.UNAUTHORIZED, code, detail, "Fetch a new token and send it as 'Authorization: Bearer ...'.", _CHALLENGE)
