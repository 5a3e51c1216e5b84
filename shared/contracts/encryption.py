"""Encryption of personal data: JWE, direct A256GCM, bound to the place of the value.

A stored response is sealed under the key ring. An event is sealed under a data key of its own, which the ring wraps (RFC 3394) and which
is stored beside the event, so that erasing the data key erases the words everywhere (docs/adr/0040).

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
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

_KEY_BYTES, _NONCE_BYTES, _TAG_BYTES = 32, 12, 16


class DecryptionFailed(ValueError):
    """The value was not sealed for this place under a key of this ring, or was altered."""


class KeyAbsent(DecryptionFailed):
    """The ring lacks the key that the value names, or the data key of the value was erased."""


def place(*parts: str) -> bytes:
    """Where a sealed value belongs, such as topic, type, subject and id of an event."""
    return _encoded(orjson.dumps(parts))


class KeyRing:
    """Seals under the current key, opens under any key of the ring: keys are rotated by adding one and making it current.

    `where` is of `place`. To open raises DecryptionFailed, of which KeyAbsent says that another ring might open the value.
    """

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        self._keys, self._current = dict(keys), current
        self._ciphers = {kid: AESGCM(secret) for kid, secret in keys.items()}
        self._header = _encoded(orjson.dumps({"alg": "dir", "enc": "A256GCM", "kid": current}))

    def seal(self, plain: bytes, where: bytes) -> bytes:
        """A JSON string."""
        return _sealed(self._ciphers[self._current], self._header, plain, where)

    def open(self, sealed: bytes, where: bytes) -> bytes:
        header, *rest = _parts(sealed)
        kid = _kid(header)
        if kid not in self._ciphers:
            raise KeyAbsent("the ring lacks the key of this value")
        return _opened(self._ciphers[kid], header, rest, where)

    def seal_apart(self, plain: bytes, where: bytes) -> tuple[bytes, bytes]:
        """The value as a JSON string under a new data key, and that key, wrapped: the id of the ring's key, a dot, and the key."""
        key = os.urandom(_KEY_BYTES)
        return _sealed(AESGCM(key), _APART, plain, where), self._wrapped(key)

    def open_apart(self, sealed: bytes, data_key: bytes | None, where: bytes) -> bytes:
        header, *rest = _parts(sealed)
        if header != _APART:
            raise DecryptionFailed("encrypted by another algorithm")
        return _opened(AESGCM(self._unwrapped(data_key)), header, rest, where)

    def rewrap(self, data_key: bytes) -> bytes:
        """The data key under the current key of the ring: afterwards no older key is needed for it."""
        return self._wrapped(self._unwrapped(data_key))

    def _wrapped(self, key: bytes) -> bytes:
        return b"%b.%b" % (self._current.encode(), _encoded(aes_key_wrap(self._keys[self._current], key)))

    def _unwrapped(self, data_key: bytes | None) -> bytes:
        kid, _, wrapped = (data_key or b"").rpartition(b".")
        if (ring_key := self._keys.get(kid.decode(errors="replace"))) is None:
            raise KeyAbsent("the ring lacks the key of this value" if data_key else "the data key of this value was erased")
        try:
            return aes_key_unwrap(ring_key, _decoded(wrapped))
        except (ValueError, InvalidUnwrap) as problem:
            raise DecryptionFailed(type(problem).__name__) from problem


def _sealed(cipher: AESGCM, header: bytes, plain: bytes, where: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    text = cipher.encrypt(nonce, plain, b"%b.%b" % (header, where))
    return b'"%b..%b.%b.%b"' % (header, _encoded(nonce), _encoded(text[:-_TAG_BYTES]), _encoded(text[-_TAG_BYTES:]))


def _parts(sealed: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Header, nonce, text and tag."""
    try:
        header, none, nonce, text, tag = sealed.strip(b'"').split(b".")
    except ValueError as problem:
        raise DecryptionFailed(type(problem).__name__) from problem
    if none:
        raise DecryptionFailed("there is no encrypted key in this form")
    return header, nonce, text, tag


def _opened(cipher: AESGCM, header: bytes, rest: list[bytes], where: bytes) -> bytes:
    try:
        nonce, text, tag = map(_decoded, rest)
        return cipher.decrypt(nonce, text + tag, b"%b.%b" % (header, where))
    except (ValueError, InvalidTag) as problem:
        raise DecryptionFailed(type(problem).__name__) from problem


@lru_cache(maxsize=64)
def _kid(header: bytes) -> str:
    """The key id of a header. Raises DecryptionFailed for any other header than that of `seal`."""
    try:
        fields = orjson.loads(_decoded(header))
    except ValueError as problem:
        raise DecryptionFailed(type(problem).__name__) from problem
    if not isinstance(fields, dict) or fields.keys() != {"alg", "enc", "kid"} or (fields["alg"], fields["enc"]) != ("dir", "A256GCM"):
        raise DecryptionFailed("encrypted by another algorithm")
    return str(fields["kid"])


def _encoded(part: bytes) -> bytes:
    return urlsafe_b64encode(part).rstrip(b"=")


def _decoded(part: bytes) -> bytes:
    return urlsafe_b64decode(part + b"=" * (-len(part) % 4))


#: The header of every value under a data key of its own.
_APART = _encoded(orjson.dumps({"alg": "dir", "enc": "A256GCM"}))
