"""Amendments of a referral, for the callers who may read them."""

from collections.abc import Sequence

from services.referrals.domain import access
from services.referrals.domain.referral import Referral
from services.referrals.store.amendments import SentAmendment, of_referrals
from shared.kernel.actor import Actor
from shared.persistence.statements import ReadSession

__all__ = ["SentAmendment", "amendments"]


async def amendments(reader: ReadSession, referral: Referral, joined: Sequence[Referral], actor: Actor) -> list[SentAmendment]:
    """A referrer sees what it sent; the Community Point of Access also what the referrers of merged referrals sent; others see none."""
    if access.is_point_of_access(actor):
        return await of_referrals(reader, [referral.id, *(each.id for each in joined)])
    return await of_referrals(reader, [referral.id]) if access.is_referrer(referral, actor) else []
