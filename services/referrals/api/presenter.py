"""Puts together how one referral is followed: its feedback, what it joined, what joined it."""

from typing import Any

from services.referrals.api.responses import FollowedReferralView
from services.referrals.domain.referral import Referral
from services.referrals.queries import referrals
from services.referrals.queries.feedback import feedback
from shared.persistence.transaction import Transaction


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
