"""An OpenID provider on loopback that answers as a test wants, and tokens that its keys sign."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey

from shared.clock import wall_clock
from shared.web.auth import Tokens
from shared.web.signing_keys import SigningKeys

AUDIENCE = "care-coordination"


def a_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"}, private=True)


def jwks(*keys: RSAKey) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


def signed(key: RSAKey, issuer: str, **claims: Any) -> str:
    """The Authorization header of a clinician's token."""
    now = int(wall_clock().timestamp())
    usual = {"iss": issuer, "aud": AUDIENCE, "iat": now, "exp": now + 300, "sub": "clinician-1", "org": "CLCH", "role": "clinician"}
    return f"Bearer {jwt.encode({'alg': 'RS256', 'kid': key.kid}, usual | claims, key)}"


def tokens_of(keys: SigningKeys, issuer: str) -> Tokens:
    return Tokens(keys, issuer=issuer, audience=AUDIENCE, max_lifetime=timedelta(hours=1))


@dataclass
class KeyProvider:
    """`document` is the key set; `configuration` replaces members of the OpenID configuration; `delay` slows both answers."""

    url: str = ""
    document: dict[str, Any] = field(default_factory=dict)
    configuration: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    delay: float = 0
    readings: int = 0

    async def configure(self, _: web.Request) -> web.Response:
        await asyncio.sleep(self.delay)
        found = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"} | self.configuration
        return web.json_response(found, status=self.status, headers={"Location": f"{self.url}/elsewhere"})

    async def publish(self, _: web.Request) -> web.Response:
        self.readings += 1
        return web.json_response(self.document)


@asynccontextmanager
async def key_provider(*keys: RSAKey) -> AsyncIterator[KeyProvider]:
    provider = KeyProvider(document=jwks(*keys))
    app = web.Application()
    app.add_routes([web.get("/.well-known/openid-configuration", provider.configure), web.get("/jwks", provider.publish)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        provider.url = f"http://{host}:{port}"
        yield provider
    finally:
        await runner.cleanup()
