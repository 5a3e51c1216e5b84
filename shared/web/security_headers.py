"""Headers that limit a browser: it stores, guesses and frames nothing, sends no referrer, and loads nothing from another host."""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256

Header = tuple[bytes, bytes]

#: Responses are about people, so that no cache stores them. Data is no page: nothing in it may be loaded or framed.
_DEFAULTS: Sequence[Header] = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_HSTS: Header = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


def default_headers(*, hsts: bool) -> Sequence[Header]:
    """The headers of every response of an application, unless the response has one of that name itself."""
    return (*_DEFAULTS, _HSTS) if hsts else _DEFAULTS


def page_policy(script: str) -> str:
    """The policy of a page with this one script in it, which else loads from its own host alone. Swagger UI sets styles itself."""
    digest = b64encode(sha256(script.encode()).digest()).decode()
    own = f"script-src 'self' 'sha256-{digest}'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
