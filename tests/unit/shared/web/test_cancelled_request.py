"""A request that is cancelled by the server receives a problem with a Retry-After."""

import asyncio
import json

import pytest
from starlette.types import Message, Receive, Scope, Send

from shared.web.middleware import ObservabilityMiddleware


def _request() -> Scope:
    return {"type": "http", "method": "POST", "path": "/referrals", "headers": []}


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


async def _until_cancelled(app: ObservabilityMiddleware, began: asyncio.Event) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    request = asyncio.create_task(app(_request(), _nothing, send))
    await began.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    return sent


async def test_cancelled_request_is_temporarily_unavailable() -> None:
    began = asyncio.Event()

    async def slow(_: Scope, __: Receive, ___: Send) -> None:
        began.set()
        await asyncio.Event().wait()

    start, body = await _until_cancelled(ObservabilityMiddleware(slow, "referrals"), began)

    assert start["status"] == 503
    assert (b"retry-after", b"1") in start["headers"]
    assert json.loads(body["body"])["code"] == "temporarily-unavailable"


async def test_started_response_is_not_followed_by_another() -> None:
    began = asyncio.Event()

    async def halfway(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        began.set()
        await asyncio.Event().wait()

    (start,) = await _until_cancelled(ObservabilityMiddleware(halfway, "referrals"), began)

    assert start["status"] == 200
