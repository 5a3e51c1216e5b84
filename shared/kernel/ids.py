"""Ids. A person's id is a pseudonym that every context derives alike; all others are time-ordered and random."""

import hmac
from typing import NewType
from uuid import NAMESPACE_OID, UUID, uuid5

import uuid_utils.compat

PersonId = NewType("PersonId", UUID)

_NAMESPACE = uuid5(NAMESPACE_OID, "care-coordination")
_VERSION_MASK, _VERSION_8 = 0xF000 << 64, 0x8000 << 64
_VARIANT_MASK, _VARIANT_RFC = 0xC000 << 48, 0x8000 << 48


def new_id() -> UUID:
    """A fresh UUID (version 7): later ids sort after earlier ones."""
    return uuid_utils.compat.uuid7()


def derived_id(*parts: object) -> UUID:
    """The same parts give the same id, for things that must exist only once (a weekly meeting, a task of a plan)."""
    return uuid5(_NAMESPACE, "/".join(str(part) for part in parts))


def person_id(secret: bytes, nhs_number: str) -> PersonId:
    """The pseudonym (UUID version 8) of a valid NHS number: HMAC-SHA-256 under the deployment's secret, design.md §2."""
    number = int.from_bytes(hmac.digest(secret, nhs_number.encode(), "sha256")[:16])
    number = number & ~_VERSION_MASK | _VERSION_8
    return PersonId(UUID(int=number & ~_VARIANT_MASK | _VARIANT_RFC))
