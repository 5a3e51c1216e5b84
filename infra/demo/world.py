"""Everybody who acts in the story: each calls the served HTTP API with a token of their own."""

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
    """Who asked what of the API."""

    caller: str
    method: str
    path: str


class StoryBroken(Exception):
    """The product did not answer as the story needs; the text says who asked what and what came back."""


@dataclass
class Caller:
    """One person at one screen."""

    name: str
    http: httpx.AsyncClient
    bearer: str
    calls: list[Call] = field(default_factory=list)

    async def get(self, path: str, **query: Any) -> Any:
        return (await self._ask("GET", path, params=query)).json()

    async def create(self, path: str, body: Any, *, key: str | None = None, **more: Any) -> Any:
        """POSTs something new under an Idempotency-Key."""
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        return (await self._ask("POST", path, headers={"Idempotency-Key": key or str(new_id()), **more}, **content)).json()

    async def act(self, path: str, verb: str, body: Any = None) -> Any:
        """POSTs `path/verb` on the version that a GET of `path` shows now."""
        etag = (await self._ask("GET", path)).headers["etag"]
        return (await self._ask("POST", f"{path}/{verb}", headers={"If-Match": etag}, json=body)).json()

    async def put(self, path: str, body: Any) -> Any:
        return (await self._ask("PUT", path, json=body)).json()

    async def _ask(self, method: str, path: str, headers: dict[str, str] | None = None, **request: Any) -> httpx.Response:
        self.calls.append(Call(self.name, method, path))
        response = await self.http.request(method, path, headers={"Authorization": f"Bearer {self.bearer}", **(headers or {})}, **request)
        if not response.is_success:
            raise StoryBroken(f"{self.name} asked {method} {path} and got {response.status_code}: {response.text}")
        return response


@dataclass
class World:
    """The running product, the clock of care, and what the story has learnt so far (`ids`, `seen`, `calls`)."""

    product: Product
    http: httpx.AsyncClient
    owner: "asyncpg.Connection[asyncpg.Record]"
    ids: dict[str, UUID | str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    seen: dict[str, Any] = field(default_factory=dict)

    def caller(self, name: str) -> Caller:
        return Caller(name, self.http, token(self.product.keys, name), self.calls)

    async def travel(self, instant: datetime) -> None:
        await travel(self.owner, instant)

    async def wait_until_drained(self) -> None:
        await wait_until_drained(self.owner)


__all__ = ["CALLERS", "Call", "Caller", "StoryBroken", "World"]
