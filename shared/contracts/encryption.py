"""Encryption of the restricted topics: JWE, direct A256GCM, under a key ring by `kid`.

The module composes the compact JWE (RFC 7516) around one call of the cipher, at a fraction of a general library's cost
(docs/performance.md). Every referral and every reader pays that cost. A test decrypts the result with such a library.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from functools import lru_cache

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES, _TAG_BYTES = 12, 16


class DecryptionFailed(ValueError):
    """The value was not sealed under a key of this ring, or was altered."""


class KeyRing:
    """Seals under the current key, opens under any key of the ring: keys are rotated by adding one and making it current."""

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        self._ciphers = {kid: AESGCM(secret) for kid, secret in keys.items()}
        self._current = self._ciphers[current]
        self._header = _encoded(orjson.dumps({"alg": "dir", "enc": "A256GCM", "kid": current}))

    def seal(self, plain: bytes) -> bytes:
        """A JSON string."""
        nonce = os.urandom(_NONCE_BYTES)
        text = self._current.encrypt(nonce, plain, self._header)
        return b'"%b..%b.%b.%b"' % (self._header, _encoded(nonce), _encoded(text[:-_TAG_BYTES]), _encoded(text[-_TAG_BYTES:]))

    def open(self, sealed: bytes) -> bytes:
        """Raises DecryptionFailed."""
        try:
            header, none, nonce, text, tag = sealed.strip(b'"').split(b".")
            if none:
                raise ValueError("there is no encrypted key in this form")  # noqa: TRY301  refused like all that is not of this form
            return self._ciphers[_kid(header)].decrypt(_decoded(nonce), _decoded(text) + _decoded(tag), header)
        except (KeyError, ValueError, InvalidTag) as problem:
            raise DecryptionFailed(type(problem).__name__) from problem


@lru_cache(maxsize=64)
def _kid(header: bytes) -> str:
    """The key id of a header. Raises DecryptionFailed for any other header than that of `seal`."""
    fields = orjson.loads(_decoded(header))
    if not isinstance(fields, dict) or fields.keys() != {"alg", "enc", "kid"} or (fields["alg"], fields["enc"]) != ("dir", "A256GCM"):
        raise DecryptionFailed("encrypted by another algorithm")
    return str(fields["kid"])


def _encoded(part: bytes) -> bytes:
    return urlsafe_b64encode(part).rstrip(b"=")


def _decoded(part: bytes) -> bytes:
    return urlsafe_b64decode(part + b"=" * (-len(part) % 4))
