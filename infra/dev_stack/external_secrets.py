"""Secrets that the environment gives: a deployment's own, or those of an earlier one whose data is to be read.

Invariant: what is given is used as it is; nothing that was not given is invented for data that exists.
"""

import os
from collections.abc import Iterable

from infra.errors import StackError

_RING = ("CARE_ENCRYPTION_KEYS", "CARE_ENCRYPTION_KEY_ID")
#: What the data of a deployment can be read and its callers be known with.
NAMES = ("CARE_PERSON_ID_SECRET", *_RING, "CARE_JWKS")


def external_secrets() -> dict[str, str]:
    """Those that are set. Raises StackError when a key ring is given without the name of its key, or the name without the ring."""
    given = {name: value for name in NAMES if (value := os.environ.get(name))}
    if len(given.keys() & set(_RING)) == 1:
        raise StackError(f"{_RING[0]} and {_RING[1]} belong together: give both or neither.")
    return given


def require(names: Iterable[str], known: Iterable[str], where: str) -> None:
    """Raises StackError, naming what is not known."""
    if missing := [name for name in names if name not in set(known)]:
        raise StackError(f"Without {', '.join(missing)} the data of {where} cannot be read: set what that deployment runs with.")
