"""Many referrals at once, as a practice's own system sends them: each is acknowledged or refused for itself."""

import asyncio
from http import HTTPStatus

import structlog
from fastapi import APIRouter, Response

from services.referrals.api import requests
from services.referrals.api.auth import Referrer
from services.referrals.api.receive_group import acknowledge
from services.referrals.api.responses import BatchView
from services.referrals.handlers.receive import ReceiveRequest
from shared.kernel.errors import DomainError
from shared.persistence.idempotency import DuplicateRequest
from shared.persistence.transaction import IdempotencyKey, RequestContext
from shared.telemetry.logs import frames
from shared.web.dependencies import IdempotencyHeader, Unit
from shared.web.fast_route import FastRoute
from shared.web.problems import answer_to, problems

log = structlog.get_logger()

router = APIRouter(prefix="/batch", route_class=FastRoute)


@router.post("", name="ReceiveReferrals", response_model=BatchView, responses=problems())
async def send_referrals(body: requests.NewReferrals, caller: Referrer, once: IdempotencyHeader, unit: Unit) -> Response:
    """Send up to a hundred. The items answer in the order in which they were sent, each with what it would have been answered alone.

    Under the same key what was acknowledged is answered alike again, and what was refused is tried again.
    """
    sent = [(IdempotencyKey(f"{once.key}#{number}", once.fingerprint), each) for number, each in enumerate(body.referrals)]
    answers = await asyncio.gather(*(_one(each, unit.request_context(caller, own), unit) for own, each in sent))
    return Response(b'{"items":[%b]}' % b",".join(map(_item, answers)), media_type="application/json")


async def _one(body: requests.NewReferral, turn: RequestContext, unit: Unit) -> Response:
    try:
        return await unit.group_commit(acknowledge, ReceiveRequest.by(turn, body.command()))
    except DuplicateRequest as repeated:
        return Response(repeated.answer.body, repeated.answer.status)
    except DomainError as refusal:
        return answer_to(refusal)
    except Exception as problem:  # the others are told what became of theirs all the same
        log.error("batch.item-failed", problem=type(problem).__name__, at=frames(problem))
        return answer_to(problem)


def _item(answer: Response) -> bytes:
    """Both kinds of answer are JSON already."""
    kind = b"referral" if answer.status_code == HTTPStatus.CREATED else b"problem"
    return b'{"status":%d,"%b":%b}' % (answer.status_code, kind, bytes(answer.body))
