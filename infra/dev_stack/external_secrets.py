"""Secrets from the environment: those of a deployment whose data is read.

Invariant: they are used unchanged, and no missing secret is generated for existing data.
"""

import os
from collections.abc import Iterable
from itertools import chain

from infra.contexts import CONTEXTS
from infra.errors import StackError

#: Variables that are set together: keys, and the id of the one in use.
_PAIRS = (
    ("CARE_ENCRYPTION_KEYS", "CARE_ENCRYPTION_KEY_ID"),
    *((f"{context.upper()}_MAC_KEYS", f"{context.upper()}_MAC_KEY_ID") for context in CONTEXTS),
)
#: The keys of the tokens come from one of these.
_ISSUER = ("CARE_JWKS", "CARE_JWKS_FILE", "CARE_OPENID_ISSUER")
#: The secrets that decrypt the data of a deployment and authenticate its records and its callers.
NAMES = ("CARE_PERSON_ID_SECRET", *chain.from_iterable(_PAIRS), *_ISSUER)


def external_secrets() -> dict[str, str]:
    """Returns the secrets that are set. Raises StackError when only one of keys and key id is set."""
    found = {name: value for name in NAMES if (value := os.environ.get(name))}
    for keys, key_id in _PAIRS:
        if (keys in found) != (key_id in found):
            raise StackError(f"{keys} and {key_id} belong together: set both or neither.")
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
