"""Batches of referrals, as a practice's system sends them: each referral is acknowledged or refused separately."""

import asyncio
from http import HTTPStatus

import structlog
from fastapi import APIRouter, Response

from services.referrals.api import requests
from services.referrals.api.auth import Referrer
from services.referrals.api.collection import acknowledge
from services.referrals.api.responses import BatchView
from shared.kernel.actor import Actor
from shared.kernel.errors import DomainError
from shared.persistence.idempotency import DuplicateRequest
from shared.persistence.transaction import IdempotencyKey
from shared.telemetry.logs import frames
from shared.web.batch_items import InvalidItem
from shared.web.dependencies import IdempotencyHeader, Unit
from shared.web.fast_route import FastRoute
from shared.web.problems import invalid_request, problems, response_to

log = structlog.get_logger()

router = APIRouter(prefix="/batch", route_class=FastRoute)


@router.post("", name="ReceiveReferrals", response_model=BatchView, responses=problems())
async def send_referrals(body: requests.NewReferrals, caller: Referrer, key: IdempotencyHeader, unit: Unit) -> Response:
    """Send up to a hundred referrals. The items of the response, in the same order, equal the responses to single referrals.

    A repetition with the same key repeats each acknowledgement and retries each refused referral.
    """
    keys = [IdempotencyKey(f"{key.key}#{number}", key.fingerprint) for number in range(len(body.referrals))]
    responses = await asyncio.gather(*(_one(each, caller, own, unit) for own, each in zip(keys, body.referrals, strict=True)))
    return Response(b'{"items":[%b]}' % b",".join(map(_item, responses)), media_type="application/json")


async def _one(body: requests.NewReferral | InvalidItem, caller: Actor, key: IdempotencyKey, unit: Unit) -> Response:
    if isinstance(body, InvalidItem):
        return invalid_request(body.errors, requests.NewReferral)
    try:
        return await unit.submit(caller, key, acknowledge, body.command())
    except DuplicateRequest as repeated:
        return Response(repeated.response.body, repeated.response.status)
    except DomainError as refusal:
        return response_to(refusal)
    except Exception as problem:  # the other items keep their responses
        log.error("batch.item-failed", problem=type(problem).__name__, at=frames(problem))
        return response_to(problem)


def _item(response: Response) -> bytes:
    """Stored and new responses are JSON already."""
    kind = b"referral" if response.status_code == HTTPStatus.CREATED else b"problem"
    return b'{"status":%d,"%b":%b}' % (response.status_code, kind, bytes(response.body))
