"""One request, and its answer or that there was none; and the count of everything that came of the load."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import aiohttp

_PATIENCE = aiohttp.ClientTimeout(total=35)  # a little more than the API takes before it gives up

#: What somebody who is right is never told. A version that somebody else changed meanwhile is no mistake.
MISTAKES = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}


@dataclass(frozen=True, slots=True)
class Reply:
    """`status` is None when there was none."""

    status: int | None
    body: Any = None
    etag: str = ""


_NONE = Reply(None)


@dataclass(slots=True)
class Told:
    """What came of the load, as it was acknowledged.

    `meetings` were held, `discussed` holds the meeting and the version of each discussed case, `acted` the version that the last command
    on a referral, response or case was answered with, by its path, and `answered_at` when each request had begun and ended.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    surprises: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    finished: int = 0
    meetings: set[str] = field(default_factory=set)
    discussed: dict[str, tuple[str, int]] = field(default_factory=dict)
    acted: dict[str, int] = field(default_factory=dict)
    held_back: int = 0
    answered_at: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ChaosClient:
    """`http` speaks to the API at `url`, as the callers of `tokens`."""

    url: str
    tokens: Mapping[str, str]
    http: aiohttp.ClientSession
    told: Told = field(default_factory=Told)

    async def ask(self, method: str, caller: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        sent = {"Authorization": f"Bearer {self.tokens[caller]}", "Content-Type": "application/json", **(headers or {})}
        try:
            async with self.http.request(method, self.url + path, data=body, headers=sent, timeout=_PATIENCE) as answer:
                self.told.statuses[str(answer.status)] += 1
                content = json.loads(await answer.read() or b"{}")
                return Reply(answer.status, content, answer.headers.get("ETag", ""))
        except (aiohttp.ClientError, TimeoutError, ValueError):
            self.told.statuses["none"] += 1
            return _NONE

    def note_mistake(self, what: str, answer: Reply) -> None:
        self.told.surprises[f"{what} refused: {answer.status} {answer.body.get('code')}"] += 1
