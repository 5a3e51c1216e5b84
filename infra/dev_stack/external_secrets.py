"""Secrets from the environment: those of a deployment whose data is read.

Invariant: they are used unchanged, and no missing secret is generated for existing data.
"""

import os
from collections.abc import Iterable

from infra.errors import StackError

_RING = ("CARE_ENCRYPTION_KEYS", "CARE_ENCRYPTION_KEY_ID")
#: The secrets that decrypt the data of a deployment and authenticate its callers.
#: The keys of the tokens come from one of these.
_ISSUER = ("CARE_JWKS", "CARE_JWKS_FILE", "CARE_OPENID_ISSUER")
NAMES = ("CARE_PERSON_ID_SECRET", *_RING, *_ISSUER)


def external_secrets() -> dict[str, str]:
    """Returns the secrets that are set. Raises StackError when only one of the key ring and the key id is set."""
    found = {name: value for name in NAMES if (value := os.environ.get(name))}
    if len(found.keys() & set(_RING)) == 1:
        raise StackError(f"{_RING[0]} and {_RING[1]} belong together: set both or neither.")
    if external_issuer():
        found = dict.fromkeys(_ISSUER, "") | found  # in place of the stack's own keys
    return found


def external_issuer() -> str | None:
    """Returns the variable that names another token issuer than the stack itself."""
    return next((name for name in _ISSUER if os.environ.get(name)), None)


def require(names: Iterable[str], known: Iterable[str], where: str) -> None:
    """Raises StackError that names the missing secrets."""
    if missing := [name for name in names if name not in set(known)]:
        raise StackError(f"The data of {where} cannot be read without {', '.join(missing)}: set the values of that deployment.")
