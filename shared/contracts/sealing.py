"""Encryption of the restricted topics: JWE, direct A256GCM, under a ring of keys told apart by `kid`."""

from collections.abc import Mapping

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey

ALGORITHMS = ["dir", "A256GCM"]


class SealBroken(ValueError):
    """The value was not sealed under a key of this ring, or was altered."""


class KeyRing:
    """Seals under the current key, opens under any key of the ring: keys are rotated by adding one and making it current."""

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        self._keys = KeySet([OctKey.import_key(secret, {"kid": kid}) for kid, secret in keys.items()])
        self._current = current

    def seal(self, plain: bytes) -> bytes:
        header = {"alg": "dir", "enc": "A256GCM", "kid": self._current}
        return b'"' + jwe.encrypt_compact(header, plain, self._keys, algorithms=ALGORITHMS).encode() + b'"'

    def open(self, sealed: bytes) -> bytes:
        """Raises SealBroken."""
        try:
            opened = jwe.decrypt_compact(sealed.strip(b'"'), self._keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError) as problem:
            raise SealBroken(type(problem).__name__) from problem
        if opened.plaintext is None:
            raise SealBroken("empty")
        return opened.plaintext
