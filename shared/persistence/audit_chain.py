"""The chain of the audit: blocks of sealed entries, each with a signed head that commits to every entry before it.

An entry is hashed by its values that are present, so a column that is added later and empty changes no sealed entry. A head commits to its
context, the head before it, the numbers of the entries and their hashes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from typing import Any
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

#: The head before the first block.
GENESIS = bytes(32)
#: The hash of an entry that was gone when its block was sealed.
MISSING = bytes(32)
HASH_BYTES = 32
#: First and last number, both included.
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Block:
    """Entries that were sealed together: their numbers in spans, and their hashes in the order of the numbers."""

    number: int
    spans: Sequence[Span]
    hashes: bytes
    sealed_at: datetime
    head: bytes
    signature: bytes
    key_id: str

    @property
    def entries(self) -> int:
        return len(self.hashes) // HASH_BYTES

    def sealed(self) -> Iterator[tuple[int, bytes]]:
        """The number and the hash of each entry."""
        for position, number in enumerate(number for first, last in self.spans for number in range(first, last + 1)):
            yield number, self.hashes[position * HASH_BYTES : (position + 1) * HASH_BYTES]


@dataclass(frozen=True, slots=True)
class Head:
    """A head as it was published."""

    context: str
    number: int
    head: bytes
    signature: bytes
    key_id: str


class SigningKey:
    """The key of one context's sealer. `id` is derived from the public key, so no list of ids is kept."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()
        self.id = key_id(self.public)

    def sign(self, context: str, number: int, head: bytes) -> bytes:
        return self._key.sign(_signed(context, number, head))


def key_id(public: bytes) -> str:
    return sha256(public).hexdigest()[:16]


def is_signed(head: Head, public_keys: Iterable[bytes]) -> bool:
    """Whether one of the keys signed the head for this context and number."""
    public = next((each for each in public_keys if key_id(each) == head.key_id), None)
    if public is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(head.signature, _signed(head.context, head.number, head.head))
    except InvalidSignature:
        return False
    return True


def hash_of(entry: Iterable[tuple[str, Any]]) -> bytes:
    """The hash of a row of the audit, from its columns and their values."""
    present = {name: str(value) if isinstance(value, UUID) else value for name, value in entry if value is not None}
    return sha256(orjson.dumps(present, option=orjson.OPT_SORT_KEYS)).digest()


def head_of(context: str, number: int, before: bytes, spans: Sequence[Span], hashes: bytes, sealed_at: datetime) -> bytes:
    content = ["care audit 1", context, number, before.hex(), spans, sha256(hashes).hexdigest(), sealed_at]
    return sha256(orjson.dumps(content)).digest()


def spans_of(numbers: Sequence[int]) -> list[Span]:
    """Ascending numbers as spans of consecutive ones."""
    ends = [position for position, (one, next_one) in enumerate(pairwise(numbers), start=1) if next_one != one + 1]
    bounds = pairwise([0, *ends, len(numbers)]) if numbers else ()
    return [(numbers[first], numbers[last - 1]) for first, last in bounds]


def _signed(context: str, number: int, head: bytes) -> bytes:
    return f"care audit {context} {number} {head.hex()}".encode()
