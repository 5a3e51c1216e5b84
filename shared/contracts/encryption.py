"""Encryption of the restricted topics: JWE, direct A256GCM, under a key ring by `kid`, bound to the place of the value.

Invariant: a value opens only in the place that it was sealed for. The place is the additional authenticated data of the JWE, which
the reader knows and which is therefore not stored with the value (docs/adr/0039).

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
    """The value was not sealed for this place under a key of this ring, or was altered."""


class KeyAbsent(DecryptionFailed):
    """The ring lacks the key that the value names."""


def place(*parts: str) -> bytes:
    """Where a sealed value belongs, such as topic, type, subject and id of an event."""
    return _encoded(orjson.dumps(parts))


class KeyRing:
    """Seals under the current key, opens under any key of the ring: keys are rotated by adding one and making it current."""

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        self._ciphers = {kid: AESGCM(secret) for kid, secret in keys.items()}
        self._current = self._ciphers[current]
        self._header = _encoded(orjson.dumps({"alg": "dir", "enc": "A256GCM", "kid": current}))

    def seal(self, plain: bytes, where: bytes) -> bytes:
        """A JSON string. `where` is of `place`."""
        nonce = os.urandom(_NONCE_BYTES)
        text = self._current.encrypt(nonce, plain, b"%b.%b" % (self._header, where))
        return b'"%b..%b.%b.%b"' % (self._header, _encoded(nonce), _encoded(text[:-_TAG_BYTES]), _encoded(text[-_TAG_BYTES:]))

    def open(self, sealed: bytes, where: bytes) -> bytes:
        """Raises DecryptionFailed, of which KeyAbsent says that another ring might open it."""
        try:
            header, none, nonce, text, tag = sealed.strip(b'"').split(b".")
            if none:
                raise ValueError("there is no encrypted key in this form")  # noqa: TRY301  refused like all that is not of this form
            return self._cipher(_kid(header)).decrypt(_decoded(nonce), _decoded(text) + _decoded(tag), b"%b.%b" % (header, where))
        except KeyAbsent:
            raise
        except (ValueError, InvalidTag) as problem:
            raise DecryptionFailed(type(problem).__name__) from problem

    def _cipher(self, kid: str) -> AESGCM:
        if kid not in self._ciphers:
            raise KeyAbsent("the ring lacks the key of this value")
        return self._ciphers[kid]


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
