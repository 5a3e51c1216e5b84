"""Deadlines of a referral."""

from collections.abc import Sequence

from services.referrals.domain import deadlines
from services.referrals.domain.referral import ReferralDeadline
from services.referrals.store.referrals import referrals
from services.referrals.store.tables import Tx
from shared.persistence.deadlines import DueDeadline


async def prefetch_referrals(due: Sequence[DueDeadline], *, tx: Tx) -> None:
    """Locks the referrals of a batch of deadlines by one statement."""
    await referrals.prefetch(tx, [deadline.subject for deadline in due])


async def on_due(deadline: DueDeadline, *, tx: Tx) -> None:
    referral = await referrals.load(tx, deadline.subject)
    await referrals.save(tx, deadlines.mark_overdue(referral, ReferralDeadline(deadline.kind), tx.now, tx.policy))
