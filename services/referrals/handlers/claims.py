"""Claims of referrals at the Community Point of Access."""

from uuid import UUID

from services.referrals.commands import ClaimReferral
from services.referrals.domain import claims as domain
from services.referrals.domain.claims import Claim
from services.referrals.store import claims
from services.referrals.store.referrals import referrals
from services.referrals.store.tables import Tx


async def claim_referral(referral_id: UUID, command: ClaimReferral, *, tx: Tx) -> Claim:
    """The lock of the referral lets one of two claims win. Raises ReferralNotFound, IllegalTransition, ClaimedByColleague."""
    referral = await referrals.load(tx, referral_id)
    present = (await claims.live(tx, [referral_id], tx.now)).get(referral_id)
    claimed = domain.claim(referral, present, command, claimed_by=tx.actor.id, now=tx.now, policy=tx.policy)
    await claims.put(tx, claimed)
    tx.audit(referral_id)
    return claimed


async def release_claim(referral_id: UUID, *, tx: Tx) -> None:
    """Without a claim that holds, nothing changes: a repeated release succeeds. Raises ReferralNotFound, ClaimedByColleague."""
    referral = await referrals.load(tx, referral_id)
    present = (await claims.live(tx, [referral_id], tx.now)).get(referral_id)
    if present:
        domain.require_releasable(referral, present.claimed_by, actor_id=tx.actor.id)
        await claims.drop(tx, referral_id)
    tx.audit(referral_id)
