"""The secrets of a local stack: made once, kept in a file that only its owner reads. A deployment brings its own."""

import json
import os
import secrets
from base64 import b64encode
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from shared.clock import wall_clock

ISSUER = AUDIENCE = "care-coordination"
_FILE = "secrets.json"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Keys:
    person_id_secret: str
    record_key: str
    record_secret: str
    database_password: str
    signing_key: dict[str, str]

    def token(self, actor_id: str, organisation: str, role: str, scopes: list[str], valid_for: timedelta = timedelta(hours=12)) -> str:
        """A development token. Its key is this stack's own, so it opens nothing elsewhere."""
        now = int(wall_clock().timestamp())
        claims: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + int(valid_for.total_seconds())}
        claims |= {"sub": actor_id, "org": organisation, "role": role, "scope": " ".join(scopes)}
        key = RSAKey.import_key(self.signing_key)  # type: ignore[arg-type]
        return jwt.encode({"alg": "RS256", "kid": self.signing_key["kid"]}, claims, key)

    def public(self) -> str:
        """The JWKS that verifies the tokens."""
        key = RSAKey.import_key(self.signing_key)  # type: ignore[arg-type]
        return json.dumps({"keys": [key.as_dict(private=False)]})


def load_or_make(folder: Path) -> Keys:
    path = folder / _FILE
    if path.exists():
        return Keys(**json.loads(path.read_text()))
    keys = make()
    folder.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(keys), file)
    return keys


def make() -> Keys:
    signing = RSAKey.generate_key(2048, {"kid": f"development-{secrets.token_hex(4)}"}, private=True)
    return Keys(
        person_id_secret=b64encode(secrets.token_bytes(_KEY_BYTES)).decode(),
        record_key=f"record-{secrets.token_hex(4)}",
        record_secret=b64encode(secrets.token_bytes(_KEY_BYTES)).decode(),
        database_password=secrets.token_urlsafe(24),
        signing_key=signing.as_dict(private=True),  # type: ignore[arg-type]
    )
