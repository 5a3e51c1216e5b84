"""How a referral is acknowledged: those that come at the same moment are received in one transaction, each with its own answer."""

from collections.abc import Mapping, Sequence
from typing import cast

from fastapi import Response

from services.referrals.api.responses import ReceivedView
from services.referrals.domain import Policy
from services.referrals.domain.directory import Service
from services.referrals.domain.receiving import emergency_alternative
from services.referrals.handlers.receive import Received, ReceiveRequest, receive_referrals, today
from services.referrals.queries import directory
from shared.kernel.errors import DomainError
from shared.persistence.idempotency import claim_all, release_all
from shared.persistence.transaction import IdempotencyKey, RequestContext, Transaction
from shared.web.responses import created

Tx = Transaction[Policy]
Outcome = Response | Exception


async def acknowledge(asked: Sequence[ReceiveRequest], tx: Tx) -> Sequence[Outcome]:
    """For each the answer, kept for repetitions; or what refuses it: an earlier answer to the same request, or a rule."""
    claims = [(each.turn.actor, cast("IdempotencyKey", each.turn.idempotency_key)) for each in asked]
    earlier = await claim_all(tx, claims)
    fresh = [number for number, before in enumerate(earlier) if before is None]
    received = await receive_referrals([asked[number] for number in fresh], tx=tx)
    answers = await _answers([asked[number] for number in fresh], received, tx)
    await release_all(tx, [claims[number] for number, answer in zip(fresh, answers, strict=True) if isinstance(answer, Exception)])
    now = dict(zip(fresh, answers, strict=True))
    return [now[number] if before is None else before for number, before in enumerate(earlier)]


async def _answers(asked: Sequence[ReceiveRequest], outcomes: Sequence[Received | DomainError], tx: Tx) -> list[Outcome]:
    codes = {_turn_to(each, tx) for each in outcomes if isinstance(each, Received)}
    services = {code: await directory.service(tx, code, today(tx)) for code in codes if code}
    return [_answer(each.turn, outcome, services, tx) for each, outcome in zip(asked, outcomes, strict=True)]


def _answer(turn: RequestContext, outcome: Received | DomainError, services: Mapping[str, Service | None], tx: Tx) -> Outcome:
    if isinstance(outcome, DomainError):
        return outcome
    code = _turn_to(outcome, tx)
    view = ReceivedView.acknowledging(outcome, turn_to=services[code] if code else None, policy=tx.policy, now=tx.now)
    with tx.acting_as(turn):
        return created(tx, view, f"/referrals/{outcome.referral.id}")


def _turn_to(received: Received, tx: Tx) -> str | None:
    return emergency_alternative(received.joins or received.referral, tx.now, tx.policy)
