"""Sends one request and returns its response, or None without one; counts the results of the load."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import aiohttp

_TIMEOUT = aiohttp.ClientTimeout(total=35)  # slightly longer than the API's own timeout

#: Responses that a correct request never gets. They exclude a version conflict: another client may have changed the resource.
UNEXPECTED = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}


@dataclass(frozen=True, slots=True)
class Reply:
    """`status` is None when no response came."""

    status: int | None
    body: Any = None
    etag: str = ""


_NO_REPLY = Reply(None)


@dataclass(slots=True)
class LoadResults:
    """The results of the load, as they were acknowledged.

    `meetings`: the ids of the meetings that were held. `discussed`: meeting and version, by case. `commands`: the version in the response
    to the last command, by path of the referral, response or case. `acknowledged_at`: begin and end of each acknowledged request.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    surprises: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    finished: int = 0
    meetings: set[str] = field(default_factory=set)
    discussed: dict[str, tuple[str, int]] = field(default_factory=dict)
    commands: dict[str, int] = field(default_factory=dict)
    held_back: int = 0
    acknowledged_at: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ChaosClient:
    """`http` calls the API at `url`; `token` returns the token of a caller."""

    url: str
    token: Callable[[str], str]
    http: aiohttp.ClientSession
    results: LoadResults = field(default_factory=LoadResults)

    async def request(self, method: str, caller: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        sent = {"Authorization": f"Bearer {self.token(caller)}", "Content-Type": "application/json", **(headers or {})}
        try:
            async with self.http.request(method, self.url + path, data=body, headers=sent, timeout=_TIMEOUT) as response:
                self.results.statuses[str(response.status)] += 1
                content = json.loads(await response.read() or b"{}")
                return Reply(response.status, content, response.headers.get("ETag", ""))
        except (aiohttp.ClientError, TimeoutError, ValueError):
            self.results.statuses["none"] += 1
            return _NO_REPLY

    def record_unexpected(self, request: str, reply: Reply) -> None:
        self.results.surprises[f"{request} refused: {reply.status} {reply.body.get('code')}"] += 1
