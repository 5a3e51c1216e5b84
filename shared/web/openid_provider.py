"""The keys of an OpenID provider, found by OpenID Connect Discovery 1.0: issuer, its configuration, its key set."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx
import truststore

from shared.web.addresses import is_loopback
from shared.web.signing_keys import KeysUnread, parsed

#: Seconds for the two requests of a reading together.
_LONGEST_READING = 5.0
_LARGEST_DOCUMENT = 256 * 1024


def is_secure(url: str) -> bool:
    """Whether the address is https, or http on this machine alone: the keys decide who is believed."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")))


class OpenIdProvider:
    """A `KeySource`: reads the provider's configuration each time, because the address of its keys may change."""

    def __init__(self, issuer: str, longest_reading: float = _LONGEST_READING) -> None:
        self._issuer, self._longest_reading = issuer, longest_reading
        self._http: httpx.AsyncClient | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """The system's authorities are trusted: many networks use a private one."""
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        async with httpx.AsyncClient(verify=context, timeout=self._longest_reading, headers={"Accept": "application/json"}) as self._http:
            yield

    async def read(self) -> dict[str, Any]:
        """Raises KeysUnread."""
        try:
            async with asyncio.timeout(self._longest_reading):
                return await self._document(await self._address_of_keys())
        except TimeoutError:
            raise KeysUnread(f"the provider did not answer within {self._longest_reading:g} seconds") from None
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            raise KeysUnread(f"the provider cannot be reached: {type(problem).__name__}") from None

    async def _address_of_keys(self) -> str:
        configuration = await self._document(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if configuration.get("issuer") != self._issuer:
            raise KeysUnread("the configuration is that of another issuer")
        address = configuration.get("jwks_uri")
        if not isinstance(address, str) or not is_secure(address):
            raise KeysUnread("the configuration names no https address of keys")
        return address

    async def _document(self, url: str) -> dict[str, Any]:
        """Redirects are not followed: they could lead to an address without https."""
        assert self._http  # noqa: S101  a source is read while it is open
        async with self._http.stream("GET", url) as response:
            if response.status_code != HTTPStatus.OK:
                raise KeysUnread(f"the provider answered with {response.status_code}")
            document = b""
            async for part in response.aiter_bytes():
                document += part
                if len(document) > _LARGEST_DOCUMENT:
                    raise KeysUnread(f"the document has more than {_LARGEST_DOCUMENT} bytes")
        return parsed(document)
