"""Batches of referrals, as a practice's system sends them: each referral is acknowledged or refused separately."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import TypeAlias

import orjson
import structlog
from fastapi import Response

from services.referrals.api import requests
from services.referrals.api.auth import Referrer
from services.referrals.api.collection import receive
from services.referrals.api.responses import BatchView
from services.referrals.commands import ReceiveReferral
from shared.contracts.persons import Story
from shared.kernel.actor import Actor
from shared.kernel.errors import DomainError
from shared.persistence.idempotency import DuplicateRequest
from shared.persistence.transaction import IdempotencyKey
from shared.telemetry.logs import frames
from shared.web.batch_items import InvalidItem
from shared.web.dependencies import IdempotencyHeader, Unit
from shared.web.fast_route import FastRoute
from shared.web.problems import HttpProblem, invalid_request, problems, response_to
from shared.web.requests import strict_router

log = structlog.get_logger()

Item: TypeAlias = ReceiveReferral | InvalidItem

router = strict_router(prefix="/referrals/batch", tags=["referrals"], route_class=FastRoute)


@router.post("", name="ReceiveReferrals", response_model=BatchView, responses=problems())
async def send_referrals(body: requests.NewReferrals, caller: Referrer, key: IdempotencyHeader, unit: Unit) -> Response:
    """Send up to a hundred referrals. The items of the response, in the same order, equal the responses to single referrals.

    The key holds for each referral with its content. A batch that is sent again with the same key, in any order, repeats the
    acknowledgement of each unchanged referral; corrected, added and refused referrals are received. Retry-After is the longest of the
    items that reached a limit.
    """
    commands = [each if isinstance(each, InvalidItem) else each.command() for each in body.referrals]
    responses = await asyncio.gather(*(_one(each, caller, own, unit) for each, own in _with_keys(commands, key)))
    waits = [each.headers["retry-after"] for each in responses if each.status_code == HTTPStatus.TOO_MANY_REQUESTS]
    headers = {"Retry-After": max(waits, key=int)} if waits else {}
    return Response(b'{"items":[%b]}' % b",".join(map(_item, responses)), 200, headers, "application/json")


def _with_keys(items: Iterable[Item], key: IdempotencyKey) -> Iterator[tuple[Item, IdempotencyKey]]:
    """Each item with a key of its own: the key of the batch, a digest of the item, and its number among equal items."""
    equal: Counter[bytes] = Counter()
    for item in items:
        digest = b"" if isinstance(item, InvalidItem) else _digest(item)
        equal[digest] += 1
        yield item, IdempotencyKey(f"{key.key}#{digest.hex()}#{equal[digest]}", digest)


def _digest(command: ReceiveReferral) -> bytes:
    return hashlib.sha256(orjson.dumps(command, default=Story.model_dump)).digest()


async def _one(item: Item, caller: Actor, key: IdempotencyKey, unit: Unit) -> Response:
    if isinstance(item, InvalidItem):
        return invalid_request(item.errors, requests.NewReferral)
    try:
        return await receive(item, caller, key, unit)
    except DuplicateRequest as repeated:
        return Response(repeated.response.body, repeated.response.status)
    except DomainError as refusal:
        await unit.refused(refusal)
        return response_to(refusal)
    except HttpProblem as refusal:
        return response_to(refusal)
    except Exception as problem:  # the other items keep their responses
        log.error("batch.item-failed", problem=type(problem).__name__, at=frames(problem))
        return response_to(problem)


def _item(response: Response) -> bytes:
    """Stored and new responses are JSON already."""
    kind = b"referral" if response.status_code == HTTPStatus.CREATED else b"problem"
    return b'{"status":%d,"%b":%b}' % (response.status_code, kind, bytes(response.body))
