"""Runs a command on a referral, and presents referrals with their feedback and merged referrals."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Response as HttpResponse

from services.referrals.api.responses import FollowedReferralView, ReferralView
from services.referrals.domain.referral import Referral
from services.referrals.queries import referrals
from services.referrals.queries.feedback import feedback
from shared.kernel.actor import Actor
from shared.persistence.transaction import Transaction
from shared.web.dependencies import UnitOfWork
from shared.web.responses import json_response


async def run_command(unit: UnitOfWork, caller: Actor, handler: Callable[..., Awaitable[Referral]], *arguments: Any) -> HttpResponse:
    """Runs `handler(*arguments, tx=tx)` in one transaction; presents the referral after the commit."""
    async with unit.transaction(caller) as tx:
        referral = await handler(*arguments, tx=tx)
        policy, now = tx.policy, tx.now
    return json_response(ReferralView.of(referral, policy, now))


async def followed(tx: Transaction[Any], referral: Referral) -> FollowedReferralView:
    target = await referrals.referral(tx, referral.merged_into) if referral.merged_into else None
    return FollowedReferralView.following(
        referral,
        lines=await feedback(tx, referral),
        target=target,
        joined=await referrals.merged_into(tx, referral.id),
        policy=tx.policy,
        now=tx.now,
    )
