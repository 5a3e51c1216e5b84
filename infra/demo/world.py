"""The people who act in the story: each calls the served HTTP API with a token for their own role."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from infra.dev_stack.drain import wait_until_drained
from infra.dev_stack.product import Product
from infra.dev_stack.serve import CALLERS, token
from infra.dev_stack.time_travel import travel
from shared.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class Call:
    """A request to the API, and its caller."""

    caller: str
    method: str
    path: str


class StoryBroken(Exception):
    """The product gave another response than the story needs. The text names the caller, the request and the response."""


@dataclass
class Caller:
    """A person who calls the API with a bearer token; `calls` records each request."""

    name: str
    http: httpx.AsyncClient
    bearer: str
    calls: list[Call] = field(default_factory=list)

    async def get(self, path: str, **query: Any) -> Any:
        """The JSON of a GET. Raises StoryBroken, as the other methods do."""
        return (await self._send("GET", path, params=query)).json()

    async def create(self, path: str, body: Any, *, key: str | None = None, **more: Any) -> Any:
        """POSTs a new resource under an idempotency key, new unless given."""
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        return (await self._send("POST", path, headers={"Idempotency-Key": key or str(new_id()), **more}, **content)).json()

    async def act(self, path: str, verb: str, body: Any = None) -> Any:
        """POSTs `path/verb` on the current version of `path`."""
        return await self.change(path, f"{path}/{verb}", body)

    async def change(self, path: str, command: str, body: Any = None) -> Any:
        """POSTs to `command` on the current version of `path`."""
        etag = (await self._send("GET", path)).headers["etag"]
        return (await self._send("POST", command, headers={"If-Match": etag}, json=body)).json()

    async def put(self, path: str, body: Any) -> Any:
        return (await self._send("PUT", path, json=body)).json()

    async def _send(self, method: str, path: str, headers: dict[str, str] | None = None, **request: Any) -> httpx.Response:
        self.calls.append(Call(self.name, method, path))
        response = await self.http.request(method, path, headers={"Authorization": f"Bearer {self.bearer}", **(headers or {})}, **request)
        if not response.is_success:
            raise StoryBroken(f"{self.name} sent {method} {path} and received {response.status_code}: {response.text}")
        return response


@dataclass
class World:
    """The running product and its clock; the ids, responses and calls of the story so far (`ids`, `seen`, `calls`)."""

    product: Product
    http: httpx.AsyncClient
    owner: "asyncpg.Connection[asyncpg.Record]"
    ids: dict[str, UUID | str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    seen: dict[str, Any] = field(default_factory=dict)

    def caller(self, name: str) -> Caller:
        """The caller of a role in `CALLERS`."""
        return Caller(name, self.http, token(self.product.keys, name), self.calls)

    async def travel(self, instant: datetime) -> None:
        """Moves the product's clock forward, deadline by deadline."""
        await travel(self.owner, instant)

    async def wait_until_drained(self) -> None:
        """Waits until no event is pending in an outbox or unapplied by a subscriber."""
        await wait_until_drained(self.owner)


__all__ = ["CALLERS", "Call", "Caller", "StoryBroken", "World"]
