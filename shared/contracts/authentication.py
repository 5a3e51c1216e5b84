"""Authentication of records: a MAC of the producing context over topic, key, headers and value (docs/adr/0038).

Invariant: a consumer reads a record only after its MAC was verified. An API holds no key: it neither publishes nor consumes.
"""

import hmac
import struct
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping

from shared.contracts.envelope import Record, UnauthenticRecord
from shared.contracts.event import producer_of

#: The header of the MAC: the version of the key, a dot, and the MAC in base64url without padding.
HEADER = "care-mac"

Headers = Iterable[tuple[str, bytes | None]]


class MacKeys:
    """The keys by producing context and version; `current` is the version of each context that this process publishes for."""

    def __init__(self, keys: Mapping[str, Mapping[str, bytes]], current: Mapping[str, str]) -> None:
        self._states = {
            (context, version.encode()): hmac.new(key, digestmod="sha256")
            for context, those in keys.items()
            for version, key in those.items()
        }
        self._current = {context: version.encode() for context, version in current.items()}

    def sign(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> tuple[str, bytes]:
        """The header that completes the record. Raises KeyError for a topic of another context."""
        context = producer_of(topic)
        version = self._current[context]
        return HEADER, version + b"." + self._mac(context, version, _message(topic, key, value, headers))

    def verify(self, record: Record) -> None:
        """Raises UnauthenticRecord; its text quotes nothing of the record."""
        signatures = [value for name, value in record.headers if name == HEADER]
        if len(signatures) != 1 or signatures[0] is None:
            raise UnauthenticRecord("the record has no MAC" if not signatures else "the record has a malformed MAC")
        version, _, mac = signatures[0].partition(b".")
        context = producer_of(record.topic)
        if (context, version) not in self._states:
            raise UnauthenticRecord("its MAC names no key of the producer that is accepted here")
        message = _message(record.topic, record.key, record.value, record.headers)
        if not hmac.compare_digest(mac, self._mac(context, version, message)):
            raise UnauthenticRecord("its MAC is not that of its topic, key, headers and value")

    def _mac(self, context: str, version: bytes, message: bytes) -> bytes:
        state = self._states[context, version].copy()
        state.update(message)
        return urlsafe_b64encode(state.digest()).rstrip(b"=")


#: Those of a process that neither publishes nor consumes.
NO_MAC_KEYS = MacKeys({}, {})


def _message(topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> bytes:
    """One form for each record without its MAC: the length of every part, then the parts. An absent part differs from an empty one."""
    parts: list[bytes | None] = [topic.encode(), key, value]
    for name, content in headers:
        if name != HEADER:
            parts += (name.encode(), content)
    lengths = struct.pack(f">{len(parts)}i", *[-1 if part is None else len(part) for part in parts])
    return lengths + b"".join([part for part in parts if part])
