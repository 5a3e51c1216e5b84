"""The public keys of the token issuer, read again while the process runs.

A key that its source no longer lists is withdrawn: no token of it is accepted after the next reading. After a failed reading the last keys
stay, so that an outage of the issuer stops no work.
"""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, KeySet

log = structlog.get_logger()

#: Seconds between readings. With the longest reading and a stream's next look at its token, less than a minute (docs/adr/0029).
PERIOD = 20.0
#: The shortest time between two readings that tokens of unknown keys cause: anyone can send such tokens.
_SHORTEST_GAP = 5.0
_KEY_TYPES = {"RSA", "EC", "OKP"}


class KeysUnread(Exception):
    """The source gave no key set. The text names the reason and quotes nothing of the answer."""


class KeySource(Protocol):
    """Where the issuer publishes its keys. It is open while it is read."""

    def opened(self) -> AbstractAsyncContextManager[object]: ...

    async def read(self) -> dict[str, Any]:
        """The JSON Web Key Set. Raises KeysUnread."""
        ...


class FileSource:
    """A file with a JSON Web Key Set. A new version replaces it by a rename."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def opened(self) -> AbstractAsyncContextManager[object]:
        return nullcontext()

    async def read(self) -> dict[str, Any]:
        return await asyncio.to_thread(self.read_now)

    def read_now(self) -> dict[str, Any]:
        """Raises KeysUnread."""
        try:
            return parsed(self._path.read_bytes())
        except OSError as problem:
            raise KeysUnread(f"the file cannot be read: {type(problem).__name__}") from None


def parsed(document: bytes) -> dict[str, Any]:
    """Raises KeysUnread."""
    try:
        found = json.loads(document)
    except (ValueError, RecursionError):
        raise KeysUnread("the document is not JSON") from None
    if not isinstance(found, dict):
        raise KeysUnread("the document is no JSON object")
    return found


def public_keys(jwks: dict[str, Any]) -> KeySet:
    """The keys that may sign tokens; those for encryption, symmetric ones and unknown kinds are left out. Raises KeysUnread."""
    try:
        candidates = [each for each in jwks["keys"] if each["kty"] in _KEY_TYPES and each.get("use", "sig") == "sig"]
        return KeySet([JWKRegistry.import_key(each) for each in candidates])
    except (JoseError, ValueError, KeyError, TypeError, AttributeError):
        raise KeysUnread("the document is not a JSON Web Key Set") from None


class SigningKeys:
    """`current` is None until the first successful reading. `on_change` functions are called after each change of the keys."""

    def __init__(self, source: KeySource | None = None, jwks: dict[str, Any] | None = None, period: float = PERIOD) -> None:
        """Without a source the keys of `jwks` never change. Raises KeysUnread."""
        self.current = None if jwks is None else public_keys(jwks)
        self.on_change: list[Callable[[], None]] = []
        self._source, self._published, self._period = source, jwks, period
        self._read_at, self._tried_at = monotonic(), -math.inf
        self._reading: asyncio.Task[None] | None = None

    @property
    def age(self) -> float | None:
        """Seconds since the last successful reading, or since the start; None for keys that never change."""
        return monotonic() - self._read_at if self._source else None

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Reads the keys at once and again in each period, until the end of the block."""
        if self._source is None:
            yield
            return
        async with self._source.opened():
            await self._read_once()
            following = asyncio.create_task(self._follow(), name="signing keys")
            try:
                yield
            finally:
                await _ended(following, self._reading)

    async def read_for_unknown_key(self) -> None:
        """Reads the keys unless that happened just now; simultaneous callers wait for one reading."""
        if self._source and (self._reading or monotonic() - self._tried_at >= _SHORTEST_GAP):
            await self._read_once()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._period)
            await self._read_once()

    async def _read_once(self) -> None:
        """A caller that is cancelled does not end the reading of the others."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read(), name="signing keys: reading")
        await asyncio.shield(self._reading)

    async def _read(self) -> None:
        assert self._source  # noqa: S101  the callers have one
        self._tried_at = monotonic()
        try:
            self._accept(await self._source.read())
            self._read_at = monotonic()
        except Exception as problem:  # the next reading may succeed
            reason = str(problem) if isinstance(problem, KeysUnread) else type(problem).__name__
            log.warning("keys.unread", reason=reason, seconds=round(self.age or 0))
        finally:
            self._reading = None

    def _accept(self, jwks: dict[str, Any]) -> None:
        if jwks == self._published and self.current is not None:
            return
        self.current, self._published = public_keys(jwks), jwks
        log.info("keys.changed", keys=[key.kid for key in self.current])
        for act in self.on_change:
            act()


async def _ended(*tasks: asyncio.Task[None] | None) -> None:
    running = [each for each in tasks if each]
    for each in running:
        each.cancel()
    await asyncio.wait(running)
