"""The secrets of a local stack, generated once and stored in a file that only its owner may read.

Invariant: the file is complete or absent and never overwritten: without it the data of the stack cannot be decrypted.
"""

import hmac
import json
import os
import secrets
import tempfile
from base64 import b64decode, b64encode
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from infra.contexts import CONTEXTS
from infra.deploy.database_roles import Roles
from infra.errors import StackError
from shared.clock import wall_clock
from shared.persistence.audit_chain import SigningKey

ISSUER = AUDIENCE = "care-coordination"
#: The longest validity of a development token: a working day.
LONGEST_LIFETIME = timedelta(hours=12)
_FILE = "secrets.json"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Keys:
    """`mac_secrets` are by context; each has the key id `mac_key`."""

    person_id_secret: str
    record_key: str
    record_secret: str
    mac_key: str
    mac_secrets: dict[str, str]
    database_roles: str
    database_password: str
    audit_signing_keys: dict[str, str]
    signing_key: dict[str, str]

    @property
    def roles(self) -> Roles:
        """The password of each role is derived from `database_password`, which no role has."""
        derived = {context: hmac.digest(self.database_password.encode(), context.encode(), "sha256").hex() for context in CONTEXTS}
        return Roles(self.database_roles, derived)

    @property
    def erasure_signing_key(self) -> str:
        """Derived from `database_password` too, which no process of the product holds."""
        return b64encode(hmac.digest(self.database_password.encode(), b"erasure certificate", "sha256")).decode()

    def audit_public_keys(self) -> dict[str, list[str]]:
        """By context, in base64."""
        return {context: [b64encode(SigningKey(b64decode(seed)).public).decode()] for context, seed in self.audit_signing_keys.items()}

    def token(
        self, actor_id: str, organisation: str, role: str, scopes: list[str], valid_for: timedelta = LONGEST_LIFETIME, **more: object
    ) -> str:
        """Returns a development token, with `more` claims. Only this stack accepts its key."""
        now = int(wall_clock().timestamp())
        claims: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + int(valid_for.total_seconds())}
        claims |= {"sub": actor_id, "org": organisation, "role": role, "scope": " ".join(scopes)} | more
        return jwt.encode({"alg": "RS256", "kid": self.signing_key["kid"]}, claims, _read(json.dumps(self.signing_key)))

    def public(self) -> str:
        """Returns the JWKS that verifies the tokens."""
        return json.dumps({"keys": [_read(json.dumps(self.signing_key)).as_dict(private=False)]})


@lru_cache(maxsize=4)
def _read(key: str) -> RSAKey:
    """Cached: parsing a private key validates it, which takes fifty times as long as signing."""
    return RSAKey.import_key(json.loads(key))


def load(folder: Path) -> Keys | None:
    """Returns None when there is no file. Raises StackError when the file is damaged."""
    path = folder / _FILE
    try:
        return Keys(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as damage:
        advice = "Restore the file from a copy, or delete the folder of the stack with its data."
        raise StackError(f"{path} is damaged. {advice}") from damage


def load_or_make(folder: Path) -> Keys:
    """Raises StackError."""
    if keys := load(folder):
        return keys
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):  # another process created the file first
        _write(make(), folder / _FILE)
    return load_or_make(folder)


def make() -> Keys:
    signing = RSAKey.generate_key(2048, {"kid": f"development-{secrets.token_hex(4)}"}, private=True)
    return Keys(
        person_id_secret=_secret(),
        record_key=f"record-{secrets.token_hex(4)}",
        record_secret=_secret(),
        mac_key=f"records-{secrets.token_hex(4)}",
        mac_secrets={context: _secret() for context in CONTEXTS},
        database_roles=f"care_{secrets.token_hex(4)}",
        database_password=secrets.token_urlsafe(24),
        audit_signing_keys={context: b64encode(secrets.token_bytes(_KEY_BYTES)).decode() for context in CONTEXTS},
        signing_key=signing.as_dict(private=True),  # type: ignore[arg-type]
    )


def _secret() -> str:
    return b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def _write(keys: Keys, path: Path) -> None:
    """Creates the file atomically. Raises FileExistsError."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent) as file:  # mode 0600
        json.dump(asdict(keys), file)
        file.flush()
        os.fsync(file.fileno())
        path.hardlink_to(file.name)
